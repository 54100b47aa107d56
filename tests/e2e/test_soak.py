# SPDX-License-Identifier: ISC
"""Outages, moods of primaries, reloads, kills and slow clients over fifty domains, and
the books balance (lib/soak.py). An hour of it is in tests/long/test_soak.py."""
import os
import time

from lib.soak import Soak

SEED = int(os.environ.get("SEED", time.time()))
SECONDS = int(os.environ.get("SOAK_SECONDS", "130"))


def test_soak(stack):
    s = Soak(stack, SEED)
    s.say("SEED=%d" % SEED)
    for i in range(6):
        s.round(SECONDS / 6, kills=i > 2)
    s.finish()
