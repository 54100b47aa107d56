# SPDX-License-Identifier: ISC
"""C2: the power fails CUTS times (200), half of them right behind a 250. SEED
chooses another run; what comes up afterwards is the build in MXWATCH_BUILD."""
import os
import sys
import time

from lib.mxwatchd import BUILD
from lib.powerwork import SEED, Work

CUTS = int(os.environ.get("CUTS", "200"))


def test_case_C2_hundreds_of_power_cuts(stack):
    begin = time.monotonic()
    work = Work(stack).run(90)
    left = work.cuts(CUTS, build=BUILD)
    print("power cut: SEED=%d, %d operations, %d promised, %d cuts, %d delivered after them,"
          " %d s" % (SEED, len(work.trace.ops), len(work.acked), CUTS, left,
                     time.monotonic() - begin), file=sys.stderr, flush=True)
    assert left > CUTS
