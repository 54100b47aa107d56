# SPDX-License-Identifier: ISC
"""A primary is one thing, whatever number of domains name it."""
import os
import re
import socket
import time

import pytest

from lib.fakemx import deliveries_at_once
from lib.net import Workdir, certificate
from lib.smtp import Raw, send, stuff, subjects, text
from lib.wait import wait_for

DOMAINS = ["d%02d.test" % i for i in range(30)]


def sessions(mx):
    return sum(e["event"] == "connect" for e in mx.events)


@pytest.mark.beside
def test_thirty_domains_are_one_primary(stack):
    mx = stack.fakemx()
    conf = 'primary = {"127.0.0.1:%d"}\nprobe { interval = "1s" depth = "rcpt" }' % mx.port
    d = stack.mxwatchd({name: conf for name in DOMAINS})
    for name in DOMAINS:
        d.wait_state(name, "up")
    before, begin = sessions(mx), time.monotonic()
    wait_for(lambda: all(any(("postmaster@" + name) in e.get("line", "") for e in mx.events)
                         for name in DOMAINS), 20, "each is asked for in turn")
    took = time.monotonic() - begin
    assert sessions(mx) - before <= took / 0.9 + 2, "one session an interval"

    doc = d.ctl_json("status", "--primaries")[0]
    assert set(doc) == {"time", "primaries"}
    label = "127.0.0.1:%d" % mx.port
    assert [(p["primary"], p["domains"], p["reach"]) for p in doc["primaries"]] == [(label, 30, "up")]
    assert "PIPELINING" in doc["primaries"][0]["ehlo"]["extensions"]
    assert d.ctl_json("status", "d07.test", "--primaries")[0]["primaries"][0]["primary"] == label
    rc, text = d.ctl("status", "--primaries")
    assert rc == 0 and len(text.splitlines()) == 2 and max(map(len, text.splitlines())) <= 80, text
    one = d.ctl_json("status", "d07.test")[0]
    assert [p["primary"] for p in one["primaries"]] == [label]
    assert "30 domains name" in d.ctl("why", "d07.test")[1]
    m = d.metrics()
    assert m.get("primary_domains", primary=label) == 30
    assert m.get("primary_state", primary=label, state="up") == 1

    mx.stop()
    for name in DOMAINS:
        d.wait_state(name, "down")
    send(d.port, "waits", rcpts=["u@d03.test"])
    cause = d.ctl_json("status", "d03.test")[0]["domains"][0]["cause"]
    assert cause.startswith("connect: ") and "refused" in cause, cause
    mx.start()
    for name in DOMAINS:
        d.wait_state(name, "up")
    wait_for(lambda: mx.messages, 10)
    assert m.get("watchdog_transitions_total", domain="d04.test", to="recovering") == 0
    assert d.metrics().get("watchdog_transitions_total", domain="d03.test", to="recovering") == 1


@pytest.mark.beside
def test_a_refused_postmaster_is_a_finding(stack):
    """No outage: mail goes, and who has to change what is told."""
    mx = stack.fakemx(misbehave=["rcpt-550=postmaster@a.test"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nprobe { depth = "rcpt" }' % mx.port})
    d.wait_state("a.test", "up")
    send(d.port, "goes")
    wait_for(lambda: mx.messages, 10)
    p = d.ctl_json("status", "a.test")[0]["domains"][0]["primaries"][0]
    assert p["answer"] == "refused" and p["finding"].startswith("rcpt: 550"), p
    assert "change `probe { rcpt, sender }`" in d.ctl("why", "a.test")[1]
    assert "refused" in d.ctl("status", "--primaries")[1]
    mx.misbehave[:] = []
    wait_for(lambda: d.ctl_json("status", "a.test")[0]["domains"][0]["primaries"][0]["finding"] == "",
             15)


@pytest.mark.beside
def test_trouble_with_dns_is_named(stack):
    """Which look-up, what came of it, since when."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))  # a resolver that says nothing
        d = stack.mxwatchd({"a.test": ""}, options='resolver = {"127.0.0.1@%d"}\n'
                           'resolver_timeout = "500ms"' % s.getsockname()[1])
        want = "the MX lookup of a.test: no answer in time"
        wait_for(lambda: d.ctl_json("status", "a.test")[0]["domains"][0]["trouble"] == want, 15)
        assert d.ctl_json("status", "a.test")[0]["domains"][0]["trouble_since"] is not None
        assert want in d.ctl("why", "a.test")[1]
        rc, text = d.ctl("probe", "a.test")
        assert rc == 1 and want in text, text
        assert d.metrics().state("a.test") == "unknown"


@pytest.mark.beside
def test_a_reload_moves_domains_in_mid_flush(stack):
    """Each message arrives once, at the primary that its domain had when it was
    begun, and what waited for the old one goes to the new one."""
    each = 40
    a, b = stack.fakemx(start=False, misbehave=["slow=0.02"]), stack.fakemx()
    to = {mx: 'primary = {"127.0.0.1:%d"}\ndeliver { connections = 2 }' % mx.port for mx in (a, b)}
    d = stack.mxwatchd({name: to[a] for name in DOMAINS})
    for name in DOMAINS:
        d.wait_state(name, "down")
    with Raw(d.port, timeout=60) as c:
        c.ok("EHLO client.test")
        for i in range(each):
            for name in DOMAINS[:10]:
                c.ok("MAIL FROM:<s@sender.test>")
                c.ok("RCPT TO:<u@%s>" % name)
                c.ok("DATA", "354")
                c.send(stuff(text("%d of %s" % (i, name))))
                assert c.reply().startswith("250")
    want = sorted("%d of %s" % (i, name) for i in range(each) for name in DOMAINS[:10])
    a.start()
    wait_for(lambda: len(a.messages) >= 20, 20, "the flush has begun")
    assert len(a.messages) < len(want), "and is not through"
    moved = set(DOMAINS[:10:2])
    rc, out = d.reload(domains={name: to[b if name in moved else a] for name in DOMAINS})
    assert rc == 0, out
    late = len(a.messages)
    for name in DOMAINS[:10]:
        d.wait_empty(name, 60)
    got = {mx: [m.data for m in mx.messages] for mx in (a, b)}
    assert got[b] and sorted(subjects(got[a] + got[b])) == want, "each once"
    assert all(s.split()[-1] in moved for s in subjects(got[b]))
    # those on their way when it came in force: one a connection
    wrong = [s for s in subjects(got[a])[late:] if s.split()[-1] in moved]
    assert len(wrong) <= 2, wrong
    assert d.metrics().sum("delivery_recipients_bounced_total") == 0


def told(d, label):
    """What is shown of that primary."""
    return [p for p in d.ctl_json("status", "--primaries")[0]["primaries"]
            if p["primary"] == label][0]


def refused(mx):
    return sum(e["event"] == "refuse" for e in mx.events)


@pytest.mark.beside
def test_limits_are_kept_over_a_restart(stack):
    """Learned once, and nobody is asked in vain again; a day is a day."""
    mx = stack.fakemx(start=False, misbehave=["rcpts-max=2", "421-after-3"])
    label = "127.0.0.1:%d" % mx.port
    d = stack.mxwatchd({"a.test": 'primary = {"%s"}\ndeliver { connections = 1 }' % label})
    d.wait_state("a.test", "down")
    three = ["u%d@a.test" % n for n in range(3)]
    for i in range(8):
        send(d.port, "m%d" % i, rcpts=three)
    mx.start()
    d.wait_empty("a.test")
    want = {"max_messages": 3, "max_recipients": 2}
    wait_for(lambda: {k: told(d, label)["delivery"][k] for k in want} == want, 10)
    before = refused(mx)
    assert before > 0
    text = d.ctl("why", "a.test")[1]
    assert "it accepts 3 messages per connection" in text, text
    assert "it accepts 2 recipients per transaction" in text, text
    assert "takes 3 messages each, 2 recipients\n" in d.ctl("status", "--primaries")[1]
    of = d.ctl_json("why", "a.test")[0]["primaries"]
    assert [p["primary"] for p in of] == [label] and of[0]["delivery"]["max_recipients"] == 2
    m = d.metrics()
    assert m.get("primary_connection_message_limit", primary=label) == 3
    assert m.get("primary_transaction_recipient_limit", primary=label) == 2
    assert m.get("primary_message_gap_seconds", primary=label) == 0

    d.restart()
    d.wait_state("a.test", "up")
    for i in range(4):
        send(d.port, "n%d" % i, rcpts=three)
    d.wait_empty("a.test")
    assert refused(mx) == before, "the third recipient waits for its own transaction"
    assert {k: told(d, label)["delivery"][k] for k in want} == want

    # A file that was damaged is left aside, with a line in the log.
    d.stop()
    path = os.path.join(d.spool, "host-memory")
    with open(path, "r+", encoding="ascii") as f:
        text = f.read()
        assert text.startswith("mxwatch-hosts 1\n"), text
        f.seek(0)
        f.write(text.replace("host", "hast", 2))
    d.start()
    d.wait_log("host_memory=empty .*damaged")
    assert len(re.findall("host_memory=empty .*damaged", d.log())) == 1, d.log()[-3000:]
    d.wait_state("a.test", "up")
    send(d.port, "again", rcpts=three)
    d.wait_empty("a.test")
    assert refused(mx) == before + 1


@pytest.mark.beside
def test_tls_that_was_lost_is_known_after_a_restart(stack):
    """The alert does not end because we began anew, and who did TLS yesterday is
    not talked to in clear at once."""
    mx, work = stack.fakemx(), stack.add(Workdir("tls"), lambda w: w.remove())
    mx.cert, mx.key = certificate(work.path, "mx.a.test")
    label = "127.0.0.1:%d" % mx.port
    d = stack.mxwatchd({"a.test": 'primary = {"%s"}\nretry { first = "2s" }\n'
                                  'probe { interval = "1s" depth = "rcpt" }\n'
                                  'deliver { idle = "0s" }' % label})
    d.wait_state("a.test", "up")
    assert told(d, label)["cert_not_after"] is not None
    d.restart()
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["starttls-close"]
    wait_for(lambda: told(d, label)["tls_fallback_since"] is not None, 20, "TLS is lost")
    since = told(d, label)["tls_fallback_since"]
    d.restart()
    wait_for(lambda: told(d, label)["probed"], 10)
    assert told(d, label)["tls_fallback_since"] == since
    send(d.port, "in clear", rcpts=["u@a.test"])
    wait_for(lambda: mx.messages, 20)
    assert not mx.messages[0].tls
    mx.misbehave[:] = []
    wait_for(lambda: told(d, label)["tls_fallback_since"] is None, 10)
    d.restart()
    assert told(d, label)["tls_fallback_since"] is None


def test_the_smallest_number_of_connections_bounds_the_host(stack):
    """a.test has no mail, another name of the host, found by MX, and the smaller
    number: it counts, until a reload says otherwise."""
    mx = stack.fakemx(host="127.0.0.2", misbehave=["slow=0.02"])
    zone = "@ IN MX 10 mx\nmx IN A 127.0.0.2"
    dns = stack.dns({"a.test": zone, "b.test": zone})
    conf = 'probe { port = %d interval = "1s" }\ndeliver { connections = %%d idle = "0s" }' % mx.port

    def burst():
        since = len(mx.events)
        for i in range(30):
            send(d.port, "m%d" % i, rcpts=["u@b.test"])
        d.wait_empty("b.test")
        wait_for(lambda: d.metrics().get("delivery_connections") == 0)
        return deliveries_at_once(mx, since)

    d = stack.mxwatchd({"a.test": conf % 1, "b.test": conf % 8},
                       options='resolver = {"127.0.0.1@%d"}' % dns.port)
    for name in ("a.test", "b.test"):
        d.wait_state(name, "up")
    assert burst() == 1
    assert d.reload(domains={"a.test": conf % 3, "b.test": conf % 8})[0] == 0
    assert 2 <= burst() <= 3
    assert d.reload(domains={"b.test": conf % 8})[0] == 0
    assert burst() > 3
    assert d.reload(domains={"a.test": conf % 1, "b.test": conf % 8})[0] == 0
    d.wait_state("a.test", "up")
    assert burst() == 1
