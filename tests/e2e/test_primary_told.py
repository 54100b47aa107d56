# SPDX-License-Identifier: ISC
"""When a primary is probed and when not, how many failures make it down, and
trouble with DNS told as what it is."""
import re

import pytest

from lib.baddns import BadDns
from lib.mxwatchd import FAST
from lib.smtp import send
from lib.wait import stays, wait_for

from test_etrn import etrn

SELDOM = """\
    delay_warning = {}
    probe { interval = "1h" timeout = "2s" fall = %d rise = 1 hold = "0s" depth = "rcpt" }
    retry { first = "1s" max = "2s" }
"""


def why(d, domain):
    return " ".join(d.ctl_json("why", domain)[0]["explain"])


def cause(d, domain):
    got = d.ctl_json("status", domain)[0]["domains"]
    return [x for x in got if x["domain"] == domain][0]["cause"]


# ---- enabled = no

@pytest.mark.beside
def test_not_probed_by_anybody_when_disabled(stack):
    """Neither at the start, nor when asked to, nor for ETRN; a neighbour on
    the same primary is."""
    quiet, shared = stack.fakemx(), stack.fakemx()
    no = 'primary = {"127.0.0.1:%d"}\nprobe { enabled = no }'
    d = stack.mxwatchd({"a.test": no % quiet.port, "b.test": no % shared.port,
                        "c.test": 'primary = {"127.0.0.1:%d"}' % shared.port},
                       smtpd='etrn = {"127.0.0.1"}',
                       defaults=FAST.replace('depth = "ehlo"', 'depth = "rcpt"'))
    d.wait_state("a.test", "disabled")
    d.wait_state("c.test", "up")
    rc, text = d.ctl("probe", "a.test")
    assert rc != 0 and re.search("enabled|not probed|disabled", text), text
    assert etrn(d.port, "a.test")[0] == 251
    assert d.reload()[0] == 0
    assert d.ctl("probe", "b.test")[0] != 0
    d.ctl("probe", "c.test")
    stays(lambda: quiet.connections == 0, 1.0, "nobody asks")
    assert not [e for e in shared.events if e["event"] == "command" and "b.test" in e["line"]]
    assert d.metrics().sum("probe_attempts_total", domain="a.test") == 0
    assert d.metrics().state("a.test") == "disabled"


@pytest.mark.beside
def test_mail_goes_without_a_probe_when_disabled(stack):
    """Each session at the primary carries mail, also that which ETRN brings."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nprobe { enabled = no }' % mx.port},
                       smtpd='etrn = {"127.0.0.1"}')
    send(d.port, "waits")
    wait_for(lambda: d.metrics().get("delivery_attempts_total", domain="a.test") >= 1)
    mx.start()
    assert etrn(d.port, "a.test")[0] in (250, 251, 253)
    wait_for(lambda: mx.messages, 15, "delivered")
    send(d.port, "directly")
    wait_for(lambda: len(mx.messages) == 2, 15, "delivered")
    d.wait_empty("a.test")
    wait_for(lambda: not mx.sessions, 10, "connections are closed")
    ended = [e for e in mx.events if e["event"] == "disconnect"]
    assert all(e["messages"] > 0 for e in ended), ended


# ---- fall

@pytest.mark.beside
def test_one_failure_is_enough_with_fall_1(stack):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, defaults=SELDOM % 1)
    d.wait_state("a.test", "up")
    mx.stop()
    assert d.ctl("probe", "a.test")[0] == 1
    d.wait_state("a.test", "down", 5)
    assert d.status()["domains"][0]["primaries"][0]["failures"] == 1


@pytest.mark.beside
def test_the_last_of_three_failures_is_the_one(stack):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, defaults=SELDOM % 3)
    d.wait_state("a.test", "up")
    mx.stop()
    for left in (2, 1):
        assert d.ctl("probe", "a.test")[0] == 1
        d.wait_state("a.test", "suspect", 5)
    assert d.ctl("probe", "a.test")[0] == 1
    d.wait_state("a.test", "down", 5)
    assert d.status()["domains"][0]["primaries"][0]["failures"] == 3


# ---- trouble with DNS

def told(d, domain, name, *words):
    """`status`, `why` and `probe` name what was asked, and the answer."""
    for what, text in (("status", lambda: cause(d, domain)), ("why", lambda: why(d, domain)),
                       ("probe", lambda: d.ctl("probe", domain)[1])):
        def says():
            got = text()
            for w in (re.escape(name),) + words:
                assert re.search(w, got, re.I), "no %s in %s: %s" % (w, what, got)
            return True
        wait_for(says, 10, what + " tells of it")


@pytest.mark.beside
@pytest.mark.parametrize("how,word", [
    ("SERVFAIL", "SERVFAIL"), ("REFUSED", "REFUSED"),
    ("silent", "time|no answer|did not answer"),
    ("nobody", "refused|no answer|did not answer|unreachable|time")])
def test_a_resolver_that_fails_is_named(stack, how, word):
    """From the first failed look-up; it is no outage of the primary."""
    if how == "nobody":
        port = 9
    elif how == "silent":
        port = stack.add(BadDns(lambda *a: []), lambda s: s.close()).port
    else:
        zones = {"good.test": "x IN A 127.0.0.1"}
        if how == "SERVFAIL":
            zones["a.test"] = None
        port = stack.dns(zones).port
    d = stack.mxwatchd({"a.test": "", "b.test": 'primary = {"mx.a.test"}'},
                       options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "500ms"' % port)
    send(d.port, "kept")
    told(d, "a.test", "a.test", r"\bMX\b", word)
    told(d, "b.test", "mx.a.test", word)
    assert re.search(r"since|for \d|ago", why(d, "a.test")), why(d, "a.test")
    m = d.metrics()
    assert m.state("a.test") == m.state("b.test") == "unknown"
    assert m.queued("a.test") == 1


@pytest.mark.beside
@pytest.mark.parametrize("records,words", [
    ("@ IN MX 10 gone", ("gone.a.test", "no such|does not exist|no address|NXDOMAIN")),
    ("@ IN MX 0 .", ("a.test", "null MX|no mail"))], ids=["no such host", "null MX"])
def test_records_that_lead_nowhere_are_told_as_such(stack, records, words):
    dns = stack.dns({"a.test": records})
    d = stack.mxwatchd({"a.test": ""},
                       options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "2s"' % dns.port)
    told(d, "a.test", *words)


@pytest.mark.beside
def test_dns_trouble_ends_when_it_ends(stack):
    dns = stack.dns({"a.test": None})
    mx = stack.fakemx(host="127.0.0.51")
    d = stack.mxwatchd({"a.test": "probe { port = %d }" % mx.port},
                       options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "1s"' % dns.port)
    send(d.port, "kept")
    told(d, "a.test", "a.test", "SERVFAIL")
    dns.set(a_test="@ IN MX 10 mx\nmx IN A 127.0.0.51")
    d.wait_state("a.test", "up", 30)
    wait_for(lambda: mx.messages, 30, "delivered")
    assert "SERVFAIL" not in cause(d, "a.test") + why(d, "a.test")
