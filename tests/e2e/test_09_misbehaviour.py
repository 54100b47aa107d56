# SPDX-License-Identifier: ISC
"""Primaries that misbehave, by the names of tests/tools/fakemx: the queue
survives, the counters say what it was, the mail arrives when they are done.
E8-E11, E16, E18, E19, and the breaker."""
import time

import pytest

from lib.mxwatchd import FAST
from lib.smtp import send, subjects
from lib.wait import stays, wait_for

SHORT = FAST.replace('connect = "2s"', 'connect = "1s"')
# The phase in which delivery must say that it failed.
CASES = {
    "close-at-banner": "greeting", "close-at-ehlo": "ehlo", "close-at-mail": "mail",
    "close-at-rcpt": "rcpt", "close-at-data": "data", "close-at-body": "data|eod",
    "close-at-dot": "eod", "reset-in-data": "data|eod",
    "banner-421": "greeting", "banner-554": "greeting", "ehlo-421": "ehlo",
    "mail-421": "mail", "data-421": "data", "dot-421": "eod",
    "mail-451": None, "data-451": None, "dot-451": None, "mail-452": None,
    "reply-garbage=mail": "mail", "reply-999=mail": "mail", "reply-garbage=dot": "eod",
    "reply-100k=mail": "mail|rcpt|data", "reply-endless=mail": "mail", "reply-endless=ehlo": "ehlo",
}


@pytest.fixture(scope="module")
def primaries(module_stack):
    """On one daemon a primary that does not misbehave, and one for each case: the
    daemon, {case: (domain, primary)}, the good one. The probe only connects, so that
    delivery meets what is wrong by itself."""
    good = module_stack.fakemx()
    bad = {name: ("c%d.test" % i, module_stack.fakemx())
           for i, name in enumerate(["memory"] + sorted(CASES))}
    domains = {domain: 'primary = {"127.0.0.1:%d"}\nprobe { depth = "connect" fall = 100 }'
               % mx.port for domain, mx in bad.values()}
    domains["b.test"] = 'primary = {"127.0.0.1:%d"}' % good.port
    d = module_stack.mxwatchd(domains, defaults=SHORT)
    for domain in domains:
        d.wait_state(domain, "up")
    return d, bad, good


@pytest.mark.beside
@pytest.mark.parametrize("name", sorted(CASES))
def test_case_E8_E9(primaries, name):
    d, (domain, bad), good = primaries[0], primaries[1][name], primaries[2]
    before = d.metrics()
    bad.misbehave[:] = [name]
    subject = "m " + name
    send(d.port, subject, rcpts=["u@" + domain])

    def tried():
        m = d.metrics()
        return (m.get("delivery_attempts_total", domain=domain) >
                before.get("delivery_attempts_total", domain=domain))
    wait_for(tried, 15, "an attempt")
    if CASES[name]:
        def counted():
            m = d.metrics()
            return [p for p in CASES[name].split("|")
                    if m.get("delivery_attempts_failed_total", domain=domain, phase=p) >
                    before.get("delivery_attempts_failed_total", domain=domain, phase=p)]
        wait_for(counted, 15, "the failure is counted in its phase")
    m = d.metrics()
    assert m.queued(domain) == 1
    assert m.sum("delivery_recipients_bounced_total", domain=domain) == 0
    send(d.port, "b " + name, rcpts=["u@b.test"])
    wait_for(lambda: "b " + name in subjects(x.data for x in good.messages), 5, "the others go on")
    bad.misbehave[:] = []
    wait_for(lambda: subject in subjects(x.data for x in bad.messages), 20, "delivered at last")
    d.wait_empty(domain)


def test_case_E8_memory_is_bounded(primaries):
    d, (domain, bad) = primaries[0], primaries[1]["memory"]
    rss = d.rss()
    bad.misbehave[:] = ["reply-endless=banner"]
    send(d.port, "endless", rcpts=["u@" + domain])
    n = bad.connections
    wait_for(lambda: bad.connections > n + 3, 20, "some attempts")
    assert d.rss() - rss < 32 * 1024 * 1024
    bad.misbehave[:] = []
    d.wait_empty(domain)


@pytest.mark.beside
def test_recipients_taken_without_a_sender_are_not_given_the_next_message(stack):
    """MAIL is refused and RCPT, pipelined behind it, is taken: RSET comes before the
    next message, on the same connection."""
    mx = stack.fakemx(misbehave=["say-mail=450 4.7.1 not you", "only-from=@refused.test",
                                 "rcpt-without-mail"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\n'
                                  'probe { depth = "connect" interval = "1h" rise = 1 }\n'
                                  'deliver { connections = 1 idle = "1m" }' % mx.port})
    d.wait_state("a.test", "up")
    send(d.port, "first", rcpts=["first@a.test"])
    wait_for(lambda: len(mx.messages) == 1)
    port = mx.messages[0].client_port
    send(d.port, "bad", rcpts=["bad@a.test"], sender="s@refused.test")
    wait_for(lambda: d.metrics().sum("delivery_recipients_deferred_total", domain="a.test") > 0)
    send(d.port, "next", rcpts=["next@a.test"])
    wait_for(lambda: len(mx.messages) == 2, 15, "the next message")
    assert [m.to for m in mx.messages] == [["first@a.test"], ["next@a.test"]]
    assert mx.messages[1].client_port == port, "it is another connection"


def silent(stack, phases, option, **daemon):
    """One daemon, and for each phase a domain whose primary is silent from there on:
    (daemon, {domain: fakemx})."""
    primaries = {phase + ".test": stack.fakemx(misbehave=["silent-at-" + phase])
                 for phase in phases}
    d = stack.mxwatchd({name: 'primary = {"127.0.0.1:%d"}\nprobe { %s }' % (mx.port, option)
                        for name, mx in primaries.items()}, **daemon)
    return d, primaries


@pytest.mark.beside
def test_case_E10_silence_is_seen_by_the_probe(stack):
    """A server that takes connections and says nothing is down, in the time of
    the probe and not of RFC 5321; nothing else waits for it."""
    d, primaries = silent(stack, ["banner", "ehlo"], 'timeout = "500ms"')
    for name, mx in primaries.items():
        d.wait_state(name, "down", 10)
        want = {"banner.test": "greeting", "ehlo.test": "ehlo"}[name]
        assert d.metrics().get("probe_failures_total", domain=name, phase=want,
                               primary="127.0.0.1:%d" % mx.port) >= 2
        send(d.port, "kept", rcpts=["u@" + name])
    for name, mx in primaries.items():
        mx.misbehave[:] = []
        d.wait_state(name, "up")
        wait_for(lambda: subjects(m.data for m in mx.messages) == ["kept"])


@pytest.mark.beside
def test_case_E10_silence_in_a_delivery_holds_no_stop(stack):
    """The sessions wait as RFC 5321 says; the daemon stops all the same, and
    the messages are there after the restart."""
    d, primaries = silent(stack, ["mail", "data", "body", "dot"], 'depth = "connect"',
                          options='drain = "1s"')
    for name, mx in primaries.items():
        d.wait_state(name, "up")
        send(d.port, "silent", rcpts=["u@" + name])
    for name, mx in primaries.items():
        wait_for(lambda: [e for e in mx.events if e["event"] == "command" and
                          e["line"].startswith("MAIL")], 10, "it is under way")
        wait_for(lambda: d.metrics().get("queue_messages", domain=name, state="active") == 1, 10,
                 "it is told of")
    begin = time.monotonic()
    d.stop()
    assert time.monotonic() - begin < 8
    for mx in primaries.values():
        mx.misbehave[:] = []
    d.start()
    for name, mx in primaries.items():
        wait_for(lambda: mx.messages, 15)
        d.wait_empty(name)


@pytest.mark.beside
@pytest.mark.parametrize("code", ["500", "502", "550"])
def test_case_E11_ehlo_refused_helo_taken(stack, code):
    mx = stack.fakemx(misbehave=["ehlo-" + code], name="dsn.starttls.size.test")
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    send(d.port, "by helo")
    wait_for(lambda: mx.messages, 10)
    assert mx.messages[0].mail_args == [], "nothing was offered, nothing is used"


@pytest.mark.beside
def test_case_E11_no_extensions_and_a_name_full_of_keywords(stack):
    mx = stack.fakemx(misbehave=["no-ext"], name="dsn.size.smtputf8.test")
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    send(d.port, "plain", args=" RET=HDRS ENVID=x", rcpt_args=" NOTIFY=FAILURE")
    wait_for(lambda: mx.messages, 10)
    assert mx.messages[0].mail_args == [] and mx.messages[0].rcpts == [("u@a.test", [])]


@pytest.mark.beside
def test_case_E11_ehlo_421_is_not_followed_by_helo(stack):
    mx = stack.fakemx(misbehave=["ehlo-421"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    assert not [e for e in mx.events if e.get("line", "").startswith("HELO")]


@pytest.mark.beside
def test_case_E16_a_poison_message_does_not_stall_the_rest(stack):
    mx = stack.fakemx(misbehave=["421-on=POISON"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    send(d.port, "POISON")
    for i in range(20):
        send(d.port, "m%d" % i)
    wait_for(lambda: len(mx.messages) == 20, 30, "the others are delivered")
    assert d.metrics().state("a.test") in ("up", "suspect")
    assert d.metrics().queued("a.test") == 1
    mx.misbehave[:] = []
    d.wait_empty("a.test")


@pytest.mark.beside
def test_a_poison_message_in_the_backlog(stack):
    """The same when it is the oldest of what waits for a recovery."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    send(d.port, "POISON")
    for i in range(20):
        send(d.port, "m%d" % i)
    mx.misbehave[:] = ["421-on=POISON"]
    mx.start()
    wait_for(lambda: len(mx.messages) == 20, 60, "the others are delivered")
    mx.misbehave[:] = []
    wait_for(lambda: len(mx.messages) == 21, 60)


@pytest.mark.beside
def test_case_E18_greylisting_is_neither_down_nor_lost(stack):
    mx = stack.fakemx(misbehave=["greylist"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nprobe { depth = "rcpt" }' % mx.port})
    d.wait_state("a.test", "up")
    for i in range(5):
        send(d.port, "g%d" % i, sender="s%d@sender.test" % i)
    wait_for(lambda: len(mx.messages) == 5, 20, "the second attempt is taken")
    m = d.metrics()
    assert m.get("watchdog_transitions_total", domain="a.test", to="down") == 0
    assert m.get("delivery_recipients_deferred_total", domain="a.test", status="4.7") == 5


@pytest.mark.beside
@pytest.mark.parametrize("name", ["421-after-3"])
def test_case_E9_421_in_the_middle_of_a_session(stack, name):
    mx = stack.fakemx(misbehave=[name], start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    for i in range(40):
        send(d.port, "m%d" % i)
    mx.start()
    wait_for(lambda: len(set(subjects(m.data for m in mx.messages))) == 40, 60)
    d.wait_empty("a.test")
    assert len(mx.messages) == 40, "none twice"


@pytest.mark.beside
def test_case_E19_connections_are_used_again_and_not_for_ever(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\n'
                                  'deliver { connections = 1 max_messages = 10 }' % mx.port})
    d.wait_state("a.test", "down")
    for i in range(35):
        send(d.port, "m%d" % i)
    mx.start()
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    used = [m.client_port for m in mx.messages]
    most = max(used.count(p) for p in used)
    assert 5 <= most <= 10, used
    assert subjects(m.data for m in mx.messages)[0] == "m0"


@pytest.mark.beside
def test_case_E19_what_the_server_says_of_its_limits(stack):
    """RFC 9422: so many transactions a session, so many recipients of each."""
    mx = stack.fakemx(start=False, misbehave=["limits=MAILMAX=2 RCPTMAX=2"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    for i in range(8):
        send(d.port, "m%d" % i, rcpts=["u%d@a.test" % n for n in range(3)])
    mx.start()
    d.wait_empty("a.test")
    used = [m.client_port for m in mx.messages]
    assert len(used) == 16 and max(used.count(p) for p in used) == 2, used
    assert max(len(m.to) for m in mx.messages) == 2


@pytest.mark.beside
def test_breaker_a_primary_that_refuses_everything_is_not_believed(stack):
    """It comes back broken and answers 550 to all: held, told, not bounced."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nprobe { hold = "2s" }' % mx.port})
    d.wait_state("a.test", "down")
    for i in range(30):
        send(d.port, "m%d" % i, sender="", rcpts=["u%d@a.test" % i])
    mx.misbehave[:] = ["reject-all-550"]
    mx.start()
    d.wait_log(r"error breaker domain=a.test", 20)
    m = d.metrics()
    assert m.queued("a.test") >= 27, "almost all of it is still there"
    stays(lambda: d.metrics().queued("a.test") >= 25, 3)
    assert d.metrics().state("a.test") != "up"
    left = d.metrics().queued("a.test")
    mx.misbehave[:] = []
    wait_for(lambda: len(mx.messages) == left, 30, "delivered when it is repaired")


@pytest.mark.beside
def test_one_refused_recipient_is_no_breakage(stack):
    """A canary for somebody who left: it bounces and the flush goes on."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    send(d.port, "first", sender="", rcpts=["left@a.test"])
    for i in range(10):
        send(d.port, "m%d" % i, rcpts=["u%d@a.test" % i])
    mx.misbehave[:] = ["rcpt-550=left@a.test"]
    mx.start()
    wait_for(lambda: len(mx.messages) == 10, 20)
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    assert d.metrics().get("delivery_recipients_bounced_total", domain="a.test", status="5.1") == 1


@pytest.mark.beside
def test_case_E14_flapping_loses_nothing(stack):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\n'
                                  'probe { interval = "100ms" }' % mx.port})
    d.wait_state("a.test", "up")
    n = 0
    for _ in range(4):
        mx.stop()
        for _ in range(5):
            send(d.port, "f%d" % n)
            n += 1
        d.wait_state("a.test", "down")
        mx.start()
        d.wait_state("a.test", ("up", "recovering"))
    d.wait_empty("a.test", 30)
    assert set(subjects(m.data for m in mx.messages)) == {"f%d" % i for i in range(n)}
