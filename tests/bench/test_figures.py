# SPDX-License-Identifier: ISC
"""How tables tell the rounds. By tests/bench/figures."""
import contextlib
import io
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import cpu  # noqa: E402
from results import Results  # noqa: E402


class Files(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)


class Rounds(Files):
    def setUp(self):
        super().setUp()
        self.err = io.StringIO()
        self.addCleanup(setattr, cpu, "others", cpu.others)

    def measured(self, *used):
        results = Results()
        cpu.others = iter(used).__next__
        results.goal("ratio", "rate", ("row", "a"), ("row", "b"), least=1)
        with contextlib.redirect_stderr(self.err):
            for _ in results.rounds(len(used)):
                results.timed("row", "a", 10, 1)
                results.timed("row", "b", 10, 1)
        return results

    def test_each_row_says_how_many(self):
        goals, samples = self.measured(0.0, 0.05, 0.0).tables()
        self.assertEqual([goals[0][2], goals[1][2]], ["rounds", "3"])
        self.assertEqual([samples[0][2], samples[1][2]], ["rounds", "3"])
        self.assertEqual(self.err.getvalue(), "")

    def test_loud_rounds_are_told_and_kept(self):
        results = self.measured(0.0, 0.6, 0.0)
        self.assertEqual(self.err.getvalue(),
                         "bench: round 2: others use 60 % of the processors\n")
        results.save(self.path("saved"))
        saved = Results.load(self.path("saved"))
        self.assertEqual([s.get("loud") for s in saved.rows["row"]["a"]], [None, 0.6, None])
        goals, samples = saved.tables()
        self.assertEqual((goals[1][2], samples[1][2]), ("3, 1 loud", "3, 1 loud"))

    def test_rounds_of_both_where_two_are_compared(self):
        goals, _ = self.measured(0.0).tables(self.measured(0.0, 0.9))
        self.assertEqual([goals[1][2], goals[1][4]], ["2, 1 loud", "1"])

    def test_what_is_used_is_a_share(self):
        self.assertTrue(0 <= cpu.in_use(0.05) <= 1)


if __name__ == "__main__":
    unittest.main()
