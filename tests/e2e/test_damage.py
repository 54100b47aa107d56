# SPDX-License-Identifier: ISC
"""Bits of the database flip while the daemon delivers: it goes on, or ends with
status 3 and one line; never of a signal, and never without an answer.
MXWATCH_FLIPS and MXWATCH_FLIPS_SEED run more places, and others."""
import os
import random
import shutil
import signal
import struct
import subprocess

from lib.mxwatchd import PLAIN
from lib.smtp import Raw, send
from lib.wait import wait_for

PAGE = 4096
TRIALS = int(os.environ.get("MXWATCH_FLIPS", "8"))
SEED = int(os.environ.get("MXWATCH_FLIPS_SEED", "1"))


def place(rnd, data):
    """A byte that LMDB believes: the head of a page, the place or the head of a
    node; now and then any other."""
    page = rnd.randrange(len(data) // PAGE) * PAGE
    lower = struct.unpack_from("<H", data, page + 12)[0]
    keys = (lower - 16) // 2 if 16 < lower < PAGE // 2 else 0
    what = rnd.randrange(10)
    if what < 4:
        return page + 8 + rnd.randrange(8)
    if keys == 0 or what > 8:
        return page + rnd.randrange(PAGE)
    if what < 6:
        return page + 16 + rnd.randrange(2 * keys)
    node = struct.unpack_from("<H", data, page + 16 + 2 * rnd.randrange(keys))[0]
    return page + min(node, PAGE - 8) + rnd.randrange(8)


def flip(rnd, path):
    with open(path, "r+b") as f:
        data = f.read()
        at = place(rnd, data)
        f.seek(at)
        f.write(bytes([data[at] ^ (1 << rnd.randrange(8))]))
    return at


def at_rest(d):
    """It is gone, or has nothing more to deliver."""
    try:
        m = d.metrics()
        return not any(m.get("queue_messages", domain="a.test", state=s)
                       for s in ("active", "deferred"))
    except (OSError, AssertionError):
        return d.proc.poll() is not None


def trial(d, rnd, template, early):
    db = os.path.join(d.spool, "db", "data.mdb")
    shutil.rmtree(d.spool)
    subprocess.run(["cp", "-a", template, d.spool], check=True)
    if early:
        at = flip(rnd, db)
    d.spawn()
    if not early:
        wait_for(lambda: d.proc.poll() is not None or d.http("/-/ready")[0] == 200, 20)
        at = flip(rnd, db)
    for i in range(5):
        try:
            with Raw(d.port) as c:
                c.cmd("EHLO x")
            send(d.port, "new %d" % i)
        except Exception:  # refused, or the daemon is gone
            pass
    try:
        wait_for(lambda: at_rest(d), 8, "rest")
    except AssertionError:
        pass  # what hangs does not stop below
    if d.proc.poll() is None:
        d.proc.send_signal(signal.SIGTERM)
    code = d.proc.wait(30)
    d.proc = None
    with open(d.log_path, errors="replace") as f:
        f.seek(d.log_from)
        log = f.read()
    told = log.count("event=database_damaged") == 1 or "run mxwatch-salvage" in log
    assert code == 0 or (code == 3 and told), "exit %d, page %d byte %d, %s: %s" % (
        code, at // PAGE, at % PAGE, "before" if early else "running", log[-3000:])
    return code


def test_flipped_bits_end_in_a_sentence_or_in_nothing(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, build=PLAIN)
    d.wait_state("a.test", "down")
    for i in range(150):
        send(d.port, "m%d" % i)
    d.stop()
    template = os.path.join(d.dir, "template")
    shutil.copytree(d.spool, template)
    mx.start()
    rnd = random.Random(SEED)
    codes = [trial(d, rnd, template, i % 2 == 0) for i in range(TRIALS)]
    print("%d places, %d ended with status 3" % (len(codes), codes.count(3)))
