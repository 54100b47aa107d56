# SPDX-License-Identifier: ISC
"""Several backups in one MX set: none is taken for the primary, whatever it
answers, and none hands its mail to another. E1, E4."""
import socket
import subprocess
import threading

import pytest

from lib.exim import Exim, program
from lib.front import pump
from lib.net import accept_each, free_port
from lib.smtp import send, subjects
from lib.snmp import Snmpd, Traps
from lib.wait import stays, wait_for

from test_13_snmp import section, wait_connected
from test_alerts import DOWN, only, webhook

PEER = "mx3.backup.test"
NOWHERE = 'primary = {"127.0.0.1:9"}'
IS_BACKUP = "is a backup MX (mxwatchd on %s), not a primary" % PEER


def peer(stack, domains=None, **kw):
    """The other backup, whose own primary is down unless told otherwise."""
    return stack.mxwatchd(domains or {"a.test": NOWHERE},
                          options='hostname = "%s"\nalerts { instance = "%s" }' % (PEER, PEER), **kw)


def got(mx):
    return subjects(m.data for m in mx.messages)


def has_nothing(p):
    """Nothing was even offered to it."""
    m = p.metrics()
    return (m.sum("smtpd_recipients_accepted_total") == 0 and m.queued("a.test") == 0 and
            not m.sum("smtpd_recipients_rejected_total"))


def cause(d, domain="a.test"):
    domains = d.ctl_json("status", domain)[0]["domains"]
    return [x for x in domains if x["domain"] == domain][0]["cause"]


def server(d, label):
    return [x for x in d.ctl_json("status", "a.test")[0]["primaries"] if x["primary"] == label][0]


class InList:
    """Behind the primary in the list of the configuration, or before it."""

    def __init__(self, stack, p, mx, first):
        self.labels = ["127.0.0.1:%d" % x for x in (mx.port, p.port)]
        self.label = self.labels[1]
        if first:
            self.labels.reverse()
        self.domains = {"a.test": 'primary = {"%s", "%s"}' % tuple(self.labels)}
        self.options = ""


class ByMx:
    """MX records; `mxwatchd` and the primary have one port, at other addresses."""

    def __init__(self, stack, p, mx, records):
        dns = stack.dns({"a.test": records + "\np IN A 127.0.0.2",
                         "backup.test": "mx2 IN A 127.0.0.4\nmx3 IN A 127.0.0.1"})
        self.label = "%s:%d" % (PEER, p.port)
        self.domains = {"a.test": "probe { port = %d }" % p.port}
        self.options = 'resolver = {"127.0.0.1@%d"}\nresolver_timeout = "1s"\n' % dns.port


@pytest.mark.beside
@pytest.mark.parametrize("how, arg", [
    (InList, False), (InList, True),
    (ByMx, "@ IN MX 10 p\n@ IN MX 20 mx3.backup.test.\n@ IN MX 30 mx2.backup.test."),
    (ByMx, "@ IN MX 10 p\n@ IN MX 10 mx3.backup.test."),
], ids=["second in the list", "first in the list", "MX 20 of 30", "equal MX"])
def test_case_E1_a_backup_that_answers_is_no_primary(stack, how, arg):
    """The primary stops: down, paged once with the name of the backup, held; it is
    back: all goes there, and the backup never got a command beyond EHLO."""
    hook = stack.fakehook()
    p = peer(stack)
    mx = stack.fakemx(host="127.0.0.2", port=p.port) if how is ByMx else stack.fakemx()
    w = how(stack, p, mx, arg)
    d = stack.mxwatchd(w.domains, options=w.options + webhook(hook) + DOWN)
    d.wait_state("a.test", "up")
    wait_for(lambda: server(d, w.label)["backup"], 15, "the backup was asked")
    send(d.port, "while it is up")
    wait_for(lambda: got(mx) == ["while it is up"], 15)
    mx.stop()
    d.wait_state("a.test", "down")
    send(d.port, "held")
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing"], 15)
    wait_for(lambda: IS_BACKUP in cause(d), 15)
    d.ctl_run("flush", "a.test", "--no-wait")
    stays(lambda: has_nothing(p) and d.metrics().state("a.test") == "down", 2)
    assert only(hook, "MxwatchPrimaryDown") == ["firing"]
    assert PEER in hook.bodies()[0]["alerts"][0]["annotations"]["description"]
    m = d.metrics()
    assert m.queued("a.test") == 1
    assert m.get("primary_is_backup", primary=w.label) == 1
    assert m.get("primary_state", primary=w.label, state="unknown") == 1
    assert m.get("probe_success", domain="a.test", primary=w.label) == 0
    shown = server(d, w.label)
    assert shown["cause"] == IS_BACKUP and "XMXWATCH" in shown["ehlo"]["extensions"]
    assert IS_BACKUP in d.ctl("why", "a.test")[1]
    assert d.metrics().get("watchdog_transitions_total", domain="a.test", to="down") == 1
    again = stack.fakemx(host=mx.host, port=mx.port)
    wait_for(lambda: got(again) == ["held"], 20, "delivered to the primary")
    d.wait_state("a.test", "up")
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing", "resolved"], 15)
    assert has_nothing(p)
    assert "backup" not in cause(d)
    outages = [o["name"] for o in d.ctl_json("outages") if "done" not in o]
    assert outages and w.label not in outages


@pytest.mark.beside
@pytest.mark.parametrize("enabled", [True, False], ids=["probed", "not probed"])
def test_case_E4_only_a_backup_is_left(stack, enabled):
    """Held and told, never handed over; the operator names the primary."""
    hook = stack.fakehook()
    p = peer(stack)
    text = 'primary = {"127.0.0.1:%d"}\n' + ("" if enabled else "probe { enabled = no }")
    d = stack.mxwatchd({"a.test": text % p.port}, options=webhook(hook) + DOWN)
    send(d.port, "held")
    d.wait_log(r'error route domain=a.test problem="no primary is left: .*%s' % PEER)
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing"], 15)
    summary = hook.bodies()[0]["alerts"][0]["annotations"]["description"]
    assert PEER in summary and "set primary" in summary
    stays(lambda: has_nothing(p), 1.5)
    assert d.metrics().queued("a.test") == 1
    assert d.metrics().state("a.test") == ("unknown" if enabled else "disabled")
    assert "primary_may_be_backup" in d.ctl("why", "a.test")[1]
    mx = stack.fakemx()
    d.reload(domains={"a.test": text % mx.port})
    wait_for(lambda: got(mx) == ["held"], 20)
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing", "resolved"], 15)
    assert has_nothing(p)


@pytest.mark.beside
def test_depths_that_do_not_see_it(stack):
    """A probe that only connects is content until a delivery has been there."""
    p = peer(stack)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nprobe { depth = "connect" }'
                        % p.port})
    d.wait_state("a.test", "up")
    send(d.port, "held")
    d.wait_state("a.test", "unknown")
    assert IS_BACKUP in cause(d)
    stays(lambda: d.metrics().state("a.test") == "unknown" and has_nothing(p), 2)
    assert d.log().count("no primary is left") == 2, "once, in two lines: the probes go deeper"
    p.stop()
    mx = stack.fakemx(port=p.port)
    wait_for(lambda: got(mx) == ["held"], 20)
    d.wait_state("a.test", "up")


@pytest.mark.beside
def test_the_way_may_lead_through_a_backup(stack):
    """primary_may_be_backup, beside domains of the same host that have it not, one of
    which nobody probes: connections are not shared."""
    mx = stack.fakemx()
    names = ("a.test", "b.test", "c.test")
    p = peer(stack, {n: 'primary = {"127.0.0.1:%d"}' % mx.port for n in names})
    p.wait_state("b.test", "up")
    to = 'primary = {"127.0.0.1:%d"}\n' % p.port
    d = stack.mxwatchd({"a.test": to, "b.test": to + "primary_may_be_backup = yes",
                        "c.test": to + "probe { enabled = no }"})
    d.wait_state("b.test", "up")
    for i in range(3):
        send(d.port, "through %d" % i, rcpts=["u@b.test"])
        send(d.port, "held a%d" % i)
        send(d.port, "held c%d" % i, rcpts=["u@c.test"])
    wait_for(lambda: len(mx.messages) >= 3, 20, "through the other one")
    wait_for(lambda: IS_BACKUP in cause(d) and IS_BACKUP in cause(d, "c.test"), 15)
    for i in range(3, 6):
        send(d.port, "through %d" % i, rcpts=["u@b.test"])
        d.ctl_run("flush", "c.test", "--no-wait")
    wait_for(lambda: len(mx.messages) >= 6, 20)
    stays(lambda: len(mx.messages) == 6, 1.5)
    assert all(s.startswith("through") for s in got(mx))
    m = d.metrics()
    assert [m.queued(n) for n in names] == [3, 0, 3]
    assert [m.state(n) for n in names] == ["unknown", "up", "disabled"]


@pytest.mark.beside
def test_itself_behind_a_load_balancer(stack):
    """An address that is not its own leads back to it."""
    d = stack.mxwatchd({"a.test": NOWHERE}, start=False)

    def forward(s):
        with socket.create_connection(("127.0.0.1", d.port), 10) as to:
            t = threading.Thread(target=pump, args=(to, s), daemon=True)
            t.start()
            pump(s, to)

    port = free_port()
    listener = socket.create_server(("127.0.0.1", port))
    stack.add(listener, lambda x: x.close())
    accept_each(listener, forward)
    d.write(domains={"a.test": 'primary = {"127.0.0.1:%d"}' % port}).start()
    send(d.port, "held")
    wait_for(lambda: "is this server (mxwatchd on mx2.backup.test)" in cause(d), 15)
    d.ctl_run("flush", "a.test", "--no-wait")
    stays(lambda: d.metrics().queued("a.test") == 1, 1.5, "it goes in no circle")


@pytest.mark.beside
@pytest.mark.parametrize("net, records, named, left", [
    (50, "@ IN MX 10 p\n@ IN MX 20 o\n@ IN MX 30 t", "o.a.test", "p"),
    (60, "@ IN MX 10 p\n@ IN MX 20 o\n@ IN MX 20 t", "o.a.test", "p"),
    (70, "@ IN MX 10 p\n@ IN MX 20 o\n@ IN MX 20 t", "192.0.2.71", "p"),
    (80, "@ IN MX 10 o\n@ IN MX 10 t", "192.0.2.81", None),
], ids=["name", "name, equal", "address, equal", "address, best"])
def test_other_backups_are_named_by_self(stack, net, records, named, left):
    """A Postfix cannot say it; by probes and deliveries, on port 25."""
    addr = {n: stack.address("192.0.2.%d" % (net + i)) for i, n in enumerate("pot")}
    dns = stack.dns({"a.test": records + "".join("\n%s IN A %s" % x for x in addr.items())})
    mx = {n: stack.fakemx(host=a, port=25) for n, a in addr.items()}
    d = stack.mxwatchd({"a.test": ""}, start=False)
    d.write(options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "1s"\nself = {"%s"}'
            % (dns.port, named))
    d.start()
    if left is None:
        d.wait_log(r"error route domain=a.test .*best MX")
        send(d.port, "held")
    else:
        d.wait_state("a.test", "up")
        send(d.port, "first")
        wait_for(lambda: got(mx[left]) == ["first"], 15)
        mx[left].stop()
        d.wait_state("a.test", "down")
        send(d.port, "held")
    d.ctl_run("flush", "a.test", "--no-wait")
    stays(lambda: not any(m.connections for n, m in mx.items() if n != left), 2)
    assert d.metrics().queued("a.test") == 1


EXIM = """
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = %d
  allow_localhost
"""


@pytest.mark.parametrize("kind", ["postfix", "exim"])
def test_other_servers_skip_the_word(stack, kind):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    if kind == "postfix":
        c = stack.primary(["none.test"], extra="relay_domains = a.test\n"
                          "relay_transport = smtp:[127.0.0.1]:%d\n"
                          "smtp_host_lookup = native\nsmtp_tls_security_level = may" % d.port)
        send(c.port, "by way of it")
    else:
        c = stack.add(Exim(["a.test"], EXIM % d.port), lambda e: e.close())
        send(c.port, "by way of it")
        subprocess.run([program(), "-C", c.conf, "-qf"], check=True, timeout=60)
    wait_for(lambda: got(mx) == ["by way of it"], 20)
    assert "XMXWATCH" not in c.log()


@pytest.mark.beside
def test_no_trap_says_that_a_primary_went_down(stack):
    """Of the backup; of the primary beside it one does."""
    traps = stack.add(Traps(), lambda t: t.close())
    snmpd = stack.add(Snmpd(traps.port), lambda s: s.close()).start()
    p, mx = peer(stack), stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d", "127.0.0.1:%d"}' % (p.port, mx.port)},
                       options=section(snmpd))
    d.wait_state("a.test", "up")
    wait_for(lambda: server(d, "127.0.0.1:%d" % p.port)["backup"], 15)
    wait_connected(d)
    mx.stop()
    down = traps.wait(1, "= Gauge32: %d\t" % mx.port, 30)
    assert down
    d.wait_state("a.test", "down")
    assert len(traps.of(1)) == len(down), "the first of them would have been that of the backup"
