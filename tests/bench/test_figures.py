# SPDX-License-Identifier: ISC
"""What `tests/bench/run --check` says and how it ends, by costs that nobody
measured; and how tables tell the rounds. By tests/bench/figures."""
import contextlib
import copy
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import check  # noqa: E402
import cluster  # noqa: E402
import cpu  # noqa: E402
from results import Results, machine  # noqa: E402

BASE = {"machine": machine(), "messages": 6000, "costs": {
    "intake": {"cpu_us": 100.0, "instructions": 50000},
    "flush": {"cpu_us": 80.0}}}


class Files(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def file(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def base(self, name, **changes):
        return self.file(name, json.dumps({**copy.deepcopy(BASE), **changes}))

    def run_bench(self, *args):
        p = subprocess.run([sys.executable, os.path.join(HERE, "run"), *args],
                           env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
        return p.returncode, p.stdout, p.stderr

    def judged(self, costs, *args):
        """As an operator has it: two files, an exit code and a table."""
        return self.run_bench("--check", self.base("then"), "--later",
                              self.base("now", costs=costs), *args)


def costs(**changes):
    """Of BASE; intake=(us, instructions), flush=us."""
    out = copy.deepcopy(BASE["costs"])
    if "intake" in changes:
        out["intake"] = dict(zip(("cpu_us", "instructions"), changes["intake"]))
    if "flush" in changes:
        out["flush"] = {"cpu_us": changes["flush"]}
    return out


class Judgement(Files):
    def test_the_same_is_good(self):
        rc, out, _ = self.judged(costs())
        self.assertEqual(rc, 0)
        self.assertRegex(out, r"intake +50000 +50000 +instructions +\+0 %")
        self.assertRegex(out, r"flush +80 +80 +us +\+0 %")

    def test_less_is_good(self):
        rc, out, _ = self.judged(costs(flush=40.0))
        self.assertEqual(rc, 0)
        self.assertIn("-50 %", out)

    def test_more_than_the_bound_is_1(self):
        rc, out, _ = self.judged(costs(flush=93.0))
        self.assertEqual(rc, 1)
        self.assertIn("+16 %, more than 15 %", out)
        self.assertEqual(out.count("more than"), 1)

    def test_the_bound_is_what_was_asked_for(self):
        self.assertEqual(self.judged(costs(flush=91.0))[0], 0)
        self.assertEqual(self.judged(costs(flush=91.0), "--bound", "10")[0], 1)
        self.assertEqual(self.judged(costs(flush=93.0), "--bound", "20")[0], 0)

    def test_the_first_row_counts_as_the_last(self):
        self.assertEqual(self.judged(costs(intake=(100.0, 60000)))[0], 1)

    def test_instructions_before_time(self):
        rc, out, _ = self.judged(costs(intake=(300.0, 50000)))
        self.assertEqual(rc, 0, "the time of a loud machine decided")
        self.assertNotIn("300", out)

    def test_time_where_one_has_no_instructions(self):
        rc, out, _ = self.judged(costs(intake=(101.0,)))
        self.assertEqual(rc, 0)
        self.assertRegex(out, r"intake +100 +101 +us +\+1 %")
        self.assertEqual(self.judged(costs(intake=(130.0,)))[0], 1)

    def test_a_row_that_is_gone_is_1(self):
        rc, out, _ = self.judged({"intake": BASE["costs"]["intake"]})
        self.assertEqual(rc, 1)
        self.assertRegex(out, r"flush +80 +- +us +not measured any more")

    def test_a_row_that_is_new_is_told(self):
        rc, out, _ = self.judged({**costs(), "more": {"cpu_us": 9000.0}})
        self.assertEqual(rc, 0)
        self.assertRegex(out, r"more +- +9000 +us +not in the base")


class Bases(Files):
    def refused(self, path, why):
        with contextlib.redirect_stderr(io.StringIO()) as err:
            with self.assertRaises(SystemExit) as end:
                check.load_base(path)
        self.assertEqual(end.exception.code, 2)
        self.assertIn(why, err.getvalue())

    def test_it_ends_with_2_before_anything_is_measured(self):
        broken, whole = self.file("broken", "{"), self.base("whole")
        for args in ((broken,), (broken, "--later", whole), (whole, "--later", broken)):
            rc, out, err = self.run_bench("--check", *args)
            self.assertEqual((rc, out), (2, ""), err)
            self.assertIn("no base that --record has written", err)
            self.assertNotIn("Traceback", err)

    def test_one_that_is_whole(self):
        self.assertEqual(check.load_base(self.base("whole")), (6000, BASE["costs"]))

    def test_another_machine(self):
        for key, value in (("model", "Z80"), ("kernel", "0.01"), ("cores", 4096)):
            path = self.base("b", machine={**machine(), key: value})
            self.refused(path, "another machine: ")

    def test_another_number_of_messages(self):
        rc, _, err = self.run_bench("--check", self.base("a"), "--later",
                                    self.base("b", messages=20000))
        self.assertEqual(rc, 2)
        self.assertIn("of 6000 messages", err)

    def test_none(self):
        self.refused(self.path("nowhere"), "No such file")

    def test_broken(self):
        whole = json.dumps(BASE)
        for text in ("", "{", whole[:-3], "[]", "7", "null", '"costs"', "\0", "{}"):
            self.refused(self.file("b", text), "no base that --record has written")

    def test_parts_that_are_missing_or_of_another_kind(self):
        for changes in ({"costs": {}}, {"costs": None}, {"costs": []}, {"costs": {"x": 7}},
                        {"costs": {"x": {}}}, {"costs": {"x": {"instructions": 7}}},
                        {"costs": {"x": {"cpu_us": 0}}}, {"costs": {"x": {"cpu_us": -1}}},
                        {"costs": {"x": {"cpu_us": "9"}}}, {"costs": {"x": {"cpu_us": True}}},
                        {"costs": {"x": {"cpu_us": float("nan")}}},
                        {"costs": {"x": {"cpu_us": float("inf")}}},
                        {"costs": {"x": {"cpu_us": 1, "miles": 2}}},
                        {"messages": 0}, {"messages": "many"}, {"messages": None},
                        {"machine": None}, {"machine": "this one"}):
            with self.subTest(changes):
                self.refused(self.base("b", **changes), "no base that --record has written")

    def test_arguments(self):
        for args in (("--later", self.base("a")), ("--check", self.base("a"), "--record", "b"),
                     ("--record", self.path("no/where")), ("--rounds", "0")):
            rc, _, err = self.run_bench(*args)
            self.assertEqual(rc, 2, err)
            self.assertIn("usage:", err)


class MadeUp(Files):
    """Between --record and --check, with a measurement that is made up."""

    class A:
        def __init__(self, cpu_us, rounds=3):
            self.results, self.rounds, self.messages = Results(), rounds, 6000
            self.cpu_us, self.servers, self.mxwatchd = cpu_us, [], None

    def setUp(self):
        super().setUp()
        self.was = {(m, n): getattr(m, n) for m, n in (
            (check.intake, "clear_round"), (check.intake, "tls_round"),
            (check.outgoing, "near_server"), (cpu, "others"))}
        check.intake.clear_round = check.intake.tls_round = self.measure
        check.outgoing.near_server = self.measure
        cpu.others = lambda: 0.0
        self.addCleanup(lambda: [setattr(m, n, f) for (m, n), f in self.was.items()])

    def measure(self, a, *args):
        row = next(v for v in args if isinstance(v, str))
        if args[0] == row:  # near_server(a, row, server, n)
            self.sizes.append(args[2])
        n = len(a.results.values((row, check.MX), "cpu"))
        a.results.timed(row, check.MX, 10, 1.0, (10e-6 * a.cpu_us[n], 0))

    def both(self, then, now):
        self.sizes = []
        check.record(self.A(then), self.path("base"))
        a = self.A(now)
        a.messages = 1
        with contextlib.redirect_stdout(io.StringIO()) as out:
            return check.check(a, self.path("base"), 15), out.getvalue()


class Measured(MadeUp):
    def test_medians_decide(self):
        good, out = self.both((900, 100, 100), (100, 110, 5000))
        self.assertTrue(good, out)
        good, out = self.both((100, 100, 100), (90, 120, 120))
        self.assertFalse(good, out)

    def test_a_base_of_a_loud_machine_is_told(self):
        for used, told in ((0.05, ""), (0.6, "was recorded while others used")):
            cpu.others = lambda share=used: share
            with contextlib.redirect_stderr(io.StringIO()):
                self.both((1, 1, 1), (1, 1, 1))
            with contextlib.redirect_stderr(io.StringIO()) as err:
                check.load_base(self.path("base"))
            self.assertIn(told, err.getvalue())
            self.assertEqual(bool(told), bool(err.getvalue()))

    def test_as_many_messages_as_then(self):
        self.both((1, 1, 1), (1, 1, 1))
        self.assertEqual(self.sizes, 6 * [6000])


class Cluster(MadeUp):
    """A base says by its rows what is measured again."""

    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, cluster, "measure_costs", cluster.measure_costs)
        cluster.measure_costs = self.measure_cluster
        self.asked = 0

    def measure_cluster(self, a):
        self.asked += 1
        for who, us in ((cluster.ALONE, 10), ("PostgreSQL of " + cluster.ALONE, 40)):
            a.results.timed(cluster.INTAKE[0][0], who, 10, 1.0, (10e-6 * us * a.cpu_us[0], 0))

    def again(self, base, cpu_us):
        a = self.A((cpu_us, 1, 1))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            return check.check(a, base, 15), out.getvalue()

    def test_of_the_cluster_alone(self):
        self.sizes = []
        check.record(self.A((1, 1, 1)), self.path("base"), [cluster.ROW])
        self.assertEqual((self.asked, self.sizes), (1, []))
        good, out = self.again(self.path("base"), 1)
        self.assertTrue(good, out)
        self.assertEqual((self.asked, self.sizes), (2, []))
        self.assertRegex(out, r"intake 4 KB, engine +10 +10 +us")
        self.assertRegex(out, r"intake 4 KB, PostgreSQL of engine +40 +40 +us")
        self.assertFalse(self.again(self.path("base"), 1.2)[0])

    def test_of_the_spool_alone(self):
        self.both((1, 1, 1), (1, 1, 1))
        self.assertEqual(self.asked, 0)

    def test_what_has_been_read(self):
        log = ("t info queue event=attached domains=16 first=d1 damaged=0\n"
               "t info cluster event=taken domains=333\n"
               "t info queue event=attached domains=5 first=x damaged=0\n")
        self.assertEqual(cluster.attached(log), 21)
        self.assertEqual(cluster.attached(""), 0)


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

    def test_rounds_of_a_ratio_are_those_that_both_have(self):
        results = self.measured(0.0, 0.6, 0.7, 0.0)
        for sample in results.rows["row"]["b"][2:]:
            del sample["rate"]
        goals, samples = results.tables()
        self.assertEqual(goals[1][2], "2, 1 loud")
        self.assertEqual([r[2] for r in samples[1:]], ["4, 2 loud", "2, 1 loud"])

    def test_rounds_of_both_where_two_are_compared(self):
        goals, _ = self.measured(0.0).tables(self.measured(0.0, 0.9))
        self.assertEqual([goals[1][2], goals[1][4]], ["2, 1 loud", "1"])

    def test_what_is_used_is_a_share(self):
        self.assertTrue(0 <= cpu.in_use(0.05) <= 1)


if __name__ == "__main__":
    unittest.main()
