# SPDX-License-Identifier: ISC
"""The soak of tests/e2e/test_soak.py for an hour (SOAK_SECONDS), with a real Postfix
among the primaries: half of it in one process, whose growth is a leak, the other half
over kills. SEED chooses another run."""
import os
import time

from lib.soak import Soak

SEED = int(os.environ.get("SEED", time.time()))
SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
ROUND = 60  # seconds of trouble between two calms


def test_an_hour(stack):
    s = Soak(stack, SEED, senders=6, pause=0.1, postfix=True)
    s.say("SEED=%d" % SEED)
    rounds = max(4, SECONDS // ROUND)
    for i in range(rounds):
        s.round(min(ROUND, SECONDS / rounds), kills=i >= rounds // 2)
    s.finish()
