# SPDX-License-Identifier: ISC
"""mxwatchctl drill: a marked message through intake, spool and a Postfix as the primary,
what is said of each step, and what the schedule and the alert make of the result."""
import re

import pytest

from lib.mxwatchd import FAST
from lib.net import certificate
from lib.wait import wait_for

ALERT = 'alert "drill_failed" { clear = "0s" }'
SLOW = FAST.replace('first = "1s" max = "2s"', 'first = "1m" max = "1m"')


def world(stack, mx=None, domain="", **kw):
    """A primary for a.test that Postfix is, and the daemon before it."""
    mx = mx or stack.primary()
    kw.setdefault("options", ALERT)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"} %s' % (mx.port, domain)}, **kw)
    d.wait_state("a.test", "up")
    return d, mx


def drill(d, *args, rc=0):
    """The steps by name (the last of each), and the last line."""
    lines = d.ctl_json("drill", "a.test", *args, rc=rc)
    return {line["step"]: line for line in lines[:-1]}, lines[-1]


def shown(d):
    d.refresh("a.test")
    return d.status()["domains"][0]["drill"]


def firing(d):
    d.refresh("a.test")
    return [a["alert"] for a in d.status()["alerts"] if a["state"] == "firing"]


def leaves_nothing(d):
    """Neither in the queue nor in the vault, and nobody was told."""
    d.wait_empty("a.test")
    assert d.ctl_json("vault")[-1]["messages"] == 0
    m = d.metrics()
    assert m.get("dsn_generated_total", action="failed") == 0
    assert m.get("dsn_generated_total", action="delayed") == 0


@pytest.mark.beside
def test_delivered(stack):
    d, mx = world(stack)
    assert shown(d) is None
    rc, text = d.ctl("drill", "a.test")
    lines = text.splitlines()
    assert rc == 0 and len(lines) == 5, text
    assert re.match(r"intake    127\.0\.0\.1:\d+, in clear: 250 2\.0\.0 Ok: queued as \w+$",
                    lines[0])
    assert lines[1] == "          to postmaster@a.test: Postmaster is always accepted."
    assert re.match(r"spool     \w+, \d+ bytes, durable after (less than )?\d+ ms$", lines[2])
    assert lines[0].split()[-1] == lines[2].split()[1].rstrip(",")
    assert re.match(r"delivery  127\.0\.0\.1:%d, in clear: 250 2\.0\.0 Ok" % mx.port, lines[3])
    assert re.match(r"end       delivered after \d+\.\d s$", lines[4])

    mail = mx.wait_messages(1)[0].decode()
    assert mail.startswith("Return-Path: <>\n")
    for field in ("From: postmaster@mx2.backup.test", "To: <postmaster@a.test>",
                  "Subject: mxwatch drill of a.test", "Auto-Submitted: auto-generated"):
        assert "\n%s\n" % field in mail
    assert re.search(r"\nX-Mxwatch-Drill: mxwatch-drill-[0-9a-f]{32}\n", mail)

    s = shown(d)
    assert s["delivered"] is True and s["running_since"] is None and s["next"] is None
    assert s["reply"].startswith("250 2.0.0 Ok")
    m = d.metrics()
    assert m.get("domain_drill_success", domain="a.test") == 1
    assert m.get("domain_drill_last_timestamp_seconds", domain="a.test") >= s["last"]
    assert 0 < m.get("domain_drill_duration_seconds", domain="a.test") < 60
    assert "The last drill, " in d.ctl("why", "a.test")[1]
    events = [e["text"] for e in d.ctl_json("events", "a.test")[:-1] if e["what"] == "drill"]
    assert events[0] == "a drill begins" and events[1].startswith("delivered: 250 ")
    assert "drill a.test by uid 0" in d.ctl("events")[1]
    leaves_nothing(d)

    # over a restart, and what is asked for wrongly
    d.restart()
    assert shown(d) == s
    for args in (["b@b.test"], ["a"], ["\u00fc@a.test"]):
        assert "is not an ASCII address in a.test" in d.ctl(
            "drill", "a.test", "--recipient", *args)[1]
    assert d.ctl("drill", "a.test", "--wait-for", "soon")[0] == 2
    assert d.ctl("drill", "c.test")[0] == 1
    assert d.ctl("drill")[0] == 2
    # nobody else has a mark that counts
    assert drill(d, "--recipient", "ann@a.test")[0]["intake"]["recipient"] == "ann@a.test"


@pytest.mark.beside
def test_refused(stack):
    """By us, and by the primary: at once, whatever was known of the recipient."""
    mx = stack.primary(recipients=["postmaster@a.test"])
    d, mx = world(stack, mx, "")
    d.reload(domains={"a.test": 'primary = {"127.0.0.1:%d"} recipients = "%s"' % (
        mx.port, d.file("list", "ann@a.test OK\nbob@a.test OK\n"))})
    steps, end = drill(d, "--recipient", "nobody@a.test", rc=1)
    assert steps["intake"]["state"] == "refused" and steps["intake"]["code"] == 550
    assert "spool" not in steps
    assert steps["end"]["reply"].startswith("not accepted by this server at rcpt: 550 ")
    wait_for(lambda: firing(d) == ["drill_failed"], 10, "the alert")

    steps, end = drill(d, "--recipient", "ann@a.test", rc=1)  # of the list
    assert "It is in the list" in steps["intake"]["rule"]
    assert steps["delivery"]["state"] == "failed" and steps["delivery"]["code"] == 550
    assert steps["end"]["state"] == "failed" and "refused: 550 " in steps["end"]["reply"]
    assert end["error"] == "a.test: the drill has failed"
    assert "failed: refused: 550" in d.ctl("why", "a.test")[1]
    d.refresh("a.test")
    domain = d.status()["domains"][0]
    assert domain["breaker"] is None and domain["counters"]["put_off"] == 0
    assert d.metrics().get("domain_drill_success", domain="a.test") == 0
    leaves_nothing(d)
    # a failure is over with the next success
    assert drill(d)[0]["end"]["state"] == "delivered"
    wait_for(lambda: firing(d) == [], 10, "the alert is over")


@pytest.mark.beside
def test_nothing_is_learned_from_a_refusal(stack):
    mx = stack.primary(recipients=["ann@a.test"])
    d, mx = world(stack, mx, 'recipients_learn = true recipients_refused_after = "1s"')
    assert drill(d, rc=1)[0]["delivery"]["code"] == 550  # postmaster
    known = {r["address"]: r["known"] for r in d.ctl_json("recipients", "a.test")[:-1]}
    assert known.get("postmaster@a.test", "unknown") == "unknown"
    assert drill(d, "--recipient", "ann@a.test")[0]["end"]["state"] == "delivered"
    assert [r["known"] for r in d.ctl_json("recipients", "a.test")[:-1]
            if r["address"] == "ann@a.test"] == ["taken"]


@pytest.mark.beside
def test_primary_down(stack):
    """It is said at once, and the message goes when the primary is back."""
    d, mx = world(stack)
    mx.stop()
    d.wait_state("a.test", "down")
    rc, text = d.ctl("drill", "a.test")
    assert rc == 1
    assert re.search(r"\ndelivery  not tried: 127\.0\.0\.1:%d has been down since 20.*: .*refused" %
                     mx.port, text), text
    assert re.search(r"\nend       not delivered yet\n          It goes on until 20[-0-9: ]+; the "
                     "same command follows it.\n", text), text
    assert "mxwatchctl: a.test: not delivered yet" in text
    assert shown(d)["running_since"] is not None
    assert "A drill is under way for " in d.ctl("why", "a.test")[1]
    assert "a drill of a.test to postmaster@a.test is under way" in d.ctl(
        "drill", "a.test", "--recipient", "ann@a.test")[1]
    # over a kill, too
    d.kill9()
    d.start()
    mx.start()
    wait_for(lambda: (shown(d) or {}).get("delivered"), 20, "it was delivered")
    assert shown(d)["running_since"] is None
    assert len(mx.wait_messages(1)) == 1
    leaves_nothing(d)


@pytest.mark.beside
def test_held(stack):
    d, mx = world(stack, stack.fakemx())
    assert d.ctl("hold", "a.test")[0] == 0
    assert drill(d, rc=1)[0]["delivery"]["reply"] == "the domain is on hold"
    assert d.ctl("release", "a.test")[0] == 0
    wait_for(lambda: shown(d)["delivered"], 10, "it goes when it may")
    assert d.ctl("maintenance", "a.test", "--for", "1h", "--hold")[0] == 0
    assert "maintenance window" in drill(d, rc=1)[0]["delivery"]["reply"]


@pytest.mark.beside
def test_greylisted(stack):
    mx = stack.fakemx(misbehave=["greylist"])
    d, mx = world(stack, mx)
    lines = d.ctl_json("drill", "a.test")
    tries = [line for line in lines[:-1] if line["step"] == "delivery"]
    assert [t["state"] for t in tries] == ["deferred", "delivered"]
    assert tries[0]["code"] == 451 and tries[1]["code"] == 250
    assert lines[-2]["step"] == "end" and lines[-2]["state"] == "delivered"


@pytest.mark.beside
def test_deadline(stack):
    """What is not delivered in time is removed, and told of until one is."""
    mx = stack.primary(access={"postmaster@a.test": "451 4.7.1 Greylisted"})
    d, mx = world(stack, mx, 'drill_deadline = "2s"', defaults=SLOW)
    steps, end = drill(d, "--wait", "100ms", rc=1)
    assert steps["end"]["state"] == "waiting" and steps["end"]["until"] > 0
    steps, end = drill(d, rc=1)
    assert steps["end"]["state"] == "failed"
    assert steps["end"]["reply"].startswith("not delivered in time: 451 4.7.1 ")
    wait_for(lambda: firing(d) == ["drill_failed"], 10, "the alert")
    summary = [a["summary"] for a in d.status()["alerts"]][0]
    assert summary.startswith("a test message did not arrive: not delivered in time: 451")
    leaves_nothing(d)
    assert "status=removed" in d.log()
    mx.set_access({})
    assert drill(d)[0]["end"]["state"] == "delivered"
    wait_for(lambda: firing(d) == [], 10, "the alert is over")


@pytest.mark.beside
def test_by_itself(stack):
    """Once a period, also after a restart; not in a window, nor while the primary is
    down."""
    def wait_more(n):
        before = len(mx.messages)
        wait_for(lambda: len(mx.messages) >= before + n, 20, "%d more" % n)

    d, mx = world(stack, stack.fakemx(),
                  'drill = "1s" drill_recipient = "drills@a.test"')
    wait_more(2)
    assert mx.messages[0].to == ["drills@a.test"]
    assert shown(d)["next"] is not None
    d.restart()
    wait_more(2)
    assert d.ctl("maintenance", "a.test", "--for", "1h")[0] == 0
    drill(d)
    before = shown(d)["last"]
    assert d.reload(domains={"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})[0] == 0
    s = shown(d)
    assert s["next"] is None and s["last"] >= before and s["delivered"] is True
    # what left is not remembered
    d.reload(domains={"b.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    wait_for(lambda: [x["domain"] for x in d.status()["domains"]] == ["b.test"], 10, "it is gone")
    d.reload(domains={"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    assert shown(d) is None


@pytest.mark.beside
def test_ways_in(stack):
    """A listener with TLS at all addresses; a domain that takes mail in an outage only."""
    mx = stack.primary(tls=True)
    cert = certificate(mx.dir, "mx2.backup.test")
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"} admission = "outage"' % mx.port},
                       smtpd='tls_cert = "%s" tls_key = "%s"' % cert, start=False)
    with open(d.conf, "r+", encoding="utf-8") as f:
        text = f.read().replace("127.0.0.1:%d" % d.port, "0.0.0.0:%d" % d.port)
        f.seek(0)
        f.write(text)
        f.truncate()
    d.start()
    d.wait_state("a.test", "up")
    steps, _ = drill(d)
    assert steps["intake"]["listener"] == "127.0.0.1:%d" % d.port
    assert steps["intake"]["tls"].startswith("TLSv1.")
    assert steps["delivery"]["tls"].startswith("TLSv1.") and steps["delivery"]["tls_by"] == "may"
    assert "TLSv1." in d.ctl("drill", "a.test")[1].splitlines()[0]
