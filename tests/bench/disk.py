# SPDX-License-Identifier: ISC
"""One session, which waits for the disk with every message, beside a program
that does nothing but append and sync, by clients that need four, two and one
round trips for a message; and messages of 10 MB, beside a program that does
nothing but write or read."""
import os
import time

import cpu
import tools
from servers import say, wait_for

MX, RAW, SINK = "mxwatchd", "raw disk", "sink"
SIZE = 4096
ONE = 1500  # messages of one session
# How one client sends: (in the row, options of load; None: smtp-source). Those
# that give mail to a backup MX pipeline where they may, and some have BDAT.
CLIENTS = (("by smtp-source", None), ("pipelined, by load -p", "-dp"),
           ("BDAT, by load -b", "-db"))
SLOW_US = 5000
SLOW = 100
BIG = 10 << 20
BIGS = 96  # of them, in a round: bandwidth, and not the beginning
BIG_SESSIONS = 4


def raw_append(a, row, n, slow_us=0):
    path = a.work + "/raw"
    got = tools.raw_disk("append", path, SIZE, n, slow_us=slow_us)
    os.unlink(path)
    a.results.timed(row, RAW, n, got["seconds"], (got["user"], got["system"]))


def alone(a):
    """The disk with nobody else: `--only disk`."""
    path = a.work + "/raw"
    for _ in a.results.rounds(a.rounds):
        for row, n, args in (("append 4 KB + fdatasync", 2000, ("append", path, SIZE, 2000)),
                             ("write 10 MB, one after the other", 24, ("write", path, BIG, 24)),
                             ("read 10 MB", 24, ("read", path, BIG))):
            got = tools.raw_disk(*args)
            a.results.timed(row, RAW, n, got["seconds"], (got["user"], got["system"]))
        os.unlink(path)
        say("disk", a.latest("append 4 KB + fdatasync"))


def one_session(a, row, s, n, flags):
    used = s.used()
    if flags is None:
        seconds, _ = tools.smtp_source(s.port, n, SIZE, 1)
    else:
        seconds = tools.load(s.port, n, SIZE, 1, flags)["seconds"]
    a.results.timed(row, s.name, n, seconds, cpu.minus(cpu.at_rest(s.used), used))


def chunking_sink(a, row, n, flags):
    """smtp-sink has no CHUNKING: what the dialogue alone costs is told by ours."""
    sink = tools.chunk_sink()
    seconds = tools.load(sink.port, n, SIZE, 1, flags)["seconds"]
    sink.stop()
    a.results.timed(row, SINK, n, seconds)


def session_round(a, row, servers, flags):
    n, postfix = a.scaled(ONE), a.scaled(ONE // 5)
    raw_append(a, row, n)
    if flags == "-db":
        # it answers the envelope first; the reply to the chunk, which is behind
        # that in Nagle's queue, waits 40 ms for the client to acknowledge it
        postfix = a.scaled(ONE // 20)
        chunking_sink(a, row, n, flags)
        servers = [s for s in servers if s.name != "smtp-sink"]
    for s in servers:
        s.reset()
        one_session(a, row, s, postfix if s.name == "Postfix" else n, flags)
    say(row, a.latest(row))


def session(a):
    rows = [("one session, 4 KB, " + who, flags) for who, flags in CLIENTS]
    for row, flags in rows:
        sink = SINK if flags == "-db" else "smtp-sink"
        a.results.goal(row + ", over raw append+fdatasync", "rate", (row, MX), (row, RAW),
                       least=0.67 if flags is None else None)
        a.results.goal(row + ", over " + sink, "rate", (row, MX), (row, sink))
        a.results.goal(row + ", over Postfix", "rate", (row, MX), (row, "Postfix"))
    for r in a.results.rounds(a.rounds):
        for row, flags in rows:
            session_round(a, row, a.round(r), flags)


def slow(a):
    """Without Postfix: its master gives its programs an environment of their
    own, which the delay would have to be let through."""
    rows = [("one session, a sync takes 5 ms more, " + who, flags) for who, flags in CLIENTS]
    for row, flags in rows:
        a.results.goal(row + ", over raw append+fdatasync", "rate", (row, MX), (row, RAW),
                       least=0.9 if flags is None else None)
    mx, n = a.mxwatchd, a.scaled(SLOW)
    mx.env = tools.slow_sync(SLOW_US)
    for _ in a.results.rounds(a.rounds):
        for row, flags in rows:
            raw_append(a, row, n, SLOW_US)
            mx.reset()
            one_session(a, row, mx, n, flags)
            say(row, a.latest(row))
    mx.env = {}


def large_in(a, row, n, servers):
    path = a.work + "/raw"
    got = tools.raw_disk("write", path, BIG, n)
    a.results.timed(row, RAW, n, got["seconds"], (got["user"], got["system"]))
    for s in servers:
        s.reset()
        used = s.used()
        got = tools.load(s.port, n, BIG, BIG_SESSIONS, "-d")
        a.results.timed(row, s.name, n, got["seconds"], cpu.minus(cpu.at_rest(s.used), used))
    return path


def large_out(a, row, n, path):
    """What the daemon has just taken, from the disk to a primary."""
    mx = a.mxwatchd
    got = tools.raw_disk("read", path, 1 << 20)
    a.results.timed(row, RAW, n, got["seconds"], (got["user"], got["system"]))
    os.unlink(path)
    tools.uncached(mx.dir + "/spool")
    sink = tools.chunk_sink(mx.primary)
    used, start = mx.used(), time.monotonic()
    mx.flush()
    wait_for("the flush", 300, lambda: sink.count()["messages"] >= n, 0.01)
    a.results.timed(row, MX, n, time.monotonic() - start, cpu.minus(mx.used(), used))
    sink.stop()


def large(a):
    row_in, row_out = "10 MB messages in", "10 MB messages out"
    a.results.goal(row_in + ", over sequential writing", "rate", (row_in, MX), (row_in, RAW),
                   least=0.7)
    a.results.goal(row_in + ", over Postfix", "rate", (row_in, MX), (row_in, "Postfix"))
    a.results.goal(row_out + ", over sequential reading", "rate", (row_out, MX), (row_out, RAW),
                   least=0.7)
    n = a.scaled(BIGS)
    for r in a.results.rounds(a.rounds):
        path = large_in(a, row_in, n, a.round(r))
        large_out(a, row_out, n, path)
        say(row_in, a.latest(row_in), row_out, a.latest(row_out))
