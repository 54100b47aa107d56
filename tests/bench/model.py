# SPDX-License-Identifier: ISC
"""What a message costs: system calls by name (strace -f -c), bytes that the disk
was given, those of others with them (its own counter), round trips over a long
way. strace makes everything slower, so nothing is timed under it, and the bytes
are counted without it; groups of messages are larger under it."""
import os
import signal
import subprocess
import time

import outgoing
import tools
from servers import Sink, say, wait_for

SIZE = 4096
LEAST = 0.05  # calls a message that are shown


def calls_during(a, what):
    """{name: calls} of the daemon and its threads while what() runs."""
    path, pid = a.work + "/strace", a.mxwatchd.proc.pid
    p = subprocess.Popen(["strace", "-f", "-c", "-o", path, "-p", str(pid)],
                         stderr=subprocess.PIPE, text=True)
    p.stderr.readline()  # "attached": it counts from here
    what()
    p.send_signal(signal.SIGINT)
    p.communicate()
    with open(path) as f:
        rows = [line.split() for line in f]
    os.unlink(path)
    return {r[-1]: int(r[3]) for r in rows
            if len(r) >= 5 and r[3].isdigit() and r[-1] != "total"}


def disk_bytes(mx):
    """What the disk of the spool has been given, nothing being left for later; None
    where it is no single device. /proc/PID/io would be of the daemon alone, but for
    a page of a large folio that counts all of it, up to a megabyte."""
    os.sync()
    dev = os.stat(mx.dir).st_dev
    try:
        with open("/sys/dev/block/%d:%d/stat" % (os.major(dev), os.minor(dev))) as f:
            return int(f.read().split()[6]) * 512
    except FileNotFoundError:
        return None


def written_since(mx, before):
    return None if before is None else disk_bytes(mx) - before


def metric_wait(mx, n):
    wait_for("the flush", 300, lambda: mx.delivered() >= n, 0.5)


def intake_case(a, n, sessions, flags="-d"):
    mx = a.mxwatchd
    mx.reset()
    before = disk_bytes(mx)
    tools.load(mx.port, n, SIZE, sessions, flags)
    time.sleep(1)  # what follows behind the reply
    written = written_since(mx, before)

    def traced():
        tools.load(mx.port, n, SIZE, sessions, flags)
        time.sleep(1)
    return calls_during(a, traced), written


def flushed(mx, n, primary):
    mx.flush()
    metric_wait(mx, n)
    time.sleep(1)
    primary.stop()


def flush_case(a, n):
    """Filled once, flushed untraced; filled again, flushed under strace."""
    mx, out = a.mxwatchd, []
    for traced in (False, True):
        mx.reset()
        tools.load(mx.port, n, SIZE, 50, "-d")
        before = disk_bytes(mx)
        primary = Sink(mx.primary).start()

        def go():
            flushed(mx, n, primary)
        if traced:
            out.insert(0, calls_during(a, go))
        else:
            go()
            out.append(written_since(mx, before))
    return tuple(out)


def trips(a):
    """Round trips a message: 20 connections share them."""
    n, out = a.scaled(2000), []
    for text, options in outgoing.depths(a):
        a.mxwatchd.deliver = options
        outgoing.far_round(a, "trips", "mxwatchd" + text, a.mxwatchd, n)
        rate = a.results.values(("trips", "mxwatchd" + text), "steady")[-1]
        out.append(("round trips a message" + text, "", "", "", "%.2f" % (
            outgoing.CONNECTIONS / rate / (outgoing.RTT_MS / 1000))))
    a.mxwatchd.deliver = ""
    a.results.rows.pop("trips")
    return out


def model(a):
    few, many = a.scaled(600), a.scaled(6000)
    cases = []
    for what, n, (calls, written) in (
            ("intake, 1 session", few, intake_case(a, few, 1)),
            ("intake, 50 sessions", many, intake_case(a, many, 50)),
            ("the same in TLS", many, intake_case(a, many, 50, "-dt")),
            ("flush, 20 connections", many, flush_case(a, many))):
        say(what, "%.1f calls a message" % (sum(calls.values()) / n))
        cases.append((what, n, calls, written))
    names = sorted({c for _, n, calls, _ in cases for c in calls if calls[c] / n >= LEAST},
                   key=lambda c: -max(calls.get(c, 0) / n for _, n, calls, _ in cases))
    rows = [("a message costs", *(what for what, *_ in cases)),
            ("KB to the disk", *("-" if w is None else "%.1f" % (w / n / 1024)
                                 for _, n, _, w in cases)),
            ("system calls", *("%.1f" % (sum(c.values()) / n) for _, n, c, _ in cases))]
    for name in names:
        rows.append((name, *("%.2f" % (c.get(name, 0) / n) for _, n, c, _ in cases)))
    return rows + trips(a)
