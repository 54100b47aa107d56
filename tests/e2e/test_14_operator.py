# SPDX-License-Identifier: ISC
"""What surrounds the daemon and is none of mail's business: a log that does
not flow, a clock that lies."""
import os
import re
import threading

from lib.smtp import Flood

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
