# SPDX-License-Identifier: ISC
"""Servers that say nothing, for as long as RFC 5321 has us wait: slow is not
down, and silence at one address, or inside TLS, does not decide."""
import re
import socket
import threading
import time

import pytest

from lib.front import StartTls, handshake
from lib.net import certificate, free_port
from lib.smtp import send
from lib.wait import wait_for

USUAL = """\
    delay_warning = {}
    probe { interval = "10s" timeout = "5s" fall = 3 rise = 2 hold = "0s" depth = "rcpt" }
    deliver { connections = 10 idle = "1s" connect = "5s" }
    retry { first = "5s" max = "10s" }
"""
MUTE, GOOD = "127.0.0.61", "127.0.0.62"


class Mute:
    """Takes connections and says nothing."""

    def __init__(self, host, port):
        self.listener = socket.create_server((host, port))
        self.open = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(s)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        for s in self.open + [self.listener]:
            s.close()


def until_the_end(sock):
    """Says nothing until the other side has had enough."""
    try:
        while sock.recv(4096):
            pass
    except OSError:
        pass


def states(d):
    return re.findall(r" health domain=a\.test state=\w+->(\w+)", d.log())


@pytest.mark.parametrize("where", ["behind the 220", "inside TLS"])
def test_silence_of_tls_leads_to_clear(stack, where):
    pf = stack.primary(["a.test"], tls=True)
    inside = handshake(*certificate(pf.dir, pf.name))
    front = stack.add(StartTls(pf.port, until_the_end if where == "behind the 220"
                               else inside(until_the_end)), lambda f: f.close())
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % front.port}, defaults=USUAL)
    send(d.port, "in clear")
    pf.wait_messages(1, 180)
    d.wait_state("a.test", "up", 180)


def test_an_address_that_takes_connections_and_says_nothing(stack):
    port = free_port((MUTE, GOOD))
    stack.add(Mute(MUTE, port), lambda m: m.close())
    pf = stack.primary(["a.test"], host=GOOD, port=port)
    dns = stack.dns({"a.test": "mx IN A %s\nmx IN A %s" % (MUTE, GOOD)})
    d = stack.mxwatchd({"a.test": 'primary = {"mx.a.test:%d"}' % port}, defaults=USUAL,
                       options='resolver = {"127.0.0.1@%d"}' % dns.port)
    d.wait_state("a.test", "up", 120)
    for i in range(5):
        send(d.port, "over the other %d" % i)
    pf.wait_messages(5, 120)
    assert "down" not in states(d)[1:]


def test_a_greeting_after_eight_seconds_is_slow_and_not_down(stack):
    """As of a server that looks its clients up: probe.timeout is 5 s."""
    mx = stack.fakemx(misbehave=["slow=8"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nprobe { depth = "banner" }'
                                  % mx.port}, defaults=USUAL)
    d.wait_state("a.test", "up", 90)
    begin = time.monotonic()
    n = d.metrics().sum("probe_attempts_total", domain="a.test")
    wait_for(lambda: d.metrics().sum("probe_attempts_total", domain="a.test") >= n + 3, 120,
             "three more probes", step=1)
    assert d.metrics().state("a.test") == "up"
    assert "down" not in states(d), states(d)
    send(d.port, "slowly")
    wait_for(lambda: mx.messages, 120, "delivered", step=0.5)
    assert time.monotonic() - begin < 300


def test_silence_is_down_after_fall_intervals(stack):
    mute = stack.add(Mute("127.0.0.1", free_port()), lambda m: m.close())
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}'
                                  % mute.listener.getsockname()[1]}, defaults=USUAL)
    begin = time.monotonic()
    d.wait_state("a.test", "down", 60)
    assert time.monotonic() - begin > 5 + 2 * 10 - 2, "each interval of silence counts one"
    # given up then, for one connection can hang though the server works
    assert len(mute.open) <= 2, "no second session beside the first"
