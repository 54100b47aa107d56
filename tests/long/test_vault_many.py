# SPDX-License-Identifier: ISC
"""Ten thousand messages that a primary refused, over kills at any moment: all are
in the vault, a replay delivers each once, and what goes back again is replayed
again only when that is meant. MESSAGES and SEED choose another run."""
import os
import random
import subprocess
import sys
import time

from lib.smtp import Flood, subjects
from lib.vault import IN_FLIGHT, kept, more_than_once, pair
from lib.wait import wait_for

MESSAGES = int(os.environ.get("MESSAGES", "10000"))
STUBBORN = MESSAGES // 20  # are refused once more, when they are replayed
SEED = int(os.environ.get("SEED", time.time()))
KILLS = 5  # while mail comes in and is refused, and as many in the replay


def say(*text):
    print("vault:", *text, file=sys.stderr, flush=True)


class Killer:
    """SIGKILL whenever it is told to; when, by the clock that the primary uses."""

    def __init__(self, d):
        self.d, self.at = d, []

    def kill(self):
        self.at.append(time.time())
        self.d.kill9()
        self.d.start()


def thrown(rnd, n, below):
    """Counts at which to kill, anywhere."""
    return sorted(rnd.randrange(1, below) for _ in range(n))


def replay(d, *args):
    """In the background, for it dies with the daemon."""
    return subprocess.Popen([os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "replay",
                             "a.test", "--reason", "the list was wrong", *args],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def test_ten_thousand_over_kills_each_once(stack):
    rnd = random.Random(SEED)
    say("SEED=%d" % SEED)
    mx, d = pair(stack, "1G")
    killer = Killer(d)
    begin = time.monotonic()
    floods = [Flood(d.port, rcpt="many@a.test", threads=4, tag="m"),
              Flood(d.port, rcpt="stubborn@a.test", threads=1, tag="s")]
    wanted = MESSAGES - STUBBORN, STUBBORN

    def taken():
        return sum(len(f.acked) for f in floods)

    def enough(deadline, until):
        def there():
            for f, n in zip(floods, wanted):
                if len(f.acked) >= n:
                    f.halt.set()
            return taken() >= until
        wait_for(there, deadline, "%d taken" % until, step=0.01)

    for n in thrown(rnd, KILLS, MESSAGES):
        enough(300, n)
        killer.kill()
    enough(300, MESSAGES)
    for f in floods:
        f.halt.set()
        f.join()
    # A 250 that a kill cut off is there, too.
    acked = floods[0].acked | floods[1].acked
    wait_for(lambda: kept(d) >= len(acked) and d.metrics().queued("a.test") == 0, 300,
             "all of them refused and kept", step=0.5)
    stored = int(kept(d))
    assert mx.messages == []
    assert len(acked) <= stored <= len(acked) + 5 * KILLS
    say("%d taken, %d kept, %d kills, %.0f s" % (len(acked), stored, KILLS,
                                                time.monotonic() - begin))

    begin = time.monotonic()
    mx.misbehave[1] = "except=postmaster@a.test,many@a.test"
    p = replay(d)
    for n in thrown(rnd, KILLS, MESSAGES - STUBBORN):
        end = time.monotonic() + 120
        while len(mx.messages) < n:
            # What was not replayed yet when it was killed.
            if p.poll() is not None and d.metrics().queued("a.test") == 0:
                p = replay(d)
            assert time.monotonic() < end, "%d of %d" % (len(mx.messages), n)
            time.sleep(0.01)
        killer.kill()
        p.wait()
        p = replay(d)
    p.wait()

    def over():
        rest = d.ctl_run("replay", "a.test", timeout=120)
        return rest.returncode == 1 and d.metrics().queued("a.test") == 0
    wait_for(over, 300, "all was replayed", step=1)
    copies = len(mx.messages)
    say("replayed, %d kills, %.0f s" % (KILLS, time.monotonic() - begin))
    got = set(subjects(m.data for m in mx.messages))
    assert got >= floods[0].acked and not got & floods[1].acked

    # Refused once more: they stay until it is meant.
    left = int(kept(d))
    assert len(got) + left == stored and left >= STUBBORN
    mx.misbehave[:] = []
    assert d.ctl_run("replay", "a.test").returncode == 1
    assert kept(d) == left and d.metrics().queued("a.test") == 0
    assert replay(d, "--again").wait() == 0
    wait_for(lambda: kept(d) == 0 and d.metrics().queued("a.test") == 0, 120, "those, too")
    again = more_than_once(mx.messages, killer.at[KILLS:])
    got = set(subjects(m.data for m in mx.messages))
    assert got >= acked and len(got) == stored
    assert sum(again.values()) - len(again) == copies + left - stored, \
        "none behind the last kill"
    say("%d delivered, %d of them more than once, for a kill came between the 250 and its "
        "record: at most %d are in flight at one" % (len(got), len(again), IN_FLIGHT))
