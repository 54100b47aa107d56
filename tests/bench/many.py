# SPDX-License-Identifier: ISC
"""Many domains on some primaries, and many messages for one primary that
takes few connections. The primaries are one process, tests/bench/primaries."""
import os
import re
import signal
import statistics
import subprocess
import sys
import time

import tools
from servers import Mxwatchd, Postfix, free_port, greets, say, wait_for

PRIMARIES = 500
INTERVAL = 10  # seconds between two probes
FALL, RISE = 3, 2
PATIENCE = 180  # seconds until a size is given up
CALM = 2  # intervals after that, until turns lie as they will
STEADY = 3  # intervals that are watched then
# Turns come up to a tenth early, never late: what that makes of one session an interval.
SESSIONS = 1 / 0.95

TOP = """\
hostname = "mx2.example.net"
spool = "{dir}/spool"
control = "{dir}/control.sock"
user = "root"
log = "{dir}/log"
drain = "2s"
smtpd {{ listen = {{"127.0.0.1:{port}"}} max_commands = 100000 session = "1h" }}
web {{ listen = {{"127.0.0.1:{web}"}} }}
metrics {{ per_domain = no }}
"""


class Primaries:
    def __init__(self, build, limit=0, delay=0, port=None):
        self.command = [tools.tool("primaries")]
        self.port, self.limit, self.delay = port or free_port(), limit, delay

    def start(self):
        self.proc = subprocess.Popen(
            self.command + [str(n) for n in (self.port, self.limit, self.delay)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_for("the primaries", 10, lambda: greets(self.port))
        return self

    def count(self):
        """connections, refused, most (of one, at once), messages, checks
        (sessions without a message)"""
        self.proc.stdin.write("\n")
        self.proc.stdin.flush()
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", self.proc.stdout.readline())}

    def stop(self):
        self.proc.stdin.close()
        self.proc.wait()


# ---- many domains

def address(i):
    return "127.1.%d.%d" % (i // 250, i % 250 + 1)


class Names:
    """The name server of `--by-mx`."""

    def start(self):
        self.proc = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "names.py"),
             str(PRIMARIES)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.proc.stdout.readline())
        return self

    def stop(self):
        self.proc.kill()
        self.proc.wait()


def configuration(n, port, shift=0, names=None):
    """n domains; `shift` moves every tenth to another primary. With a name server
    they are found by MX, and every tenth gets another lifetime instead."""
    lines = [TOP, """defaults {{
    probe {{ interval = "%ds" timeout = "5s" fall = %d rise = %d hold = "0s" port = %d }}
}}
""" % (INTERVAL, FALL, RISE, port)]
    if names is not None:
        lines.append('resolver = {{"127.0.0.1@%d"}}\n' % names.port)
    for i in range(n):
        at = (i + (shift if i % 10 == 0 else 0)) % PRIMARIES
        if names is not None:
            lines.append('domain "d%05d.example.org" {{ %s }}\n' % (
                i, 'lifetime = "10d"' if shift and i % 10 == 0 else ""))
            continue
        lines.append('domain "d%05d.example.org" {{ primary = {{"%s:%d"}} }}\n' % (
            i, address(at), port))
    return "".join(lines)


def ping(mxwatchd, echo):
    """A client of each says NOOP, over and over, and prints how long the
    answers took: time, of mxwatchd, of a server that does nothing else."""
    import socket

    def opened(port):
        s = socket.create_connection(("127.0.0.1", port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.recv(500)
        return s

    def asked(s):
        start = time.perf_counter()
        s.sendall(b"NOOP\r\n")
        if not s.recv(500).startswith(b"250"):
            raise SystemExit("ping: no 250")
        return (time.perf_counter() - start) * 1000
    both = opened(mxwatchd), opened(echo)
    print("open", flush=True)
    while True:
        ms = [asked(s) for s in both]
        print("%.3f %.2f %.2f" % (time.monotonic(), *ms), flush=True)
        time.sleep(0.005)


class Ping:
    def __init__(self, mxwatchd, echo):
        path = os.path.join(mxwatchd.dir, "ping")
        with open(path, "w") as out:
            self.proc = subprocess.Popen(
                [sys.executable, __file__, str(mxwatchd.port), str(echo)], stdout=out)
        self.path = path
        wait_for("the first ping", 60, lambda: os.path.getsize(path) > 5)

    def between(self, start, end):
        """(answers of mxwatchd, of the other), ms, ascending"""
        with open(self.path) as f:
            rows = [r.split() for r in f.read().splitlines()[1:-1]]
        rows = [[float(v) for v in r] for r in rows]
        rows = [r for r in rows if start <= r[0] <= end]
        return sorted(r[1] for r in rows), sorted(r[2] for r in rows)

    def stop(self):
        self.proc.kill()
        self.proc.wait()


def quantile(values, q):
    return values[min(len(values) - 1, int(len(values) * q))] if values else float("nan")


def lag_text(both):
    """p99.9 / max, and in brackets the same of the server beside it"""
    return "%.0f/%.0f (%.0f/%.0f)" % tuple(
        v for a in both for v in (quantile(a, 0.999), quantile(a, 1)))


def number(mx, name):
    got = mx.metric(name)
    return 0 if got is None else got


def first_verdicts(mx, n):
    """Seconds until no domain is unknown; None: not within PATIENCE. With the
    largest lag that the daemon itself has seen, in ms."""
    start, worst = time.monotonic(), 0
    while time.monotonic() < start + PATIENCE:
        left = number(mx, 'watchdog_state{state="unknown"}')
        worst = max(worst, number(mx, "event_loop_lag_seconds") * 1000)
        if left == 0 and number(mx, 'watchdog_state{state="up"}') == n:
            return time.monotonic() - start, worst
        time.sleep(0.5)
    say("%d of %d domains are unknown after %d s" % (left, n, PATIENCE))
    return None, worst


def steady(mx, primaries):
    """Probe sessions a primary and interval, the lag that the daemon sees."""
    before, worst = primaries.count()["connections"], 0
    start = now = time.monotonic()
    while now < start + STEADY * INTERVAL:
        time.sleep(1)
        worst = max(worst, number(mx, "event_loop_lag_seconds") * 1000)
        now = time.monotonic()
    sessions = primaries.count()["connections"] - before
    return sessions / PRIMARIES / ((now - start) / INTERVAL), worst


def timed(call):
    start = time.monotonic()
    call()
    return (time.monotonic() - start) * 1000


def one_size(work, build, n, by_mx=False):
    primaries = Primaries(build).start()
    names = Names().start() if by_mx else None
    mx = Mxwatchd(work, build)
    mx.dir = os.path.join(work, "d%d" % n)
    mx.text = configuration(n, primaries.port, names=names)
    pinger = None
    row = {}
    try:
        start = time.monotonic()
        mx.start()
        row["listening"] = "%.2f" % (time.monotonic() - start)
        pinger = Ping(mx, primaries.port)
        begin = time.monotonic()
        known, seen = first_verdicts(mx, n)
        row["known"] = "> %d" % (PATIENCE / INTERVAL) if known is None else \
            "%.1f" % (known / INTERVAL)
        row["lag start"] = lag_text(pinger.between(begin, time.monotonic()))
        row["own start"] = "%.0f" % seen
        if known is not None:
            time.sleep(CALM * INTERVAL)
            begin = time.monotonic()
            sessions, seen = steady(mx, primaries)
            row["sessions"] = "%.2f" % sessions
            row["lag"] = lag_text(pinger.between(begin, time.monotonic()))
            row["own"] = "%.0f" % seen
            row["rss"] = "%.0f" % mx.rss()
            name = "d%05d.example.org" % (n // 2)
            row["status"] = "%.1f" % statistics.median(
                timed(lambda: mx.ctl("status", name)) for _ in range(15))
            mx.text = configuration(n, primaries.port, 7, names)
            mx.write()
            begin = time.monotonic()
            row["reload"] = "%.1f" % (timed(lambda: mx.ctl("reload")) / 1000)
            time.sleep(2)
            row["lag reload"] = lag_text(pinger.between(begin, time.monotonic()))
        row.setdefault("rss", "%.0f" % mx.rss())
    finally:
        if pinger is not None:
            pinger.stop()
        if row.get("known", ">")[0] == ">":
            mx.proc.send_signal(signal.SIGKILL)
        mx.stop()
        primaries.stop()
        if names is not None:
            names.stop()
    say("%d domains%s:" % (n, " by MX" if by_mx else ""), ", ".join("%s %s" % r for r in row.items()))
    return row


def domains(work, build, sizes, by_mx=False):
    """Rows of a table: what it costs to watch that many domains."""
    got = [one_size(work, build, n, by_mx) for n in sizes]
    table = [("domains, of %d primaries%s" % (PRIMARIES, " by MX" if by_mx else ""), *sizes,
              "target")]
    for key, what, target in (
            ("listening", "start to 220, s", "2"),
            ("known", "all known, intervals of %d s" % INTERVAL, max(RISE, FALL) + 1),
            ("rss", "resident, MB", "300"),
            ("sessions", "probe sessions a primary and interval", "%.2f" % SESSIONS),
            ("lag start", "NOOP until then, p99.9/max ms (echo)", "50"),
            ("own start", "event_loop_lag_seconds until then, max ms", "50"),
            ("lag", "NOOP afterwards, p99.9/max ms (echo)", "50"),
            ("own", "event_loop_lag_seconds afterwards, max ms", "50"),
            ("reload", "reload that moves a tenth, s", ""),
            ("lag reload", "NOOP meanwhile, p99.9/max ms (echo)", "50"),
            ("status", "mxwatchctl status ONE, ms", "10")):
        table.append((what, *(r.get(key, "-") for r in got), target))
    return table


# ---- one primary that takes few connections

NAMES = ["d%02d.example.org" % i for i in range(20)]
FEW = 5
DELAY = 20  # ms that a message costs a connection

WINDOW = TOP + """
defaults {{
    primary = {{"127.0.0.1:{primary}"}}
    probe {{ interval = "1s" timeout = "1s" fall = 2 rise = 2 hold = "0s" }}
    deliver {{ connections = {connections} }}
    retry {{ first = "1s" max = "5s" }}
}}
""" + "".join('domain "%s" {{}}\n' % d for d in NAMES)


def fill(port, n):
    """n messages, the same number for each domain."""
    for d in NAMES:
        subprocess.run(["smtp-source", "-l", "4096", "-s", "20", "-m", str(n // len(NAMES)), "-d",
                        "-f", "carol@example.net", "-t", "ada@" + d, "127.0.0.1:%d" % port],
                       check=True, stdin=subprocess.DEVNULL)


def drained(primaries, n, flush):
    """Messages a second from the flush to the last, and the counters."""
    start = time.monotonic()
    flush()
    try:
        wait_for("the flush", 120, lambda: primaries.count()["messages"] >= n, 0.05)
    except SystemExit as e:
        say(e)
    count = primaries.count()
    return count["messages"] / (time.monotonic() - start), count


def window_mxwatchd(work, build, n, connections, limit):
    mx = Mxwatchd(work, build)
    mx.dir = os.path.join(work, "w%d-%d" % (connections, limit))
    mx.connections, mx.text = connections, WINDOW
    mx.start()
    try:
        wait_for("the primary to be down", 30, lambda: number(
            mx, 'watchdog_state{state="down"}') == len(NAMES), 0.1)
        fill(mx.port, n)
        primaries = Primaries(build, limit, DELAY, mx.primary).start()
        try:
            return drained(primaries, n, lambda: mx.ctl("flush", "--all", "--no-wait"))
        finally:
            primaries.stop()
    finally:
        mx.stop()


def window_postfix(work, build, n, limit):
    pf = Postfix(work, free_port(), NAMES, "postfix-window")
    pf.start()
    try:
        fill(pf.port, n)
        pf.settle()
        primaries = Primaries(build, limit, DELAY, pf.primary).start()
        try:
            return drained(primaries, n, pf.flush)
        finally:
            primaries.stop()
    finally:
        pf.stop()


def window(work, build, n, with_postfix):
    """Rows of a table: what is left of five connections when the primary
    counts them."""
    free, _ = window_mxwatchd(work, build, n, FEW, 0)
    runs = [("mxwatchd, %d configured, no limit" % FEW, free, _),
            ("mxwatchd, 20 configured, %d taken" % FEW,
             *window_mxwatchd(work, build, n, 20, FEW))]
    if with_postfix:
        runs.append(("Postfix, 20 configured, %d taken" % FEW,
                     *window_postfix(work, build, n, FEW)))
    table = [("%d messages, %d ms each" % (n, DELAY), "messages/s", "of free", "refused",
              "tried", "at once")]
    for name, rate, count in runs:
        say("%s: %.0f/s" % (name, rate), count)
        table.append((name, "%.0f" % rate, "%.2f" % (rate / free), count["refused"],
                      count["connections"], count["most"]))
    table.append(("target: at least 0.90 of free, under 2 % refused",))
    return table


if __name__ == "__main__":
    ping(*(int(a) for a in sys.argv[1:]))
