# SPDX-License-Identifier: ISC
"""Black-box cases at the size that they name, and their neighbours: a daemon
that takes large messages, many clients in one thread, queues over restarts."""
import asyncio
import os
import re
import signal
import time

import pytest

from lib.mxwatchd import PLAIN
from lib.smtp import Flood, Raw, send, stuff, subjects, text
from lib.wait import wait_for

MANY = 1000


@pytest.fixture(scope="module")
def large(module_stack):
    mx = module_stack.fakemx()
    d = module_stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, build=PLAIN,
                              smtpd='message_size = "16M"')
    d.wait_state("a.test", "up")
    return d, mx


def through(large, body):
    """(the reply, what the primary got behind our Received line)"""
    d, mx = large
    n = len(mx.messages)
    with Raw(d.port, timeout=60) as c:
        c.begin()
        c.ok("DATA", "354")
        c.send(stuff(body))
        got = c.reply()
    if not got.startswith("250"):
        return got, None
    wait_for(lambda: len(mx.messages) > n, 30, "delivered")
    data = mx.messages[n].data
    return got, re.sub(rb"\AReceived: [^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", data)


def test_case_A8_a_line_of_10_MB(large):
    body = b"Subject: x\r\n\r\n" + b"y" * (10 << 20) + b"\r\n"
    got, data = through(large, body)
    assert data == body or got.startswith("5"), got


@pytest.mark.parametrize("what", ["lines", "line", "received"])
def test_case_B13_at_full_size(large, what):
    rss = large[0].rss()
    head = {"lines": b"".join(b"X-%d: y\r\n" % i for i in range(10000)),
            "line": b"X: " + b"y" * (1 << 20) + b"\r\n",
            "received": b"Received: from a by b; x\r\n" * 10000}[what]
    got, data = through(large, head + b"\r\nx\r\n")
    assert got.startswith("554 5.4.6") if what == "received" else data == head + b"\r\nx\r\n"
    assert large[0].rss() - rss < 64 << 20


def test_case_B4_NUL_in_HELO(large):
    with Raw(large[0].port) as c:
        for line in ("HELO a\0.test", "EHLO a.test\0", "EHLO \0", "\0EHLO a.test"):
            assert c.cmd(line)[0] == "5", line
        assert c.cmd("MAIL FROM:<s@sender.test>").startswith("503"), "none of them counted"


# ---- many at once

async def reply(r):
    while True:
        line = await r.readuntil(b"\n")
        if line[3:4] != b"-":
            return line


async def begun(port, i):
    """A client that has its 354; (reader, writer)."""
    r, w = await asyncio.open_connection("127.0.0.1", port)
    await reply(r)
    for line in ("EHLO x.test", "MAIL FROM:<s%d@sender.test>" % i, "RCPT TO:<u@a.test>", "DATA"):
        w.write(line.encode() + b"\r\n")
        got = await reply(r)
        assert got[:1] in b"23", got
    return r, w


def test_case_C1_killed_with_1000_messages_under_way(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, build=PLAIN,
                       smtpd="max_sessions = 2000")
    d.wait_state("a.test", "down")
    acked = set()

    async def one(i, r, w):
        try:
            w.write(text("k%04d" % i, "x" * 3000 + "\n") + b".\r\n")
            if (await reply(r)).startswith(b"250"):
                acked.add("k%04d" % i)
                if len(acked) == 300:
                    d.proc.send_signal(signal.SIGKILL)
        except (OSError, EOFError):
            pass
        w.close()

    async def all_of_them():
        pairs = [await begun(d.port, i) for i in range(MANY)]
        await asyncio.gather(*(one(i, *p) for i, p in enumerate(pairs)))
    asyncio.run(all_of_them())
    assert len(acked) >= 300
    d.wait_exit()
    d.start()
    mx.start()
    d.wait_empty("a.test", 60)
    assert acked <= set(subjects(m.data for m in mx.messages))
    assert all(m.data.endswith(b"x" * 3000 + b"\r\n") for m in mx.messages), "one was cut"


def test_case_D1_1000_slow_clients(stack):
    """An octet a second, half of them in DATA: all are cut, and others served."""
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, build=PLAIN,
                       smtpd='max_sessions = 2000 timeout = "3s" min_rate = 500')
    longest = []

    async def drip(i):
        if i % 2:
            r, w = await begun(d.port, i)
        else:
            r, w = await asyncio.open_connection("127.0.0.1", d.port)
        begin = time.monotonic()
        end = asyncio.ensure_future(r.read())
        while not (await asyncio.wait({end}, timeout=1))[0]:
            w.write(b"x")
            assert time.monotonic() - begin < 20
        longest.append(time.monotonic() - begin)
        w.close()

    async def all_of_them():
        await asyncio.gather(
            *(drip(i) for i in range(MANY)),
            *(asyncio.to_thread(send, d.port, "ordinary %d" % i) for i in range(5)))
    asyncio.run(all_of_them())
    assert len(longest) == MANY
    m = d.metrics()
    assert m.queued("a.test") == 5 and m.sum("smtpd_sessions_lost_total") >= MANY


def test_case_K1_reloads_under_1000_sessions(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, build=PLAIN,
                       smtpd="max_sessions = 2000")
    held = [Raw(d.port) for _ in range(MANY)]
    assert d.reload()[0] == 0
    fds = d.fds()
    for _ in range(100):
        assert d.reload()[0] == 0
    wait_for(lambda: d.fds() <= fds + 3, 10, "descriptors are given back")
    for c in held:
        c.ok("NOOP")
        c.close()


# ---- queues

def test_case_C8_restart_with_many_queued(stack):
    """It listens at once, all are there, and the primary sees no burst."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, build=PLAIN)
    d.wait_state("a.test", "down")
    f = Flood(d.port, threads=8, count=3000, size=200)
    f.join()
    d.stop()
    d.spawn()
    begin = time.monotonic()
    wait_for(lambda: Raw(d.port).close() is None, 5, "it listens", step=0.02)
    assert time.monotonic() - begin < 5
    d.wait_ready()
    assert d.metrics().queued("a.test") == 3000
    d.wait_state("a.test", "down")
    assert mx.connections == 0


def test_case_C9_a_cut_database(stack):
    """Any length of it: a start, or a sentence and a status; never a signal."""
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, build=PLAIN)
    for i in range(50):
        send(d.port, "m%d" % i)
    d.stop()
    path = os.path.join(d.spool, "db", "data.mdb")
    with open(path, "rb") as f:
        whole = f.read()
    for size in (0, 100, 4096, 8192, len(whole) // 2 & ~4095, len(whole) - 4096, len(whole) - 1):
        with open(path, "wb") as f:
            f.write(whole[:size])
        d.spawn()
        wait_for(lambda: d.proc.poll() is not None or d.http("/-/ready")[0] == 200, 20,
                 "it starts or ends")
        if d.proc.poll() is None:
            d.stop()
            continue
        assert d.wait_exit() in (1, 3), (size, d.log()[-2000:])
        assert d.spool in d.log(), (size, d.log()[-2000:])
