# SPDX-License-Identifier: ISC
"""A few rounds of tests/long/test_cluster_kills.py: lib/kills.py says what has to hold
behind each. SEED chooses another run."""
import os

from lib.kills import Kills

SEED = int(os.environ.get("SEED", "3"))


def test_some_are_killed(stack):
    k = Kills(stack, SEED, clients=4)
    for n in (1, 2, 3):
        k.round(n)
    k.finish()
