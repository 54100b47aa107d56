# SPDX-License-Identifier: ISC
"""Who is let in: admission = "outage", and the limits. D1-D3."""
import socket
import threading
import time

from lib.smtp import Raw, send, stuff, text
from lib.wait import wait_for

DOWN = 'primary = {"127.0.0.1:9"}'


def rcpt(d, addr):
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        return c.cmd("RCPT TO:<%s>" % addr)


def test_admission_outage(stack):
    mx = stack.fakemx()
    section = 'primary = {"127.0.0.1:%d"}\n' % mx.port
    d = stack.mxwatchd({"a.test": section + 'admission = "outage"', "b.test": section})
    d.wait_state("a.test", "up")
    d.wait_state("b.test", "up")
    assert rcpt(d, "u@a.test").startswith("451 4.3.0")
    assert rcpt(d, "u@b.test").startswith("250")
    mx.stop()
    d.wait_state("a.test", "down")
    assert rcpt(d, "u@a.test").startswith("250")
    send(d.port, "in the outage")
    mx.start()
    wait_for(lambda: mx.messages, 10)
    d.wait_state("a.test", "up")
    assert rcpt(d, "u@a.test").startswith("451 4.3.0")
    m = d.metrics()
    assert m.sum("smtpd_recipients_rejected_total", code="451") == 2
    assert d.ctl_json("why", "u@a.test")[0]["rcpt"].startswith("451")


def test_case_D3_per_client(stack):
    d = stack.mxwatchd({"a.test": DOWN}, smtpd="per_client = 5 trusted = {}")
    held = [Raw(d.port) for _ in range(5)]
    for c in held:
        c.ok("EHLO x.test")
    with Raw(d.port) as c:
        assert c.greeting.startswith("421 4.7.0") and c.at_end()
    with Raw(d.port, source="127.0.0.5") as c:
        c.ok("EHLO other.test")
    held.pop().close()

    def admitted():
        with Raw(d.port) as c:
            return c.greeting.startswith("220")
    wait_for(admitted, 5, "a place is free again")
    m = d.metrics()
    assert m.get("smtpd_connections_rejected_total", reason="per_client_limit") >= 1
    for c in held:
        c.ok("NOOP")
        c.close()


def test_trusted_clients_have_no_limit_of_their_own(stack):
    d = stack.mxwatchd({"a.test": DOWN}, smtpd='per_client = 2 client_rate = 3 '
                                               'trusted = {"127.0.0.0/30"}')
    held = [Raw(d.port) for _ in range(10)]
    assert all(c.greeting.startswith("220") for c in held)
    for c in held:
        c.close()
    got = []
    for _ in range(5):
        with Raw(d.port, source="127.0.0.9") as c:
            got.append(c.greeting[:9])
    assert got[:3] == [got[0]] * 3 and got[0].startswith("220")
    assert got[3:] == ["421 4.7.0"] * 2
    assert d.metrics().get("smtpd_connections_rejected_total", reason="rate") == 2


def test_case_D2_max_sessions(stack):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       smtpd="max_sessions = 30")
    d.wait_state("a.test", "up")
    held = [Raw(d.port) for _ in range(30)]
    with Raw(d.port) as c:
        assert c.greeting.startswith("421 4.3.2") and c.at_end()
    # The rest of the house goes on.
    assert d.http("/-/healthy")[0] == 200
    m = d.metrics()
    assert m.get("smtpd_sessions") == 30
    assert m.get("smtpd_connections_rejected_total", reason="limit") >= 1
    held[0].begin()
    held[0].ok("DATA", "354")
    held[0].send(stuff(text("inside")))
    assert held[0].reply().startswith("250")
    wait_for(lambda: mx.messages, 10, "delivery goes on")
    for c in held:
        c.close()
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0)
    send(d.port, "after")


def test_case_D1_slow_senders_are_cut(stack):
    """A byte now and then does not buy time: not in a command, not in DATA."""
    d = stack.mxwatchd({"a.test": DOWN}, smtpd='timeout = "2s" min_rate = 500')
    cut = []

    def drip(data):
        begin = time.monotonic()
        c = Raw(d.port, timeout=1)
        if data:
            c.begin()
            c.ok("DATA", "354")
        try:
            while time.monotonic() - begin < 20:
                c.send(b"x")
                time.sleep(0.2)
                c.sock.setblocking(False)
                try:
                    if c.sock.recv(1000) == b"" or True:
                        break
                except BlockingIOError:
                    c.sock.setblocking(True)
        except OSError:
            pass
        cut.append(time.monotonic() - begin)
        c.close()

    threads = [threading.Thread(target=drip, args=(i % 2 == 0,)) for i in range(20)]
    for t in threads:
        t.start()
    for i in range(5):
        send(d.port, "normal %d" % i)
    for t in threads:
        t.join()
    assert max(cut) < 12, cut
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0)
    m = d.metrics()
    assert m.queued("a.test") == 5
    assert m.sum("smtpd_sessions_lost_total") >= 20


def test_full_queue_is_temporary(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       queue="max_messages = 10")
    d.wait_state("a.test", "down")
    for i in range(10):
        send(d.port, "m%d" % i)
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        assert c.cmd("MAIL FROM:<s@x.test>").startswith("452 4.3.1")
    mx.start()
    d.wait_empty("a.test")
    send(d.port, "again")


def test_case_D4_out_of_descriptors(stack):
    """More connections than descriptors: no spinning, and it recovers."""
    import os
    import resource
    import subprocess
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    resource.prlimit(d.proc.pid, resource.RLIMIT_NOFILE, (d.fds() + 10, d.fds() + 10))
    held = []
    for _ in range(40):
        s = socket.create_connection(("127.0.0.1", d.port), 5)
        held.append(s)

    def cpu():
        with open("/proc/%d/stat" % d.proc.pid) as f:
            p = f.read().rsplit(")", 1)[1].split()
        return (int(p[11]) + int(p[12])) / os.sysconf("SC_CLK_TCK")
    before = cpu()
    begin = time.monotonic()
    wait_for(lambda: time.monotonic() - begin > 1.5, 3)
    assert cpu() - before < 0.75, "it spins"
    for s in held:
        s.close()

    def served():
        send(d.port, "after")
        return True
    wait_for(served, 20, "it recovers")
    assert subprocess.run(["kill", "-0", str(d.proc.pid)]).returncode == 0
    wait_for(lambda: mx.messages, 15)
