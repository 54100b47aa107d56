# SPDX-License-Identifier: ISC
"""Where mail goes when only DNS says so: through a real name server. E1, E4,
E21, H1, H3, H4, H5."""
import re
import socket
import struct
import time

import pytest

from lib.baddns import AAAA, A, MX, BadDns, dname, record, reply
from lib.net import free_port
from lib.smtp import Raw, send
from lib.wait import STALL, stays, wait_for

PRIMARY, OTHER, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"
HOSTS = "p IN A %s\no IN A %s\nt IN A %s\n" % (PRIMARY, OTHER, THIRD)
# Our own name, and its address: that of the daemon's listener.
BACKUP = {"backup.test": "mx2 IN A 127.0.0.1"}


class World:
    def __init__(self, stack, mx, **kw):
        """`mx`: the MX records of a.test."""
        self.port = free_port((PRIMARY, OTHER, THIRD))
        self.dns = stack.dns(dict(BACKUP, **{"a.test": mx + "\n" + HOSTS}))
        self.primary = stack.fakemx(host=PRIMARY, port=self.port, start=False)
        self.other = stack.fakemx(host=OTHER, port=self.port)
        self.stack = stack
        self.conf = ('probe { port = %d }\n' % self.port) + kw.pop("options", "")
        self.d = stack.mxwatchd(
            {"a.test": self.conf}, start=False,
            options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "1s"' % self.dns.port)

    def mx(self, records):
        self.dns.set(a_test=records + "\n" + HOSTS)


@pytest.mark.beside
def test_case_E1_never_to_what_is_not_better_than_us(stack):
    w = World(stack, "@ IN MX 10 p\n@ IN MX 20 mx2.backup.test.\n@ IN MX 30 o")
    d = w.d.start()
    d.wait_state("a.test", "down")
    send(d.port, "waits")
    probes = d.metrics().sum("probe_attempts_total", domain="a.test")
    wait_for(lambda: d.metrics().sum("probe_attempts_total", domain="a.test") > probes + 3)
    d.ctl_run("flush", "a.test", "--no-wait")
    stays(lambda: w.other.connections == 0, 1, "the third is never tried")
    m = d.metrics()
    labels = {dict(k)["primary"] for k in m.match("probe_success", domain="a.test")}
    assert labels == {"p.a.test:%d" % w.port}
    w.primary.start()
    wait_for(lambda: w.primary.messages, 15, "delivered to the first")
    d.wait_state("a.test", "up")
    assert w.other.connections == 0
    assert d.metrics().get("domain_info", domain="a.test", priority="10",
                           primary="p.a.test:%d" % w.port) == 1


@pytest.mark.beside
def test_equal_to_us_is_not_tried_and_better_ones_all_are(stack):
    w = World(stack, "@ IN MX 10 p\n@ IN MX 15 t\n@ IN MX 20 mx2.backup.test.\n@ IN MX 20 o")
    third = stack.fakemx(host=THIRD, port=w.port)
    d = w.d.start()
    d.wait_state("a.test", "up")
    send(d.port, "to the second best")
    wait_for(lambda: third.messages, 15)
    assert w.other.connections == 0


@pytest.mark.beside
@pytest.mark.parametrize("records", [
    "@ IN MX 10 mx2.backup.test.\n@ IN MX 30 o",  # by name
    "@ IN MX 10 mx2.backup.test.",
], ids=["best of two", "alone"])
def test_case_E4_we_are_the_best_mx(stack, records):
    """Held and told, never bounced; when DNS is repaired the mail goes."""
    w = World(stack, records)
    d = w.d.start()
    d.wait_log(r"error route domain=a.test .*best MX")
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        got = c.cmd("RCPT TO:<u@a.test>")
    if got.startswith("250"):
        send(d.port, "kept")
    stays(lambda: w.other.connections == 0, 1)
    m = d.metrics()
    assert m.state("a.test") == "unknown", "there is no primary that could be down"
    assert "best MX" in d.ctl_json("status", "a.test")[0]["domains"][0]["cause"]
    assert "set `primary`" in d.ctl("why", "a.test")[1]
    assert m.sum("delivery_recipients_bounced_total", domain="a.test") == 0
    if not got.startswith("250"):
        assert got.startswith("4"), got
        return
    assert m.queued("a.test") == 1
    w.primary.start()
    w.mx("@ IN MX 10 p\n@ IN MX 20 mx2.backup.test.")
    wait_for(lambda: w.primary.messages, 25, "delivered when DNS is repaired")
    assert w.other.connections == 0


@pytest.mark.beside
def test_our_other_name_is_us_too(stack):
    w = World(stack, "@ IN MX 10 p\n@ IN MX 20 nat.backup.test.\n@ IN MX 30 o")
    w.dns.set(backup_test="mx2 IN A 127.0.0.1\nnat IN A " + THIRD)
    d = w.d
    d.write(options=d.parts["options"] + '\nself = {"nat.backup.test"}')
    d.start()
    d.wait_state("a.test", "down")
    send(d.port, "waits")
    stays(lambda: w.other.connections == 0, 1)


@pytest.mark.beside
@pytest.mark.parametrize("how", ["SERVFAIL", "no resolver", "REFUSED"])
def test_case_H1_the_resolver_fails(stack, how):
    """Neither down nor bounced: unknown, and kept; then DNS is back."""
    w = World(stack, "@ IN MX 10 p")
    w.primary.start()
    good = w.dns.zones["a.test"]
    if how == "SERVFAIL":
        w.dns.set(a_test=None)
    elif how == "REFUSED":
        del w.dns.zones["a.test"]
        w.dns.stop()
        w.dns.start()
    else:
        w.dns.stop()
    d = w.d.start()
    send(d.port, "kept")
    wait_for(lambda: d.metrics().sum("dns_queries_failed_total") >= 2, 15, "queries have failed")
    stays(lambda: d.metrics().state("a.test") == "unknown", 1.5, "a resolver failure is not down")
    m = d.metrics()
    assert m.queued("a.test") == 1
    assert m.sum("delivery_recipients_bounced_total", domain="a.test") == 0
    w.dns.zones["a.test"] = good
    w.dns.stop()
    w.dns.start()
    d.wait_state("a.test", "up", 20)
    wait_for(lambda: w.primary.messages, 15, "delivered when DNS is back")


@pytest.mark.beside
def test_last_good_answer_lives_through_a_restart(stack):
    w = World(stack, "@ IN MX 10 p\n@ IN MX 20 mx2.backup.test.")
    w.primary.start()
    d = w.d.start()
    d.wait_state("a.test", "up")
    w.dns.stop()
    send(d.port, "while DNS is away")
    wait_for(lambda: len(w.primary.messages) == 1, 20, "by the last good answer")
    d.restart()
    d.wait_state("a.test", "up", 20)
    send(d.port, "after a restart")
    wait_for(lambda: len(w.primary.messages) == 2, 20, "by the saved answer")
    w.primary.stop()
    d.wait_state("a.test", "down")  # a primary that is down is down, without DNS too
    send(d.port, "in the outage")
    w.primary.start()
    wait_for(lambda: len(w.primary.messages) == 3, 20)


@pytest.mark.beside
def test_case_E21_the_primary_moves_during_the_outage(stack):
    w = World(stack, "@ IN MX 10 p")
    moved = stack.fakemx(host=THIRD, port=w.port)
    d = w.d.start()
    d.wait_state("a.test", "down")
    send(d.port, "follows")
    w.mx("@ IN MX 10 t")
    wait_for(lambda: moved.messages, 20, "delivered at the new place")
    assert w.other.connections == 0


@pytest.mark.beside
@pytest.mark.parametrize("name,records", [
    ("null MX", "@ IN MX 0 ."), ("no such host", "@ IN MX 10 nowhere"),
    ("loopback name", "@ IN MX 10 localhost."), ("nothing", "x IN A 127.0.0.99")])
def test_case_H5_records_that_lead_nowhere(stack, name, records):
    """Nothing is bounced because of what DNS says; it is kept and told."""
    w = World(stack, records)
    d = w.d.start()
    send(d.port, "kept")
    wait_for(lambda: d.metrics().sum("dns_queries_total") >= 2)
    stays(lambda: d.metrics().queued("a.test") == 1, 1.5)
    assert d.metrics().sum("delivery_recipients_bounced_total", domain="a.test") == 0
    explain = d.ctl_json("why", "a.test")[0]["explain"]
    assert explain and all(isinstance(x, str) for x in explain)
    w.primary.start()
    w.mx("@ IN MX 10 p")
    wait_for(lambda: w.primary.messages, 25, "delivered when DNS is repaired")


def test_dns_that_hangs_does_not_slow_smtp(stack):
    """A resolver that never answers: sessions and probes of others go on."""
    sink = stack.add(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), lambda s: s.close())
    sink.bind(("127.0.0.1", 0))
    mx = stack.fakemx()
    domains = {"x%d.test" % i: "" for i in range(50)}
    domains["a.test"] = 'primary = {"127.0.0.1:%d"}' % mx.port
    d = stack.mxwatchd(domains, options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "2s"'
                       % sink.getsockname()[1])
    d.wait_state("a.test", "up")
    worst = 0
    for i in range(30):
        begin = time.monotonic()
        send(d.port, "m%d" % i, rcpts=["u@a.test", "u@x%d.test" % i])
        worst = max(worst, time.monotonic() - begin)
    assert worst < 1.0, worst
    wait_for(lambda: len(mx.messages) == 30, 15)
    assert d.metrics().get("event_loop_lag_seconds") < STALL
    assert re.search(r"\bx7\.test\b", d.metrics().text)


def hostile(query):
    """What is no answer to it: none of it may be believed, none may crash."""
    loop = b"\xc0\x0c" + b"\0\x0f\0\x01\0\0\0\x3c\0\x04\0\x0a" + b"\xc0\x2c"
    itself = reply(query)
    return [reply(query, [record(MX, b"\0\1" + dname("evil.test"))],
                  id=struct.unpack(">H", query[:2])[0] ^ 1),
            reply(query, flags=0x8183, question=dname("other.test") + b"\0\x0f\0\1"),
            reply(query, flags=0x0183),
            reply(query, [loop], count=1),
            reply(query, [b"\xc0" + bytes([len(itself)]) + b"\0\x0f\0\1"], count=1),
            reply(query, count=65535), itself[:11], b"", b"\xff" * 1400,
            query[:2] + b"\x81\x80" + b"\xff" * 60000]


@pytest.mark.beside
def test_case_H3_answers_that_are_none(stack):
    """Other ids, sources and questions, pointers in circles, junk."""
    port = free_port((PRIMARY,))

    def answer(question, query, tcp):
        good = {("a.test", MX): [record(MX, b"\0\x0a" + dname("p.a.test"))],
                ("p.a.test", A): [record(A, socket.inet_aton(PRIMARY))]}.get(question, [])
        if question[0] == "b.test":
            return hostile(query)
        return hostile(query) + [reply(query, good)]
    dns = stack.add(BadDns(answer), lambda s: s.close())
    mx = stack.fakemx(host=PRIMARY, port=port)
    probe = "probe { port = %d }" % port
    d = stack.mxwatchd({"a.test": probe, "b.test": probe},
                       options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "500ms"' % dns.port)
    d.wait_state("a.test", "up")
    send(d.port, "through the noise")
    wait_for(lambda: mx.messages, 15)
    wait_for(lambda: [q for q in dns.asked if q[0] == "b.test"])
    assert not [q for q in dns.asked if "evil" in q[0] or "other" in q[0]]
    assert d.metrics().state("b.test") == "unknown", "what cannot be looked up is not down"


@pytest.mark.beside
def test_case_H4_more_records_than_anybody_needs(stack):
    """500 MX with 100 addresses each: what is kept has a bound."""
    port = free_port((PRIMARY,))

    def answer(question, query, tcp):
        if not tcp:
            return [reply(query, flags=0x8380)]
        if question[1] == MX:
            return [reply(query, [record(MX, struct.pack(">H", i) + dname("m%d.a.test" % i))
                                  for i in range(499, -1, -1)])]
        if question[1] == AAAA:
            return [reply(query)]
        return [reply(query, [record(A, socket.inet_aton(PRIMARY))] +
                      [record(A, bytes([127, 9, i, 1])) for i in range(99)])]
    dns = stack.add(BadDns(answer), lambda s: s.close())
    mx = stack.fakemx(host=PRIMARY, port=port)
    d = stack.mxwatchd({"a.test": "probe { port = %d }" % port},
                       options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "5s"' % dns.port)
    d.wait_state("a.test", "up")
    send(d.port, "to the best")
    wait_for(lambda: mx.messages, 15)
    hosts = {q[0] for q in dns.asked if q[1] == A}
    assert "m0.a.test" in hosts and len(hosts) <= 32, "the best are kept"
    assert len(d.metrics().match("watchdog_primary_healthy", domain="a.test")) <= 8
