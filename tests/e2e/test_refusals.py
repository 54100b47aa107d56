# SPDX-License-Identifier: ISC
"""What a primary refuses for good and should not: nothing goes back by mistake,
somebody is told, and the mail goes when the primary is mended (REPORTS B). And
the opposite: what it refuses for good reasons delays nobody."""
import time

import pytest

from lib.mxwatchd import FAST
from lib.smtp import send, subjects
from lib.wait import stays, wait_for

RCPT = FAST.replace('depth = "ehlo"', 'depth = "rcpt"')
BLOCKED = "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using list.test"
UNKNOWN = "550 5.1.1 no such user here"
SPAM = "554 5.7.1 message content rejected"


def box(i):
    return "u%d@a.test" % i


def boxes(n):
    return "".join("%s ok\n" % box(i) for i in range(n))


def daemon(stack, mx, listed=0, defaults=RCPT, **kw):
    d = stack.mxwatchd({}, start=False, defaults=defaults, **kw)
    extra = '\nrecipients = "%s"' % d.file("list", boxes(listed)) if listed else ""
    d.parts["domains"] = {"a.test": 'primary = {"127.0.0.1:%d"}%s' % (mx.port, extra)}
    d.write()
    d.start()
    return d


def bounced(d):
    return d.metrics().sum("delivery_recipients_bounced_total", domain="a.test")


def closed(d):
    return d.metrics().get("breaker_closed", domain="a.test") == 1


def mail(d, n, first=0):
    for i in range(first, first + n):
        send(d.port, "m%d" % i, sender="s%d@sender.test" % i, rcpts=[box(i)])


def mended(d, mx, n, deadline=40):
    mx.misbehave[:] = []
    wait_for(lambda: len(set(subjects(m.data for m in mx.messages))) >= n, deadline, "all of it")
    d.wait_empty("a.test")
    d.wait_state("a.test", "up", 20)
    assert not closed(d) and bounced(d) == 0


BLOCKS = {
    "at-rcpt": "say-rcpt=" + BLOCKED,
    "at-mail": "say-mail=550 5.7.1 " + BLOCKED[10:],
    "ptr": "say-rcpt=550 5.7.25 reverse DNS validation failed",
    "auth": "say-rcpt=530 5.7.0 Authentication required",
    "at-dot": "say-dot=550 5.7.1 Client host rejected",
    "no-relay": "say-rcpt=554 5.7.1 Relay access denied",
    "loops": "say-dot=554 5.4.6 mail for a.test loops back to myself",
    "unknown": "say-rcpt=" + UNKNOWN,
    "bare": "say-rcpt=550 no",
}


@pytest.mark.parametrize("name", BLOCKS)
def test_report_B5_it_turns_against_us_while_it_is_up(stack, name):
    """Recipients all in the list; held, told once, and nothing goes back."""
    mx = stack.fakemx()
    d = daemon(stack, mx, 40)
    d.wait_state("a.test", "up")
    mail(d, 5)
    d.wait_empty("a.test")
    time.sleep(1.1)  # knowledge is kept by the second
    mx.misbehave[:] = [BLOCKS[name]]
    mail(d, 20, 5)
    wait_for(lambda: closed(d), 20, "the breaker is closed")
    d.wait_state("a.test", "down")
    assert d.metrics().queued("a.test") == 20 and bounced(d) == 0
    assert len([x for x in d.log().splitlines() if "error breaker" in x]) == 1
    why = d.ctl("why", "a.test")[1]
    assert "breaker" in why and "mxwatchctl release a.test" in why
    wait_for(lambda: ("breaker_closed", "critical") in
             [(a["alert"], a["severity"]) for a in d.status()["alerts"]], 10, "the alert")
    assert "primary_down" not in [a["alert"] for a in d.status()["alerts"]]
    assert d.ctl_json("status", "a.test")[0]["domains"][0]["breaker"]["reply"] in BLOCKS[name]
    mended(d, mx, 25)


def test_report_B6_an_old_state(stack):
    """Sixty in the list, ten of whom it knows."""
    mx = stack.fakemx()
    d = daemon(stack, mx, 60)
    d.wait_state("a.test", "up")
    known = ",".join(box(i) for i in range(0, 60, 6))
    mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, "except=postmaster@a.test," + known]
    mail(d, 60)
    wait_for(lambda: closed(d), 20, "the breaker is closed")
    assert bounced(d) == 0
    mended(d, mx, 60)


FILTERS = {
    "554": "say-dot=554 5.7.1 milter failed", "550": "say-dot=550 rejected",
    "virus": "say-dot=554 5.6.0 scanner failed", "big": "say-dot=552 5.3.4 too big",
    "552-at-mail": "say-mail=552 5.3.4 message size exceeds fixed limit",
    "syntax": "say-mail=501 5.5.4 what?", "null": "say-mail=550 5.1.8 no such domain",
}


# Two senders are believed to be refused for what they are.
GUESSED = {"null": 2}


@pytest.mark.parametrize("name", FILTERS)
def test_report_B7_the_filter_came_back_broken(stack, name):
    mx = stack.fakemx(start=False)
    d = daemon(stack, mx, 60)
    d.wait_state("a.test", "down")
    mail(d, 60)
    mx.misbehave[:] = [FILTERS[name], "except=postmaster@a.test"]
    mx.start()
    wait_for(lambda: d.metrics().sum("delivery_recipients_deferred_total", domain="a.test") > 0,
             15, "an attempt")
    stays(lambda: bounced(d) <= GUESSED.get(name, 0), 6)
    left = d.metrics().queued("a.test")
    mx.misbehave[:] = []
    d.ctl_run("release", "a.test")
    wait_for(lambda: len(mx.messages) == left, 40, "all of it")
    assert bounced(d) == 60 - left


def test_report_B10_less_is_offered_than_before(stack):
    """A smaller SIZE, and no SMTPUTF8: what needs more waits."""
    mx = stack.fakemx()
    d = daemon(stack, mx)
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["size=100", "no-utf8"]
    send(d.port, "large")
    wait_for(lambda: "larger than the server takes; it did before" in d.log(), 10)
    stays(lambda: bounced(d) == 0 and d.metrics().queued("a.test") == 1, 3)
    mended(d, mx, 1)


def test_report_B10a_a_backlog_of_unknown_recipients(stack):
    """No list; the primary closes at the third refused recipient. Good mail goes
    within seconds, the others one by one, and nothing flaps."""
    mx = stack.fakemx(start=False)
    d = daemon(stack, mx)
    d.wait_state("a.test", "down")
    for i in range(40):
        send(d.port, "x%d" % i, sender="s%d@sender.test" % i, rcpts=["x%d@a.test" % i])
    send(d.port, "many", rcpts=["y%d@a.test" % i for i in range(45)] + [box(0)])
    mail(d, 5, 1)
    mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, "errors-max=3",
                       "except=postmaster@a.test," + ",".join(box(i) for i in range(6))]
    mx.start()
    wait_for(lambda: {"many", "m1", "m2", "m3", "m4", "m5"} <=
             set(subjects(m.data for m in mx.messages)), 20, "the good ones")
    d.wait_empty("a.test", 40)
    assert bounced(d) == 85
    assert len(mx.messages) == 6
    d.wait_state("a.test", "up")
    m = d.metrics()
    assert m.get("watchdog_transitions_total", domain="a.test", to="down") == 1
    assert m.get("breaker_trips_total", domain="a.test") == 0


def test_spam_for_ever_delays_nobody_and_is_not_reported(stack):
    mx = stack.fakemx()
    d = daemon(stack, mx, 60)
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["say-dot=" + SPAM, "except=" + ",".join(box(i) for i in range(0, 60, 5))]
    for i in range(51):
        if i == 50:  # the last good one comes behind the last refusal
            wait_for(lambda: d.metrics().sum("delivery_refusals_put_off_total", domain="a.test",
                                             scope="message") >= 40, 20, "all were refused once")
        mail(d, 1, i)
        if i % 5 == 0:
            wait_for(lambda: "m%d" % i in subjects(m.data for m in mx.messages), 5, "good mail")
    d.wait_empty("a.test", 40)
    assert bounced(d) == 40 and len(mx.messages) == 11
    m = d.metrics()
    assert m.get("breaker_trips_total", domain="a.test") == 0
    assert m.sum("dsn_generated_total") == 0
    assert m.get("dsn_suppressed_total", reason="policy") == 40
    assert d.status()["alerts"] == [] or \
        all(a["alert"] == "bounce_rate" for a in d.status()["alerts"])


def test_thirty_who_left_the_list_was_not_told(stack):
    mx = stack.fakemx(start=False)
    d = daemon(stack, mx, 40)
    d.wait_state("a.test", "down")
    mail(d, 40)
    mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, "except=postmaster@a.test," +
                       ",".join(box(i) for i in range(30, 40))]
    mx.start()
    wait_for(lambda: len(mx.messages) == 10, 20, "good mail is not late")
    d.wait_state("a.test", "up")
    assert not closed(d) and bounced(d) == 0
    assert d.metrics().queued("a.test") == 30


def test_believed_in_the_end_and_known_at_the_door(stack):
    """refusal_grace is over, and the primary takes others: it goes back, and the
    door says so until the list is another one."""
    mx = stack.fakemx()
    d = daemon(stack, mx, 10, defaults=RCPT + '    refusal_grace = "2s"\n')
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, "except=postmaster@a.test," +
                       ",".join(box(i) for i in range(1, 10))]
    mail(d, 1)
    wait_for(lambda: d.metrics().sum("delivery_refusals_put_off_total", domain="a.test",
                                     scope="recipient") == 1, 10)
    mail(d, 3, 1)
    wait_for(lambda: len(mx.messages) == 3, 10)
    time.sleep(2.2)
    assert bounced(d) == 0
    d.ctl("flush", "a.test")
    wait_for(lambda: bounced(d) == 1, 10, "it is believed")
    with pytest.raises(AssertionError, match="450 4.1.1"):
        send(d.port, "again", rcpts=[box(0)])
    d.file("list", boxes(11))
    wait_for(lambda: send(d.port, "again", rcpts=[box(0)]), 15, "another list")


def test_the_breaker_outlives_a_restart(stack):
    mx = stack.fakemx()
    d = daemon(stack, mx, 20)
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["say-rcpt=" + BLOCKED]
    mail(d, 10)
    wait_for(lambda: closed(d), 20)
    d.restart()
    wait_for(lambda: closed(d), 10, "still")
    stays(lambda: closed(d) and bounced(d) == 0, 2)
    mended(d, mx, 10)


# ---- reports, and what must never block its own cure (REPORTS D14, I31)

NOWHERE = {"nxdomain": ("gone.nohost.test", ""), "no-host": ("nohost.test", "x IN A 127.0.0.1"),
           "null-mx": ("nullmx.test", "@ IN MX 0 ."),
           "literal": ("literal.test", "@ IN MX 10 127.0.0.1."),
           "ours": ("ours.test", "@ IN MX 10 us.ours.test.\nus IN A 192.0.2.25"),
           "mx-gone": ("mxgone.test", "@ IN MX 10 gone.nohost.test.")}


def test_report_D14_a_report_to_nowhere_ends(stack):
    """At once where there is no such domain, no host, or none but us; and else
    with dsn { lifetime }, whatever the lifetime of mail is."""
    zones = {z: text for z, text in NOWHERE.values() if text}
    zones["slow.test"] = "@ IN MX 10 mx\nmx IN A 192.0.2.77"
    dns = stack.dns(zones)
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, defaults=RCPT,
                       options='resolver = {"127.0.0.1@%d"}\nself = {"us.ours.test"}' % dns.port,
                       dsn='lifetime = "8s"')
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, "except=postmaster@a.test"]
    for name, _ in [*NOWHERE.values(), ("slow.test", "")]:
        send(d.port, name, sender="s@" + name, rcpts=["unknown@a.test"])
    wait_for(lambda: bounced(d) == 7, 10)
    wait_for(lambda: d.metrics().get("queue_reports_messages") == 1, 7, "that of slow.test is left")
    assert d.status()["reports"]["messages"] == 1
    assert "reports 1 queued" in d.ctl("status")[1]
    wait_for(lambda: d.metrics().get("queue_reports_messages") == 0, 15, "its lifetime is over")


def test_report_I31_a_full_queue_gets_rid_of_what_it_has(stack):
    mx = stack.fakemx()
    sender = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}\nlifetime = "6s"'},
                       queue="max_messages = 3", dsn='smarthost = "127.0.0.1:%d"' % sender.port)
    d.wait_state("a.test", "down")
    mail(d, 3)
    with pytest.raises(AssertionError, match="452 4.3.1"):
        send(d.port, "too many")
    assert d.metrics().get("queue_full") == 1
    assert d.http("/-/ready")[0] == 503
    wait_for(lambda: "queue_full" in [a["alert"] for a in d.status()["alerts"]], 10, "the alert")
    assert "event=full" in d.log()
    wait_for(lambda: len(sender.messages) == 3, 20, "each sender is told")
    wait_for(lambda: d.metrics().get("queue_full") == 0, 10)
    send(d.port, "there is room")
    mx.stop()


def test_report_B9_the_need_comes_from_the_content(stack):
    """A client that could do SMTPUTF8 sent ASCII: any primary may have it."""
    mx = stack.fakemx(misbehave=["no-utf8"])
    d = daemon(stack, mx)
    send(d.port, "plain", args=" SMTPUTF8 BODY=8BITMIME")
    wait_for(lambda: len(mx.messages) == 1, 15)
    assert "SMTPUTF8" not in mx.messages[0].mail_args
