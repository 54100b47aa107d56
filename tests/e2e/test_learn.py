# SPDX-License-Identifier: ISC
"""Recipients that are learned, with a real Postfix as primary: who exists, who does not,
and what is said of both while it is up and while it is down. Two refusals are believed
here when they lie a second apart; the hour, the day and the three days are tests in
virtual time (tests/unit/test_learned.c, test_learn.c, test_rcpt_check.c)."""
import time

import pytest

from lib.mxwatchd import FAST
from lib.net import free_port
from lib.smtp import Raw, send_bytes, text
from lib.wait import wait_for

pytestmark = pytest.mark.beside
OK, NO, LATER = "250 2.1.5", "550 5.1.1", "450 4.1.1"


def rcpts(d, *addrs, source=None):
    """The replies to RCPT for each, in one session."""
    with Raw(d.port, source=source) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        return [c.cmd("RCPT TO:<%s>" % a)[:9] for a in addrs]


def learned(d, domain="a.test"):
    """What is known of each: {address: word}."""
    rc, out = d.ctl("recipients", domain)
    assert rc == 0, out
    return {line.split()[0]: line.split()[1] for line in out.splitlines()[:-1]
            if "@" in line}


def knows(d, addr, word):
    """Asks for it until that is known."""
    def asked():
        rcpts(d, addr)
        return learned(d, addr.split("@")[1]).get(addr) == word
    wait_for(asked, 30, "%s is %s" % (addr, word), step=0.3)


def settles(d, addr):
    """No check of it goes on any more: it was refused last some seconds ago."""
    def is_old():
        r = [x for x in d.ctl_json("recipients", addr.split("@")[1]) if x.get("address") == addr]
        return time.time() - r[0]["refused"] > 4
    wait_for(is_old, 20, "the checks of %s are over" % addr, step=0.3)


def why(d, addr):
    return " ".join(d.ctl("why", addr)[1].split())


def section(port, *more):
    return "\n".join(['primary = {"127.0.0.1:%d"}' % port, "recipients_learn = yes",
                      'recipients_refused_after = "1s"'] + list(more))


def postfix(stack, *boxes, **kw):
    return stack.primary(recipients=[b + "@a.test" for b in boxes + ("postmaster",)],
                         extra="smtpd_error_sleep_time = 0", **kw)


def test_an_outage(stack):
    pf = postfix(stack, "ada", "bob")
    d = stack.mxwatchd({"a.test": section(pf.port, 'recipient_delimiter = "+"')})
    d.wait_state("a.test", "up")
    assert rcpts(d, "ada@a.test", "nobody@a.test") == [OK, OK], "nobody is known yet"
    send_bytes(d.port, text("one"), "s@sender.test", "bob@a.test")
    pf.wait_messages(1)
    knows(d, "bob@a.test", "taken")
    knows(d, "ada@a.test", "passed")
    knows(d, "nobody@a.test", "refused")
    assert rcpts(d, "nobody@a.test") == [NO]
    assert "(check)" in why(d, "ada@a.test")
    assert "accepted mail for it" in why(d, "bob@a.test") and "(delivery)" in why(d, "bob@a.test")
    assert "It is treated like ada@a.test" in why(d, "ada+shop@a.test")
    assert "The primary refused it, first" in why(d, "nobody@a.test")
    everybody = ["ADA@a.test", "ada+shop@a.test", "bob@a.test", "nobody@a.test",
                 "nobody+x@a.test", "stranger@a.test", "postmaster@a.test"]
    up = rcpts(d, *everybody)
    assert up == [OK, OK, OK, NO, NO, OK, OK]
    pf.stop()
    d.wait_state("a.test", "down")
    assert rcpts(d, *everybody) == up
    d.restart()
    d.logged("learned_loaded names=")
    d.wait_state("a.test", "down")
    assert rcpts(d, *everybody) == up, "it is on the disk"
    out = d.ctl("recipients", "a.test", "--unknown")[1]
    assert "nobody@a.test" in out and "bob@a.test" not in out
    assert "not a catch-all" in out.splitlines()[-1]
    j = d.status()["domains"][0]["recipients_learned"]
    assert j["good"] >= 2 and j["bad"] >= 1 and not j["catch_all"]
    d.reload(domains={"a.test": section(pf.port).replace("learn = yes", "learn = no")})
    assert rcpts(d, "nobody@a.test") == [OK]
    wait_for(lambda: d.status()["domains"][0]["recipients_learned"] is None, 5)


def test_unknown_waits(stack):
    """The same way up or down."""
    pf = postfix(stack, "ada")
    d = stack.mxwatchd({"a.test": section(pf.port, "recipients_unknown = defer")})
    d.wait_state("a.test", "up")
    assert rcpts(d, "ada@a.test", "nobody@a.test") == [LATER, LATER]
    wait_for(lambda: rcpts(d, "ada@a.test") == [OK], 20, "the next time is better")
    knows(d, "nobody@a.test", "refused")
    pf.stop()
    d.wait_state("a.test", "down")
    assert rcpts(d, "ada@a.test", "nobody@a.test", "stranger@a.test") == [OK, NO, LATER]
    assert "Nothing is known about it" in why(d, "stranger@a.test")


def test_a_catch_all(stack):
    pf = stack.primary(recipients=None, extra="smtpd_error_sleep_time = 0")
    d = stack.mxwatchd({"a.test": section(pf.port, "recipients_unknown = defer")})
    d.wait_state("a.test", "up")
    assert rcpts(d, "x@a.test") == [LATER]
    wait_for(lambda: d.metrics().get("recipients_catch_all", domain="a.test") == 1, 20)
    pf.stop()
    d.wait_state("a.test", "down")
    assert rcpts(d, "x@a.test", "y@a.test") == [OK, OK]
    assert "is a catch-all" in why(d, "y@a.test")
    assert "catch-all" in d.ctl("recipients", "a.test")[1]


def test_a_half_restored_primary(stack):
    """It answers, and has lost its mailboxes: what it refuses meanwhile is forgotten when
    the breaker trips, what it refused before it lost them is not."""
    known = ["u%d" % i for i in range(6)]
    at = ("127.0.0.1", free_port())
    pf = postfix(stack, "carol", *known, services={at: {}})
    d = stack.mxwatchd({"a.test": section(at[1])},
                       defaults=FAST.replace('"ehlo"', '"rcpt"'))
    d.wait_state("a.test", "up")
    knows(d, "nobody@a.test", "refused")
    settles(d, "nobody@a.test")
    for u in known:
        send_bytes(d.port, text(u), "s@sender.test", u + "@a.test")
    wait_for(lambda: all(learned(d).get(u + "@a.test") == "taken" for u in known), 20)
    pf.stop()
    d.wait_state("a.test", "down")
    pf.set_service(at, virtual_mailbox_maps="inline:{ x@a.test=x }")
    pf.start()
    d.wait_state("a.test", "up")
    knows(d, "carol@a.test", "refused")
    assert rcpts(d, "carol@a.test") == [NO], "nobody can know better yet"
    assert rcpts(d, "u0@a.test") == [OK]
    for u in known:
        for i in range(2):
            send_bytes(d.port, text(u), "s%d@%s.test" % (i, u), u + "@a.test")
    wait_for(lambda: d.metrics().get("breaker_tripped", domain="a.test") == 1, 30)
    wait_for(lambda: "carol@a.test" not in learned(d), 10, "what it refused is forgotten")
    assert rcpts(d, "carol@a.test", "nobody@a.test") == [OK, OK], "no refusal is believed now"
    pf.set_service(at)
    assert d.ctl("release", "a.test")[0] == 0
    d.wait_state("a.test", "up", 30)
    assert d.ctl("flush", "a.test")[0] == 0
    d.wait_empty("a.test")
    assert learned(d)["nobody@a.test"] == "refused" and rcpts(d, "nobody@a.test") == [NO]
    knows(d, "carol@a.test", "passed")
    assert d.metrics().sum("delivery_recipients_bounced_total", domain="a.test") == 0


def test_a_harvest(stack):
    """From one client: it learns nothing that it is not told by the primary at once."""
    pf = postfix(stack, "ada")
    d = stack.mxwatchd({"a.test": section(pf.port)}, smtpd="trusted = {}\nrcpt_checks = 5")
    d.wait_state("a.test", "up")
    names = ["n%d@a.test" % i for i in range(30)] + ["ada@a.test"]
    for i in range(3):
        assert rcpts(d, *names, source="127.0.0.5") == [OK] * len(names)
    wait_for(lambda: d.metrics().sum("recipients_checks_total", domain="a.test") == 5, 30)
    # Its hour is not over, and theirs who ask for the same has not begun.
    assert rcpts(d, *names, source="127.0.0.5") == [OK] * len(names)
    assert rcpts(d, "n29@a.test", source="127.0.0.6") == [OK]
    wait_for(lambda: learned(d).get("n29@a.test") == "doubted", 20)
    assert d.metrics().sum("recipients_checks_total", domain="a.test") == 6
    assert pf.count_log(r"reject: RCPT") <= 7, "the test for a catch-all is one"
