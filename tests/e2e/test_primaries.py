# SPDX-License-Identifier: ISC
"""A primary is one thing, whatever number of domains name it."""
import socket
import time

from lib.smtp import Raw, send, stuff, subjects, text
from lib.wait import wait_for

DOMAINS = ["d%02d.test" % i for i in range(30)]


def sessions(mx):
    return sum(e["event"] == "connect" for e in mx.events)


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


def test_a_refused_postmaster_is_a_finding(stack):
    """No outage: mail goes, and who has to change what is told."""
    mx = stack.fakemx(misbehave=["rcpt-550=postmaster@a.test"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nprobe { depth = "rcpt" }' % mx.port})
    d.wait_state("a.test", "up")
    send(d.port, "goes")
    wait_for(lambda: mx.messages, 10)
    p = d.ctl_json("status", "a.test")[0]["domains"][0]["primaries"][0]
    assert p["answer"] == "refused" and p["finding"].startswith("rcpt: 550"), p
    assert "`probe { rcpt, sender }` is what to change" in d.ctl("why", "a.test")[1]
    assert "refused" in d.ctl("status", "--primaries")[1]
    mx.misbehave[:] = []
    wait_for(lambda: d.ctl_json("status", "a.test")[0]["domains"][0]["primaries"][0]["finding"] == "",
             15)


def test_trouble_with_dns_is_named(stack):
    """Which look-up, what came of it, since when."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))  # a resolver that says nothing
        d = stack.mxwatchd({"a.test": ""}, options='resolver = {"127.0.0.1@%d"}\n'
                           'resolver_timeout = "500ms"' % s.getsockname()[1])
        want = "the MX look-up of a.test: no answer in time"
        wait_for(lambda: d.ctl_json("status", "a.test")[0]["domains"][0]["trouble"] == want, 15)
        assert d.ctl_json("status", "a.test")[0]["domains"][0]["trouble_since"] is not None
        assert want in d.ctl("why", "a.test")[1]
        rc, text = d.ctl("probe", "a.test")
        assert rc == 1 and want in text, text
        assert d.metrics().state("a.test") == "unknown"


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
