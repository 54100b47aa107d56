# SPDX-License-Identifier: ISC
"""Black-box cases at their full size: B16, C8, C11, D2 and D5, each within ten
minutes. tests/e2e has all of them in a short form; C2 is in test_power_cut.py.
What was measured is printed. 25 GB of disk below TMPDIR will do."""
import asyncio
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from lib.mxwatchd import ASAN, FAST, PLAIN
from lib.net import certificate, end_process, free_port, wait_port
from lib.smtp import Raw, send
from lib.wait import wait_for

FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS", "420"))
SEED = int(os.environ.get("SEED", "1"))
MANY = 10000
MB = 1 << 20


def say(*words):
    print(*words, file=sys.stderr, flush=True)


@pytest.fixture
def sink(stack):
    """start() begins a primary that takes everything and forgets it; its port."""
    class Sink:
        port = free_port()

        def start(self):
            p = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody",
                                  "127.0.0.1:%d" % self.port, "256"], stdin=subprocess.DEVNULL)
            stack.add(p, end_process)
            wait_port(self.port)
    return Sink()


def source(d, n, size, sessions, rcpt="u@a.test"):
    """smtp-source, to its end; how long it took."""
    begin = time.monotonic()
    subprocess.run(["/usr/sbin/smtp-source", "-d", "-s", str(sessions), "-m", str(n),
                    "-l", str(size), "-f", "s@sender.test", "-t", rcpt,
                    "127.0.0.1:%d" % d.port], check=True, stdout=subprocess.DEVNULL,
                   timeout=540)
    return time.monotonic() - begin


class Watch:
    """The largest that a function gives, asked in a thread."""

    def __init__(self, ask, step=0.2):
        self.ask, self.step, self.most = ask, step, 0
        self.halt = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.halt.wait(self.step):
            self.most = max(self.most, self.ask())

    def stop(self):
        self.halt.set()
        self.thread.join()
        return max(self.most, self.ask())


def spool_bytes(d):
    """What the files take on the disk, holes left out."""
    total = 0
    for folder, _, names in os.walk(d.spool):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def index_bytes(d):
    return os.path.getsize(os.path.join(d.spool, "db", "data.mdb"))


# ---- B16

WORDS = [b"MAIL FROM:", b"RCPT TO:", b"<", b">", b"@", b"a.test", b" SIZE=", b"\0", b"\xff",
         b"EHLO ", b"DATA", b" ", b"\r", b"\n", b"\r\n", b"BDAT ", b"x" * 300, b'"', b"\\", b"[",
         b"IPv6:", b" SMTPUTF8", b" BODY=8BITMIME", b" RET=HDRS", b" ENVID=", b" NOTIFY=",
         b" ORCPT=rfc822;", b"+2B", b"4", b" LAST", b"\xc3\xbc", b"1" * 25, b"%s%n", b".", b".\r\n"]
SESSIONS = [[b"EHLO client.test", b"MAIL FROM:<s@sender.test>", b"RCPT TO:<u@a.test>", b"DATA",
             b"Subject: x\r\n\r\n..\r\ny\r\n.", b"QUIT"],
            [b"HELO client.test", b"MAIL FROM:<> SIZE=100 BODY=8BITMIME",
             b"RCPT TO:<postmaster> NOTIFY=NEVER", b"RSET", b"VRFY u", b"NOOP x", b"QUIT"],
            [b"EHLO [192.0.2.1]", b"MAIL FROM:<s@sender.test> RET=FULL ENVID=a+2Bb",
             b"RCPT TO:<u@a.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u@a.test",
             b"BDAT 5\r\nabcde", b"BDAT 7 LAST\r\nfghij\r\n", b"QUIT"],
            [b"EHLO client.test", b"STARTTLS", b"EHLO again.test", b"EXPN x", b"HELP", b"QUIT"],
            [b"EHLO client.test", "MAIL FROM:<grüß@sender.test> SMTPUTF8".encode(),
             "RCPT TO:<müller@a.test>".encode(), b"DATA", b"x\r\n.", b"ETRN a.test", b"QUIT"]]


def mutated(rnd):
    """The octets of a session: a good one with lines doubled, dropped, swapped, cut
    and written over."""
    lines = list(rnd.choice(SESSIONS))
    for _ in range(rnd.randrange(6)):
        i = rnd.randrange(len(lines))
        what = rnd.randrange(6)
        line = lines[i]
        at = rnd.randrange(len(line) + 1)
        if what == 0:
            lines.insert(i, rnd.choice(rnd.choice(SESSIONS)))
        elif what == 1 and len(lines) > 1:
            del lines[i]
        elif what == 2:
            lines[i] = line[:at] + rnd.choice(WORDS) + line[at:]
        elif what == 3:
            lines[i] = line[:at]
        elif what == 4:
            lines[i] = line[:at] + bytes([rnd.randrange(256)]) + line[at + 1:]
        else:
            lines[i] = b"".join(rnd.choice(WORDS) for _ in range(rnd.randrange(40)))
    return b"".join(x + rnd.choice([b"\r\n"] * 9 + [b"\n"]) for x in lines)


class Fuzz(threading.Thread):
    def __init__(self, d, seed, end):
        super().__init__(daemon=True)
        self.d, self.rnd, self.end = d, random.Random(seed), end
        self.sessions = self.lines = self.replies = 0
        self.bad = []
        self.start()

    def run(self):
        while time.monotonic() < self.end and len(self.bad) < 3:
            data = mutated(self.rnd)
            got = self.talk(data)
            n = data.count(b"\n")
            self.sessions += 1
            self.lines += n
            self.replies += got
            # The greeting, and a 421 at the end, are nobody's.
            if got > n + 2:
                self.bad.append("%d replies to %r" % (got, data))

    def talk(self, data):
        n = 0
        try:
            with Raw(self.d.port, timeout=20) as c:
                n = 1
                at = 0
                while at < len(data):
                    to = at + self.rnd.choice([1, 7, 100, 10000])
                    c.send(data[at:to])
                    at = to
                c.sock.shutdown(socket.SHUT_WR)
                while True:
                    c.reply()
                    n += 1
        except socket.timeout:
            self.bad.append("no end: %r" % data)
        except (AssertionError, UnicodeDecodeError) as e:
            if b"STARTTLS" not in data.upper():  # what comes then is TLS
                self.bad.append("%s: %r" % (e, data))
        except OSError:
            pass
        return n


def test_case_B16_sessions_at_random(stack, sink):
    """Whole sessions, mutated, in pieces, for minutes, under the sanitizers when
    MXWATCH_BUILD has them: no crash, no leak, a reply for each line at most."""
    sink.start()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % sink.port}, start=False)
    d.env["ASAN_OPTIONS"] = ASAN + ":quarantine_size_mb=8"
    d.write(smtpd='timeout = "10s" etrn = {"127.0.0.1"} tls_cert = "%s" tls_key = "%s"'
            % certificate(d.dir)).start()
    begin = time.monotonic()
    runs = [Fuzz(d, SEED * 1000 + i, begin + FUZZ_SECONDS) for i in range(8)]
    wait_for(lambda: time.monotonic() > begin + FUZZ_SECONDS * 0.3 or any(r.bad for r in runs),
             FUZZ_SECONDS, step=1)
    early = d.rss()
    for r in runs:
        r.join(FUZZ_SECONDS + 60)
        assert not r.is_alive() and not r.bad, r.bad
    late = d.rss()
    say("B16: SEED=%d, %d sessions, %d lines, %d replies in %d s; resident %d MB, then %d MB" % (
        SEED, sum(r.sessions for r in runs), sum(r.lines for r in runs),
        sum(r.replies for r in runs), time.monotonic() - begin, early / MB, late / MB))
    assert late < early + 64 * MB
    send(d.port, "still served")


# ---- C8, C11

def test_case_C8_a_million_queued(stack):
    """They are written by store_bench, for as mail they would take longer. It listens
    within five seconds; no attempt while the primary is down, and the configured
    connections when it is up."""
    bench = os.path.join(PLAIN, "tests", "bench", "store_bench")
    subprocess.run(["make", "-s", "-C", PLAIN, "tests/bench/store_bench"], check=True)
    n = int(os.environ.get("MESSAGES", "1000000"))
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"example.org": 'primary = {"127.0.0.1:%d"}' % mx.port}, start=False,
                       build=PLAIN, map_size="16G", defaults=FAST)
    subprocess.run([bench, d.spool, str(n), "1024", "2000"], check=True,
                   stdout=subprocess.DEVNULL)
    begin = time.monotonic()
    d.spawn()
    wait_for(lambda: Raw(d.port).close() is None, 5, "it listens", step=0.02)
    listens = time.monotonic() - begin
    wait_for(lambda: d.metrics().queued("example.org") == n, 60, "all are known")
    known = time.monotonic() - begin
    d.wait_state("example.org", "down")
    send(d.port, "one more", rcpts=["u@example.org"])
    assert mx.connections == 0
    assert d.metrics().sum("delivery_messages_delivered_total", domain="example.org") == 0
    connections = Watch(lambda: len(mx.sessions), 0.01)
    mx.start()
    wait_for(lambda: len(mx.messages) > 5000, 60, "they leave")
    most = connections.stop()
    say("C8: %d messages, 220 after %.2f s, all known after %.2f s, %d connections at most, "
        "%d MB resident" % (n, listens, known, most, d.rss() / MB))
    assert most <= 10 + 2, "a burst: 10 are configured, and probes"
    d.stop(60)


def test_case_C11_a_stopped_reader_while_10_GB_pass(stack):
    """A client that lists the queue is stopped in the middle of the list; ten thousand
    messages of 1 MB come and go. Neither the index nor the segments keep them."""
    mx = stack.fakemx()
    mx.take = lambda m: None  # counted by us alone
    gb = int(os.environ.get("GB", "10"))
    d = stack.mxwatchd({"held.test": 'primary = {"127.0.0.1:9"}',
                        "a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, build=PLAIN)
    d.wait_state("a.test", "up")
    d.wait_state("held.test", "down")
    source(d, 20000, 500, 20, "u@held.test")
    before, index = spool_bytes(d), index_bytes(d)
    p = subprocess.Popen([os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "queue", "--json"],
                         env=d.environment(), stdout=subprocess.PIPE)
    try:
        p.stdout.read(100)
        p.send_signal(signal.SIGSTOP)
        rss, disk = Watch(d.rss), Watch(lambda: spool_bytes(d), 0.5)
        begin = time.monotonic()
        for _ in range(gb):  # it is taken faster than it goes out
            source(d, 1000, 1000000, 10)
            d.wait_empty("a.test", 60)
        took = time.monotonic() - begin
        disk, rss = disk.stop(), rss.stop()
        say("C11: %d GB in %.0f s; spool %.1f MB before, at most %.1f MB, %.1f MB behind; index "
            "%.1f MB, then %.1f MB; resident at most %d MB" % (
                gb, took, before / MB, disk / MB, spool_bytes(d) / MB, index / MB,
                index_bytes(d) / MB, rss / MB))
        assert d.metrics().queued("held.test") == 20000
        assert index_bytes(d) < index + 16 * MB
        assert disk < before + 1200 * MB
        wait_for(lambda: spool_bytes(d) < before + 80 * MB, 20, "the disk is given back")
        assert rss < 256 * MB
    finally:
        p.send_signal(signal.SIGCONT)
        p.stdout.close()
        p.kill()
        p.wait()


# ---- D2, D5

def test_case_D2_10000_idle_clients(stack):
    """A cap below what comes: 421 4.3.2 for the rest, while probes, a flush, HTTP and
    mxwatchctl have their descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, build=PLAIN,
                       smtpd='max_sessions = 5000 timeout = "5m"')
    d.wait_state("a.test", "down")
    for i in range(200):
        send(d.port, "m%d" % i)
    codes = {}

    async def client(writers):
        r, w = await asyncio.open_connection("127.0.0.1", d.port)
        line = await r.readline()
        codes[line[:9].decode()] = codes.get(line[:9].decode(), 0) + 1
        if line.startswith(b"220"):
            writers.append(w)
        else:
            w.close()

    async def all_of_them():
        writers = []
        for _ in range(0, MANY, 200):
            await asyncio.gather(*(client(writers) for _ in range(200)))
        assert codes.get("421 4.3.2") == MANY - 5000 and len(writers) == 5000, codes
        await asyncio.to_thread(beside)
        for w in writers:
            w.close()

    def beside():
        begin = time.monotonic()
        assert d.http("/metrics")[0] == 200 and d.ctl("status")[0] == 0
        asked = time.monotonic() - begin
        assert d.metrics().get("smtpd_sessions") == 5000
        mx.start()
        d.wait_state("a.test", "up")
        d.wait_empty("a.test", 30)
        assert len(mx.messages) == 200
        say("D2: %s; /metrics and status in %.0f ms; %d descriptors, %d MB resident" % (
            codes, asked * 1000, d.fds(), d.rss() / MB))
        assert asked < 1
    asyncio.run(all_of_them())
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0, 20)
    send(d.port, "after")


def peak(d):
    with open("/proc/%d/status" % d.proc.pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) * 1024


def test_case_D5_200_messages_of_50_MB_at_once(stack, sink):
    """Ten gigabytes in through 200 sessions at once, and out again, in 512 MB."""
    n = int(os.environ.get("LARGE", "200"))
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % sink.port}, build=PLAIN,
                       smtpd='message_size = "60M" max_sessions = 300')
    d.wait_state("a.test", "down")
    line = b"x" * 76 + b"\r\n"
    chunk = line * (256 * 1024 // len(line))
    chunks = 50 * MB // len(chunk)
    open_ones = [Raw(d.port, timeout=300).begin() for _ in range(n)]
    for c in open_ones:
        c.ok("DATA", "354")
    begin = time.monotonic()
    replies = []

    def some(of_them):
        """A chunk for each in turn: all are under way at once."""
        for i in range(chunks):
            for c in of_them:
                c.send(chunk)
        for c in of_them:
            c.send(b".\r\n")
            replies.append(c.reply())
    threads = [threading.Thread(target=some, args=(open_ones[i::4],)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(540)
        assert not t.is_alive()
    took, high = time.monotonic() - begin, peak(d)
    assert len([r for r in replies if r.startswith("250")]) == n, replies[:3]
    for c in open_ones:
        c.close()
    sink.start()
    begin = time.monotonic()
    d.wait_empty("a.test", 300)
    say("D5: %d messages of %.1f MB in %.0f s, out in %.0f s; peak resident %d MB, with the "
        "deliveries %d MB" % (n, chunks * len(chunk) / MB, took, time.monotonic() - begin,
                              high / MB, peak(d) / MB))
    assert peak(d) < 512 * MB
    wait_for(lambda: spool_bytes(d) < 200 * MB, 30, "the disk is given back")
