# SPDX-License-Identifier: ISC
"""C2: the power fails, and what was not synced is lost, torn or kept, in any mixture.
tests/long cuts it some hundred times."""
from lib.powerwork import Work


def test_case_C2_power_cuts(stack):
    work = Work(stack).run(30)
    assert work.cuts(12) > 0
