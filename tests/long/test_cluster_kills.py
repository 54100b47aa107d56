# SPDX-License-Identifier: ISC
"""A cluster under load: nodes, servers and ways are killed, stopped and cut, drawn from a
seed, for ROUNDS rounds (lib/kills.py says what has to hold behind each). SEED chooses
another run; `tests/run` has a few rounds of it."""
import os
import time

from lib.kills import Kills

SEED = int(os.environ.get("SEED", time.time()))
ROUNDS = int(os.environ.get("ROUNDS", "40"))


def test_everything_is_killed(stack):
    k = Kills(stack, SEED)
    k.say("SEED=%d" % SEED)
    for i in range(ROUNDS):
        k.round(1 + i % 4)
    k.finish()
