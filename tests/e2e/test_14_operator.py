# SPDX-License-Identifier: ISC
"""What surrounds the daemon and is none of mail's business: a log that does
not flow, a clock that lies."""
import glob
import os
import re
import threading

import pytest

from lib.mxwatchd import PLAIN
from lib.smtp import Flood, send
from lib.wait import wait_for

DOWN = {"a.test": 'primary = {"127.0.0.1:9"}'}


def full_pipe():
    """A pipe that does not take another byte."""
    r, w = os.pipe()
    os.set_blocking(w, False)
    try:
        while True:
            os.write(w, b"x" * 4095 + b"\n")
    except BlockingIOError:
        os.set_blocking(w, True)
    return r, w


def test_a_log_that_nobody_reads(stack):
    d = stack.mxwatchd(DOWN, start=False)
    r, w = full_pipe()
    d.spawn(stderr=w)
    os.close(w)
    d.wait_ready()
    dropped = 0
    while not dropped:  # until more was logged than may wait
        flood = Flood(d.port, count=1000)
        flood.wait_acked(1000, 120)
        flood.join()
        dropped = d.metrics().get("log_lines_dropped_total")
    got = []

    def read():
        with os.fdopen(r, "rb") as f:
            got.append(f.read())
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    d.stop()
    reader.join(20)
    log = got[0].decode()
    said = [int(n) for n in re.findall(r" warn log dropped=(\d+) ", log)]
    assert sum(said) >= dropped and "notice daemon stopped=1" in log


def test_a_log_that_is_never_read_does_not_stop_the_end(stack):
    d = stack.mxwatchd(DOWN, start=False)
    r, w = full_pipe()
    d.spawn(stderr=w)
    os.close(w)
    d.wait_ready()
    d.stop()
    os.close(r)


# ---- the wall clock

class Clock:
    """A wall clock that can be set, for one process; the monotonic one goes on
    as it should."""

    def __init__(self, path):
        found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not found:
            pytest.skip("libfaketime is not installed")
        self.path = path
        self.env = {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": path,
                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "DONT_FAKE_MONOTONIC": "1"}
        self.set("+0")

    def set(self, offset):
        with open(self.path + ".new", "w", encoding="ascii") as f:
            f.write(offset + "\n")
        os.rename(self.path + ".new", self.path)


def expired(d):
    return d.metrics().get("delivery_recipients_expired_total", domain="a.test")


def test_a_clock_that_leaps_ahead(stack, tmp_path):
    clock = Clock(str(tmp_path / "clock"))
    d = stack.mxwatchd(DOWN, queue='clock_settle = "10s"', build=PLAIN, env=clock.env,
                       dsn='smarthost = "127.0.0.1:9"')
    send(d.port, "old")
    assert d.status()["clock"] == {"doubted": False, "believed_in_seconds": 0}
    clock.set("+31d")
    send(d.port, "new")  # the queue looks at the clock when it has something to do
    d.wait_log("error queue event=clock_leapt ahead=3[01]d")
    assert d.metrics().get("clock_doubted") == 1
    wait_for(lambda: d.metrics().get("alerts_active", alert="clock_leapt") == 1,
             8, "the alert")
    assert "CLOCK LEAPT" in d.ctl("status")[1] and "clock_step" in d.ctl("why", "a.test")[1]
    assert d.status()["clock"]["doubted"] is True and expired(d) == 0
    d.wait_log("warn queue event=clock_believed", 30)
    wait_for(lambda: expired(d) == 1, 10, "the old message has expired")
    assert d.metrics().queued("a.test") == 1

    # a host that was off for a month: the same, from what the spool remembers
    d.stop()
    clock.set("+62d")
    d.start()
    d.wait_log("error queue event=clock_leapt ahead=3[01]d")
    assert d.metrics().get("clock_doubted") == 1 and expired(d) == 0
    # and taken back before anything came of it
    clock.set("+31d")
    send(d.port, "newer")
    d.wait_log("warn queue event=clock_set_back")
    assert d.metrics().get("clock_doubted") == 0 and expired(d) == 0
