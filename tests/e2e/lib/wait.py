# SPDX-License-Identifier: ISC
"""Waiting for a condition, with a deadline: tests never sleep for luck."""
import time

# Seconds. What is stuck behind something that hangs stands for longer; what
# only runs on a busy machine does not.
STALL = 2.0


def wait_for(condition, deadline=10.0, what=None, step=0.05):
    """The first true value of condition(). An AssertionError or OSError in it
    counts as "not yet"; the last one is shown when the deadline passes."""
    end = time.monotonic() + deadline
    why = None
    while True:
        try:
            got = condition()
            if got:
                return got
            why = got
        except (AssertionError, OSError) as e:
            why = repr(e)
        if time.monotonic() >= end:
            raise AssertionError("not within %g s: %s (last: %s)" % (
                deadline, what or getattr(condition, "__name__", "?"), why))
        time.sleep(step)


def stays(condition, seconds, what=None, step=0.05):
    """Fails as soon as the condition does not hold during that time. This is
    for what must NOT happen; keep it short."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), "did not stay: %s" % (what or "?")
        time.sleep(step)
