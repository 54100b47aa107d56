# SPDX-License-Identifier: ISC
"""What a primary refuses for good and should not: nothing goes back by mistake,
somebody is told, and the mail goes when the primary is mended (REPORTS B). And
the opposite: what it refuses for good reasons delays nobody. The scenarios run
side by side (lib/crowd.py)."""
import time

import pytest

from lib.crowd import Crowd, names, scenario
from lib.mxwatchd import FAST
from lib.smtp import send, subjects
from lib.wait import stays, wait_for

RCPT = FAST.replace('depth = "ehlo"', 'depth = "rcpt"')
BLOCKED = "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using list.test"
UNKNOWN = "550 5.1.1 no such user here"
SPAM = "554 5.7.1 message content rejected"
SPF = "550 5.7.23 SPF validation failed"


@pytest.fixture(scope="module")
def crowd(module_stack, request):
    """All the scenarios that were asked for, under way."""
    wanted = {i.callspec.params["name"] for i in request.session.items
              if i.module is request.module}
    sink = module_stack.fakemx()
    c = module_stack.add(
        Crowd(module_stack, __name__, wanted, defaults=RCPT,
              options='alert "queue_age" { for = "0s" }',
              dsn='smarthost = "127.0.0.1:%d"\nrate = 1000000' % sink.port), lambda c: c.close())
    c.reports = sink.messages
    return c


BLOCKS = {
    "at-rcpt": "say-rcpt=" + BLOCKED,
    "at-mail": "say-mail=550 5.7.1 " + BLOCKED[10:],
    "ptr": "say-rcpt=550 5.7.25 reverse DNS validation failed",
    "auth": "say-rcpt=530 5.7.0 Authentication required",
    "at-dot": "say-dot=550 5.7.1 Client host rejected",
    "no-relay": "say-rcpt=554 5.7.1 Relay access denied",
    "loops": "say-dot=554 5.4.6 mail loops back to myself",
    "unknown": "say-rcpt=" + UNKNOWN,
    "bare": "say-rcpt=550 no",
}


@scenario(listed=40, each=BLOCKS)
def report_B5_it_turns_against_us_while_it_is_up(c, name):
    """Recipients all in the list; held, told once, and nothing goes back."""
    c.mail(5)
    c.wait_empty()
    time.sleep(1.1)  # knowledge is kept by the second
    c.mx.misbehave[:] = [BLOCKS[name]]
    if name == "auth":  # else the probe finds it down, before three were refused
        c.mx.misbehave.append(c.taken_alone([]))
    c.mail(20, 5)
    wait_for(c.tripped, 20, "the breaker is tripped")
    c.wait_state("down")
    assert c.queued() == 20 and c.bounced() == 0
    assert len([x for x in c.log() if "error breaker" in x]) == 1
    why = c.d.ctl("why", c.domain)[1]
    assert "breaker" in why and "mxwatchctl release " + c.domain in why
    wait_for(lambda: ("breaker_tripped", "critical") in c.alerts(), 10, "the alert")
    assert "primary_down" not in dict(c.alerts())
    shown = c.d.ctl_json("status", c.domain)[0]["domains"][0]
    assert shown["breaker"]["reply"] in BLOCKS[name]
    c.mended(25)


@scenario(listed=60)
def report_B6_an_old_state(c):
    """Sixty in the list, ten of whom it knows."""
    c.mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, c.taken_alone(range(0, 60, 6))]
    c.mail(60)
    wait_for(c.tripped, 20, "the breaker is tripped")
    assert c.bounced() == 0
    c.mx.misbehave[:] = []
    wait_for(lambda: not c.tripped(), 20, "a trial was taken")
    # By one of the ten, perhaps: what was refused once more then is tried once an
    # hour, for it contradicts the list.
    c.d.ctl("flush", c.domain)
    c.mended(60)


FILTERS = {
    "554": "say-dot=554 5.7.1 milter failed", "550": "say-dot=550 rejected",
    "virus": "say-dot=554 5.6.0 scanner failed", "big": "say-dot=552 5.3.4 too big",
    "552-at-mail": "say-mail=552 5.3.4 message size exceeds fixed limit",
    "syntax": "say-mail=501 5.5.4 what?", "null": "say-mail=550 5.1.8 no such domain",
}


# Two senders are believed to be refused for what they are.
GUESSED = {"null": 2}


@scenario(listed=60, up=False, each=FILTERS)
def report_B7_the_filter_came_back_broken(c, name):
    c.mail(60)
    c.mx.misbehave[:] = [FILTERS[name], c.taken_alone([])]
    c.mx.start()
    wait_for(lambda: c.sum("delivery_recipients_deferred_total") > 0, 15, "an attempt")
    stays(lambda: c.bounced() <= GUESSED.get(name, 0), 6, step=0.2)
    left = c.queued()
    c.mx.misbehave[:] = []
    c.d.ctl_run("release", c.domain)
    wait_for(lambda: len(c.mx.messages) == left, 40, "all of it")
    assert c.bounced() == 60 - left


@scenario()
def report_B10_less_is_offered_than_before(c):
    """A smaller SIZE, and no SMTPUTF8: what needs more waits."""
    c.mx.misbehave[:] = ["size=100", "no-utf8"]
    c.send("large")
    wait_for(lambda: any("larger than the server accepts; it did before" in x for x in c.log()), 10)
    stays(lambda: c.bounced() == 0 and c.queued() == 1, 3, step=0.2)
    c.mended(1)


def unknown_and_good(c, n):
    """A domain without a list: 40 recipients who are not, a message to n more such
    and a good one, and 5 good messages."""
    for i in range(40):
        c.send("x%d" % i, ["x%d@%s" % (i, c.domain)], sender="s%d@sender.test" % i)
    c.send("many", ["y%d@%s" % (i, c.domain) for i in range(n)] + [c.box(0)])
    c.mail(5, 1)


def nobody_was_alarmed(c, n):
    c.wait_empty(120)
    assert c.bounced() == 40 + n
    c.wait_state("up")
    assert c.downs() == 1 and c.trips() == 0
    assert c.alerts() == [] or set(dict(c.alerts())) == {"bounce_rate"}


@scenario(up=False)
def report_B10a_a_backlog_of_unknown_recipients(c):
    """The primary closes at the third refused recipient. Good mail goes within
    seconds, the others one by one, and nothing flaps."""
    unknown_and_good(c, 45)
    c.mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, "errors-max=3", c.taken_alone(range(6))]
    c.mx.start()
    wait_for(lambda: set(c.got()) >= {"many", "m1", "m2", "m3", "m4", "m5"}, 20,
             "the good ones")
    nobody_was_alarmed(c, 45)
    assert len(c.mx.messages) == 6


# Postfix's defaults, with which a session is slow from the tenth error on and over
# at the twentieth.
ERRORS = ("smtpd_soft_error_limit = 10\nsmtpd_hard_error_limit = 20\n"
          "smtpd_error_sleep_time = 1s")


@scenario(up=False, real=dict(boxes=["postmaster", *("u%d" % i for i in range(6))], extra=ERRORS))
def report_B10a_a_backlog_of_unknown_recipients_at_postfix(c):
    """Good mail does not wait for its punishments, a second for each error, but for
    what shares a message with the bad: how long that takes is for Postfix to say."""
    unknown_and_good(c, 25)
    c.mx.start()

    def arrived(boxes):
        return sum(len(c.mx.messages(c.box(i))) for i in boxes)
    wait_for(lambda: arrived(range(1, 6)) == 5, 20, "the good ones")
    assert c.queued() >= 10, "the good ones came last"
    wait_for(lambda: arrived([0]) == 1, 100, "and this one")
    nobody_was_alarmed(c, 25)


@scenario(listed=60)
def spam_for_ever_delays_nobody_and_is_not_reported(c):
    c.mx.misbehave[:] = ["say-dot=" + SPAM, c.taken_alone(range(0, 100, 5))]
    for i in range(50):
        c.mail(1, i)
        if i % 5 == 0:
            wait_for(lambda: "m%d" % i in c.got(), 5, "good mail")
    wait_for(lambda: c.sum("delivery_refusals_put_off_total", scope="message") >= 40, 20,
             "all were refused once")
    good = 10
    while c.queued() > 0:  # each is over when good mail was taken between two tries
        assert good < 20
        c.mail(1, 5 * good)
        wait_for(lambda: "m%d" % (5 * good) in c.got(), 5, "good mail")
        good += 1
        last = time.monotonic() + 5
        while c.queued() > 0 and time.monotonic() < last:
            time.sleep(0.1)
    assert c.bounced() == 40 and len(c.mx.messages) == good
    assert c.trips() == 0
    assert c.crowd.metrics().get("dsn_suppressed_total", reason="policy") == 40
    assert not any(c.domain.encode() in m.data for m in list(c.crowd.reports))
    assert c.alerts() == [] or set(dict(c.alerts())) == {"bounce_rate"}


@scenario()
def forty_senders_refused_for_what_they_are(c):
    """SPF, at MAIL; others are taken, before and in between."""
    c.mx.misbehave[:] = ["say-mail=" + SPF, "only-from=@forged.test"]
    good = ["good%d" % i for i in range(11)]
    for i in range(44):
        if i % 4 == 0:
            c.send(good[i // 4], [c.box(i)], sender="g%d@sender.test" % i)
            wait_for(lambda: good[i // 4] in c.got(), 3, "good mail is not late")
        c.send("bad%d" % i, [c.box(i)], sender="s%d@forged.test" % i)
    c.wait_empty(20)
    assert sorted(c.got()) == sorted(good) and c.bounced() == 44
    assert c.state() == "up" and c.downs() == 0
    assert c.trips() == 0
    assert c.alerts() == [] or set(dict(c.alerts())) == {"bounce_rate"}


@scenario(listed=40, up=False)
def thirty_who_left_the_list_was_not_told(c):
    thirty_left(c, c.mx.start)


@scenario(listed=40)
def thirty_who_left_while_it_is_up(c):
    thirty_left(c, lambda: None)


def thirty_left(c, start):
    """Nobody else's mail is late, and nobody is alarmed; theirs waits until it is
    believed, for the list may be right."""
    downs = c.downs()
    c.mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, c.taken_alone(range(30, 40))]
    for i in range(10):
        c.mail(3, 3 * i)
        c.mail(1, 30 + i)
    start()
    wait_for(lambda: len(c.mx.messages) == 10, 20, "good mail is not late")
    c.wait_state("up")
    wait_for(lambda: c.sum("delivery_refusals_put_off_total", scope="recipient") == 30, 20,
             "theirs was tried")
    assert not c.tripped() and c.bounced() == 0 and c.trips() == 0
    assert c.queued() == 30 and c.downs() == downs
    assert c.alerts() == []


@scenario(listed=10, options='refusal_grace = "2s"')
def believed_in_the_end_and_known_at_the_door(c):
    """refusal_grace is over, and the primary takes others: it goes back, and the
    door says so until the list is another one."""
    c.mx.misbehave[:] = ["say-rcpt=" + UNKNOWN, c.taken_alone(range(1, 10))]
    c.mail(1)
    wait_for(lambda: c.sum("delivery_refusals_put_off_total", scope="recipient") == 1, 10)
    c.mail(3, 1)
    wait_for(lambda: len(c.mx.messages) == 3, 10)
    time.sleep(2.2)
    assert c.bounced() == 0
    c.d.ctl("flush", c.domain)
    wait_for(lambda: c.bounced() == 1, 10, "it is believed")
    with pytest.raises(AssertionError, match="450 4.1.1"):
        c.send("again")
    c.listed(11)
    wait_for(lambda: c.send("again"), 15, "another list")


@scenario(listed=20, options='lifetime = "16s"')
def behind_a_tripped_breaker_half_of_the_lifetime_is_critical(c):
    """And what expires there is in the vault."""
    c.mx.misbehave[:] = ["say-rcpt=" + BLOCKED]
    c.mail(10)
    sent = time.time()
    wait_for(c.tripped, 7, "the breaker is tripped")
    assert "queue_age" not in dict(c.alerts()), "not before"
    wait_for(lambda: ("queue_age", "critical") in c.alerts(), 10, "half of it is over", step=0.1)
    assert 7 < time.time() - sent < 12, "80 % of it are critical with any domain"
    c.wait_empty()
    assert c.sum("delivery_recipients_expired_total") == 10
    c.mx.misbehave[:] = []
    assert c.d.ctl_run("replay", c.domain, "--reason", "it was not the senders'").returncode == 0
    c.d.ctl_run("release", c.domain)
    wait_for(lambda: len(set(c.got())) == 10, 10, "called back")


@scenario(up=False, options='lifetime = "16s"')
def at_a_primary_that_is_down_it_is_a_warning(c):
    c.mail(1)
    wait_for(lambda: "queue_age" in dict(c.alerts()), 12, step=0.1)
    assert ("queue_age", "warning") in c.alerts()


@scenario(apart=True)
def the_breaker_outlives_a_restart(stack):
    mx = stack.fakemx()
    d = stack.mxwatchd({}, start=False, defaults=RCPT)
    boxes = d.file("list", "".join("u%d@a.test ok\n" % i for i in range(20)))
    d.write(domains={"a.test": 'primary = {"127.0.0.1:%d"}\nrecipients = "%s"'
                               % (mx.port, boxes)})
    d.start()

    def tripped():
        return d.metrics().get("breaker_tripped", domain="a.test") == 1

    def bounced():
        return d.metrics().sum("delivery_recipients_bounced_total", domain="a.test")
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["say-rcpt=" + BLOCKED]
    for i in range(10):
        send(d.port, "m%d" % i, sender="s%d@sender.test" % i, rcpts=["u%d@a.test" % i])
    wait_for(tripped, 20)
    d.restart()
    wait_for(tripped, 10, "still")
    stays(lambda: tripped() and bounced() == 0, 2, step=0.2)
    mx.misbehave[:] = []
    wait_for(lambda: len(set(subjects(m.data for m in mx.messages))) == 10, 40, "all of it")
    d.wait_empty("a.test")
    assert not tripped() and bounced() == 0


# ---- reports, and what must never block its own cure (REPORTS D14, I31)

NOWHERE = {"nxdomain": ("gone.nohost.test", ""), "no-host": ("nohost.test", "x IN A 127.0.0.1"),
           "null-mx": ("nullmx.test", "@ IN MX 0 ."),
           "literal": ("literal.test", "@ IN MX 10 127.0.0.1."),
           "ours": ("ours.test", "@ IN MX 10 us.ours.test.\nus IN A 192.0.2.25"),
           "mx-gone": ("mxgone.test", "@ IN MX 10 gone.nohost.test.")}


@scenario(apart=True)
def report_D14_a_report_to_nowhere_ends(stack):
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
    wait_for(lambda: d.metrics().sum("delivery_recipients_bounced_total", domain="a.test") == 7,
             10)
    wait_for(lambda: d.metrics().get("queue_reports_messages") == 1, 7, "that of slow.test is left")
    assert d.status()["reports"]["messages"] == 1
    assert "reports 1 queued" in d.ctl("status")[1]
    wait_for(lambda: d.metrics().get("queue_reports_messages") == 0, 15, "its lifetime is over")


@scenario(apart=True)
def report_I31_a_full_queue_gets_rid_of_what_it_has(stack):
    sender = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}\nlifetime = "6s"'},
                       queue="max_messages = 3", dsn='smarthost = "127.0.0.1:%d"' % sender.port)
    d.wait_state("a.test", "down")
    for i in range(3):
        send(d.port, "m%d" % i)
    with pytest.raises(AssertionError, match="452 4.3.1"):
        send(d.port, "too many")
    assert d.metrics().get("queue_full") == 1
    assert d.http("/-/ready")[0] == 503
    wait_for(lambda: "queue_full" in [a["alert"] for a in d.status()["alerts"]], 10, "the alert")
    assert d.logged("event=full")
    wait_for(lambda: len(sender.messages) == 3, 20, "each sender is told")
    wait_for(lambda: d.metrics().get("queue_full") == 0, 10)
    send(d.port, "there is room")


@scenario()
def report_B9_the_need_comes_from_the_content(c):
    """A client that could do SMTPUTF8 sent ASCII: any primary may have it."""
    c.mx.misbehave[:] = ["no-utf8"]
    c.send("plain", args=" SMTPUTF8 BODY=8BITMIME")
    wait_for(lambda: len(c.mx.messages) == 1, 15)
    assert "SMTPUTF8" not in c.mx.messages[0].mail_args


@pytest.mark.parametrize("name", names(__name__))
def test_scenario(crowd, name):
    crowd.outcome(name)
