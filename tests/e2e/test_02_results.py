# SPDX-License-Identifier: ISC
"""What becomes of each recipient: delivered, tried again alone, or reported to
the sender, once, through the MX of the sender's domain. E6, F1, F2, F4-F10."""
import re
import time

import pytest

from lib.dsn import Dsn, check_wire
from lib.smtp import Raw, queue_id, send, send_bytes, stuff, subjects, text
from lib.wait import stays, wait_for

SENDER_MX = "192.0.2.9"  # sender.test, a Postfix
OTHER_MX = "192.0.2.10"  # other.test, which keeps bytes as they come
ZONES = {
    "sender.test": "@ IN MX 10 mx\nmx IN A " + SENDER_MX,
    "other.test": "@ IN MX 10 mx\nmx IN A " + OTHER_MX,
}


@pytest.fixture(scope="module")
def world(module_stack):
    """The primary of a.test, the senders' servers, names for all of them."""
    class World:
        pass
    w, s = World(), module_stack
    s.address(SENDER_MX)
    s.address(OTHER_MX)
    w.dns = s.dns(ZONES)
    w.pf = s.primary(["a.test"])
    w.sender = s.primary(["sender.test"], host=SENDER_MX, port=25, name="mx.sender.test")
    w.other = s.fakemx(host=OTHER_MX, port=25)
    w.fast = s.fakemx()  # the primary of b.test
    w.d = s.mxwatchd(
        {"a.test": 'primary = {"127.0.0.1:%d"}' % w.pf.port,
         "b.test": 'primary = {"127.0.0.1:%d"}' % w.fast.port},
        options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "2s"' % w.dns.port)
    w.d.wait_state("a.test", "up")
    w.d.wait_state("b.test", "up")
    return w


def new_dsns(world, n, before, deadline=15):
    wait_for(lambda: len(world.other.messages) >= before + n, deadline, "%d DSNs" % n)
    got = world.other.messages[before:]
    assert len(got) == n
    return got


def test_case_E6_one_message_three_results(world):
    w = world
    w.pf.set_access({"busy@a.test": "451 4.2.0 mailbox busy",
                     "bad@a.test": "550 5.1.1 no such user here"})
    qid = send(w.d.port, "three", rcpts=["good@a.test", "busy@a.test", "bad@a.test"])
    got = w.pf.wait_messages(1)
    assert subjects(got) == ["three"] and b"Delivered-To: good@a.test" in got[0]
    report = Dsn(w.sender.wait_messages(1)[0])
    assert list(report.recipients) == ["bad@a.test"]

    # The one that waits is shown, with the server's words.
    shown = w.d.ctl_json("show", qid)[0]
    state = {r["address"]: r for r in shown["rcpts"]}
    assert state["busy@a.test"]["state"] == "pending"
    assert "mailbox busy" in state["busy@a.test"]["reply"]
    # It is asked for again, and no other is.
    asked = w.pf.count_log(r"reject: RCPT.*<busy@a\.test>")
    wait_for(lambda: w.pf.count_log(r"reject: RCPT.*<busy@a\.test>") > asked, 10, "a retry")
    assert w.pf.count_log(r"reject: RCPT.*<bad@a\.test>") == 1
    w.pf.set_access({})
    got = w.pf.wait_messages(2)
    assert b"Delivered-To: busy@a.test" in got[1] and subjects(got) == ["three"] * 2
    w.d.wait_empty("a.test")
    m = w.d.metrics()
    assert m.get("delivery_recipients_delivered_total", domain="a.test") == 2
    assert m.get("delivery_recipients_bounced_total", domain="a.test", status="5.1") == 1
    assert m.get("delivery_recipients_deferred_total", domain="a.test", status="4.2") >= 2
    assert m.get("dsn_generated_total", action="failed") == 1
    assert len(w.sender.messages()) == 1, "one DSN"
    assert m.state("a.test") == "up", "a recipient's refusal is no failure of the server"


def test_case_F1_the_report(world):
    """Field by field, as RFC 3464 wants them."""
    report = Dsn(world.sender.messages()[0])
    m = report.message
    assert re.match(rb"Return-Path: <>\n", report.data)
    assert "mx2.backup.test" in m["from"]
    assert m["to"].strip("<>") == "s@sender.test"
    assert report.fields["reporting-mta"] == "dns; mx2.backup.test"
    assert re.search(r"\d{4} \d\d:\d\d:\d\d \+0000", report.fields["arrival-date"])
    r = report.recipients["bad@a.test"]
    assert r["action"] == "failed" and r["status"] == "5.1.1"
    assert re.match(r"smtp; ?550 5\.1\.1 .*no such user here", r["diagnostic-code"])
    assert r["remote-mta"].startswith("dns; ")
    assert "original-recipient" not in r
    said = " ".join(report.text.split())  # it is folded
    assert "bad@a.test" in said and "no such user here" in said
    assert "good@a.test" not in report.text
    assert "Subject: three" in str(report.original)


def test_case_F10_bytes_on_the_wire(world):
    w = world
    before = len(w.other.messages)
    w.fast.misbehave[:] = ["rcpt-550=bad@b.test"]
    for i in range(3):
        send_bytes(w.d.port, text("wire %d" % i, "a\n.b\n" + "x" * 3000 + "\nü\n"),
                   "s@other.test", ["bad@b.test"], args=" BODY=8BITMIME")
    got = new_dsns(w, 3, before)
    ids = set()
    for m in got:
        assert m.sender == "" and m.to == ["s@other.test"]
        assert re.match(rb"(Received|Date|From|Message-I[Dd]|Subject|To|MIME|Auto|Content)", m.data)
        assert b"\n" not in m.data.replace(b"\r\n", b"")
        assert m.data.endswith(b"\r\n")
        ids.add(Dsn(m.data).message["message-id"])
    assert len(ids) == 3, "each has a Message-ID of its own"


def test_a_hostile_reply_cannot_write_into_the_report(world):
    """What the primary says is quoted: no new header, no new part."""
    w = world
    before = len(w.other.messages)
    w.fast.misbehave[:] = ["rcpt-550=bad@b.test"]
    body = "x\n--0\nContent-Type: text/html\n\n<b>\n"
    send_bytes(w.d.port, text("hostile\tsubject", body), "s@other.test", ["bad@b.test"])
    report = Dsn(new_dsns(w, 1, before)[0].data)
    check_wire(report.data)
    assert [p.get_content_type() for p in report.message.iter_parts()][:2] == [
        "text/plain", "message/delivery-status"]


def test_case_F2_never_a_report_to_nobody(world):
    w = world
    w.fast.misbehave[:] = ["rcpt-550=bad@b.test"]
    before = w.d.metrics()
    send(w.d.port, "null", sender="", rcpts=["bad@b.test"])
    w.d.wait_empty("b.test")
    m = w.d.metrics()
    assert (m.get("dsn_suppressed_total", reason="null_sender") ==
            before.get("dsn_suppressed_total", reason="null_sender") + 1)
    assert m.sum("dsn_generated_total") == before.sum("dsn_generated_total")


@pytest.mark.parametrize("notify,owed", [
    ("NEVER", 0), ("SUCCESS", 0), ("DELAY", 0), ("FAILURE", 1), ("SUCCESS,FAILURE", 1)])
def test_case_F4_notify(world, notify, owed):
    w = world
    w.fast.misbehave[:] = ["rcpt-550=bad@b.test"]
    before = len(w.other.messages)
    m = w.d.metrics()
    send(w.d.port, "notify " + notify, "s@other.test", ["bad@b.test"],
         rcpt_args=" NOTIFY=" + notify)
    w.d.wait_empty("b.test")
    if owed:
        new_dsns(w, 1, before)
    after = w.d.metrics()
    assert (after.get("dsn_generated_total", action="failed") -
            m.get("dsn_generated_total", action="failed")) == owed
    assert (after.get("dsn_suppressed_total", reason="policy") -
            m.get("dsn_suppressed_total", reason="policy")) == 1 - owed


def test_case_F4_notify_for_each_recipient_of_one_message(world):
    w = world
    w.fast.misbehave[:] = ["rcpt-550=*"]
    before = len(w.other.messages)
    with Raw(w.d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@other.test>")
        c.ok("RCPT TO:<one@b.test> NOTIFY=NEVER")
        c.ok("RCPT TO:<two@b.test> NOTIFY=FAILURE")
        c.ok("RCPT TO:<three@b.test>")
        c.ok("DATA", "354")
        c.send(stuff(text("each")))
        assert c.reply().startswith("250")
    report = Dsn(new_dsns(w, 1, before)[0].data)
    assert sorted(report.recipients) == ["three@b.test", "two@b.test"]
    w.fast.misbehave[:] = []


def test_case_F6_envid_orcpt_and_what_is_relayed(world):
    """xtext comes back as it was given, in the report and to the primary; what
    the client did not ask for is not asked for by us."""
    w = world
    before = len(w.other.messages)
    w.fast.misbehave[:] = ["rcpt-550=bad@b.test"]
    with Raw(w.d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@other.test> RET=HDRS ENVID=QQ+2B314")
        c.ok("RCPT TO:<bad@b.test> ORCPT=rfc822;Bob+2Bx@orig.test")
        c.ok("RCPT TO:<good@b.test> NOTIFY=FAILURE ORCPT=rfc822;Good@orig.test")
        c.ok("DATA", "354")
        c.send(stuff(text("envid", "secret body\n" * 10)))
        assert c.reply().startswith("250")
    report = Dsn(new_dsns(w, 1, before)[0].data)
    assert report.fields["original-envelope-id"] == "QQ+314"
    assert report.recipients["bad@b.test"]["original-recipient"] == "rfc822; Bob+x@orig.test"
    assert report.original.get_content_type() == "text/rfc822-headers"
    assert b"secret body" not in report.data
    m = w.fast.messages[-1]
    assert "ENVID=QQ+2B314" in m.mail_args and "RET=HDRS" in m.mail_args
    assert m.rcpts == [("good@b.test", ["NOTIFY=FAILURE", "ORCPT=rfc822;Good@orig.test"])]
    w.fast.misbehave[:] = []
    send(w.d.port, "nothing asked", "s@other.test", ["good@b.test"])
    wait_for(lambda: subjects(m.data for m in w.fast.messages)[-1] == "nothing asked")
    m = w.fast.messages[-1]
    assert not [a for a in m.mail_args if a.startswith(("RET", "ENVID"))]
    assert m.rcpts == [("good@b.test", [])]


def with_notify(w, subject, *rcpts, sender="s@other.test"):
    with Raw(w.d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<%s> ENVID=F9" % sender)
        for r in rcpts:
            c.ok("RCPT TO:" + r)
        c.ok("DATA", "354")
        c.send(stuff(text(subject, "secret body\n" * 10)))
        assert c.reply().startswith("250")


def test_case_F9_relayed_to_a_server_without_dsn(world):
    """Whoever asked for it hears, in one report, that the next server will not
    tell him more; not where the next server does."""
    w = world
    before, m = len(w.other.messages), w.d.metrics()
    w.fast.stop()  # so that a new session asks it
    w.fast.misbehave[:] = ["no-ext"]
    w.fast.start()
    with_notify(w, "asked", "<one@b.test> NOTIFY=SUCCESS ORCPT=rfc822;One@orig.test",
                "<two@b.test> NOTIFY=SUCCESS,FAILURE", "<three@b.test> NOTIFY=FAILURE",
                "<four@b.test>")
    report = Dsn(new_dsns(w, 1, before)[0].data)
    assert sorted(report.recipients) == ["one@b.test", "two@b.test"]
    r = report.recipients["one@b.test"]
    assert r["action"] == "relayed" and r["status"] == "2.1.9"
    assert r["original-recipient"] == "rfc822; One@orig.test"
    assert report.fields["original-envelope-id"] == "F9"
    assert b"secret body" not in report.data
    relayed = w.fast.messages[-1]
    assert subjects([relayed.data]) == ["asked"]
    assert not [a for a in relayed.mail_args if "ENVID" in a] and relayed.rcpts[0][1] == []

    with_notify(w, "null sender", "<one@b.test> NOTIFY=SUCCESS", sender="")
    w.d.wait_empty("b.test")
    w.fast.stop()
    w.fast.misbehave[:] = []  # it has DSN now
    w.fast.start()
    with_notify(w, "passed on", "<one@b.test> NOTIFY=SUCCESS")
    wait_for(lambda: subjects(x.data for x in w.fast.messages)[-1] == "passed on")
    assert "NOTIFY=SUCCESS" in w.fast.messages[-1].rcpts[0][1]
    w.d.wait_empty("b.test")
    stays(lambda: len(w.other.messages) == before + 1, 1, "one report")
    after = w.d.metrics()
    assert (after.get("dsn_generated_total", action="relayed") ==
            m.get("dsn_generated_total", action="relayed") + 1)


def test_case_F7_a_large_original_is_cut(world):
    w = world
    before = len(w.other.messages)
    w.fast.misbehave[:] = ["rcpt-550=bad@b.test"]
    send_bytes(w.d.port, text("large", "0123456789" * 7 + "\n") + b"y" * 70 + b"\r\n" +
               (b"z" * 76 + b"\r\n") * 30000, "s@other.test", ["bad@b.test"])
    m = new_dsns(w, 1, before)[0]
    Dsn(m.data)
    assert len(m.data) < 100 * 1024
    assert b"Subject: large" in m.data
    w.fast.misbehave[:] = []


def test_one_message_for_two_domains_is_two_parts(world):
    w = world
    n = len(w.pf.messages())
    w.fast.misbehave[:] = ["mail-451"]
    with Raw(w.d.port) as c:
        c.begin(rcpt=["u@a.test", "u@b.test", "v@b.test"])
        c.ok("DATA", "354")
        c.send(stuff(text("two domains")))
        qid = queue_id(c.reply())
    w.pf.wait_messages(n + 1)
    parts = w.d.ctl_json("show", qid)[:-1]
    assert [p["domain"] for p in parts] == ["b.test"]
    assert parts[0]["recipients"] == 2
    w.fast.misbehave[:] = []
    w.d.wait_empty("b.test")
    assert sorted(w.fast.messages[-1].to) == ["u@b.test", "v@b.test"]
    assert b"for <" not in w.fast.messages[-1].data.split(b"\r\n\r\n")[0], \
        "several recipients: none is named"


def test_bounce_and_remove_by_hand(world):
    w = world
    w.fast.misbehave[:] = ["mail-451"]
    before = len(w.other.messages)
    one = send(w.d.port, "bounce me", "s@other.test", ["u@b.test"])
    two = send(w.d.port, "forget me", "s@other.test", ["u@b.test"])
    wait_for(lambda: w.d.metrics().get("queue_messages", domain="b.test", state="deferred") == 2)
    assert w.d.ctl_json("bounce", one, "--reason", "it was asked for")[-1]["rc"] == 0
    assert w.d.ctl_json("remove", two, "--reason", "spam")[-1]["rc"] == 0
    report = Dsn(new_dsns(w, 1, before)[0].data)
    assert report.recipients["u@b.test"]["action"] == "failed"
    w.d.wait_empty("b.test")
    assert w.d.ctl_run("show", one).returncode == 1
    w.fast.misbehave[:] = []
    w.d.wait_log(r"reason=.*spam")


# ---- expiry and delay: a daemon whose messages live for seconds

@pytest.fixture
def short(stack, world):
    def make(**kw):
        d = stack.mxwatchd(
            {"a.test": 'primary = {"127.0.0.1:%d"}' % world.pf.port,
             "c.test": 'primary = {"127.0.0.1:9"}\n' + kw.pop("options")},
            options='resolver = {"127.0.0.1@%d"}' % world.dns.port, **kw)
        d.wait_state("c.test", "down")
        return d
    return make


def test_expiry_gives_one_report(world, short):
    w = world
    d = short(options='lifetime = "3s"')
    before = len(w.other.messages)
    begin = time.time()
    send(d.port, "expires", "s@other.test", ["u@c.test", "v@c.test"])
    send(d.port, "expires too", "", ["u@c.test"])
    send(d.port, "silently", "s@other.test", ["u@c.test"], rcpt_args=" NOTIFY=NEVER")
    m = d.metrics()
    assert m.get("queue_lifetime_seconds", domain="c.test") == 3
    assert abs(m.get("queue_next_expiry_timestamp_seconds", domain="c.test") - begin - 3) < 1.1
    got = new_dsns(w, 1, before)
    assert 2.5 < got[0].time - begin < 6
    report = Dsn(got[0].data)
    assert sorted(report.recipients) == ["u@c.test", "v@c.test"]
    for r in report.recipients.values():
        assert r["action"] == "failed" and r["status"] == "4.4.7"
    assert "Subject: expires\n" in str(report.original).replace("\r", "")
    d.wait_empty("c.test")
    m = d.metrics()
    assert m.get("delivery_recipients_expired_total", domain="c.test") == 4
    assert m.get("dsn_generated_total", action="failed") == 1
    assert m.get("dsn_suppressed_total", reason="null_sender") == 1
    assert m.get("delivery_attempts_total", domain="c.test") == 0
    stays(lambda: len(w.other.messages) == before + 1, 1, "one report only")


def test_extend_keeps_what_would_expire(world, short):
    w = world
    d = short(options='lifetime = "3s"')
    before = len(w.other.messages)
    qid = send(d.port, "extended", "s@other.test", ["u@c.test"])
    old = d.ctl_json("show", qid)[0]["expiry"]
    out = d.ctl_json("extend", "c.test", "+7d", "--reason", "the disk of the primary died")
    assert out[-1]["add_seconds"] == 7 * 86400
    assert d.ctl_json("show", qid)[0]["expiry"] - old == pytest.approx(7 * 86400, abs=2)
    m = d.metrics()
    assert m.get("queue_next_expiry_timestamp_seconds", domain="c.test") > time.time() + 6 * 86400
    d.restart()
    d.wait_state("c.test", "down")
    wait_for(lambda: time.time() > old + 1.5, 10, "its old time has passed")
    assert d.metrics().queued("c.test") == 1
    assert len(w.other.messages) == before
    assert d.ctl_json("show", qid)[0]["expiry"] - old == pytest.approx(7 * 86400, abs=2)


def test_case_F8_delay_warning(world, short):
    w = world
    d = short(options='lifetime = "1h"\ndelay_warning = {"1s", "3s"}')
    before = len(w.other.messages)
    send(d.port, "slow", "s@other.test", ["u@c.test"])
    send(d.port, "slow null", "", ["u@c.test"])
    send(d.port, "slow never", "s@other.test", ["u@c.test"], rcpt_args=" NOTIFY=NEVER")
    send(d.port, "slow failure", "s@other.test", ["u@c.test"], rcpt_args=" NOTIFY=FAILURE")
    report = Dsn(new_dsns(w, 1, before)[0].data)
    r = report.recipients["u@c.test"]
    assert r["action"] == "delayed" and r["status"].startswith("4.")
    assert "will-retry-until" in r
    new_dsns(w, 2, before)
    m = d.metrics()
    assert m.get("dsn_generated_total", action="delayed") == 2
    assert m.queued("c.test") == 4, "a warning takes nothing out of the queue"
    d.restart()
    stays(lambda: len(w.other.messages) == before + 2, 1, "not warned again after a restart")


def test_a_report_is_kept_while_the_senders_server_is_away(world, short):
    """...and no second one is made about it."""
    w = world
    w.other.stop()
    before = len(w.other.messages)
    d = short(options='lifetime = "1s"')
    send(d.port, "expires", "s@other.test", ["u@c.test"])
    d.wait_empty("c.test")
    wait_for(lambda: d.metrics().sum("dsn_generated_total") == 1)
    d.wait_log(r"queue domain=other.test event=canary_failed")
    assert [m["dsn"] for m in d.ctl_json("queue", "other.test")[:-1]] == [True]
    d.restart()
    w.other.start()
    d.ctl_run("flush", "other.test")
    Dsn(new_dsns(w, 1, before)[0].data)


def test_smarthost_takes_the_reports(stack, world):
    hub = stack.fakemx()
    mx = stack.fakemx(misbehave=["rcpt-550=bad@a.test"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       dsn='smarthost = "127.0.0.1:%d" postmaster = "help@backup.test"' % hub.port)
    d.wait_state("a.test", "up")
    send(d.port, "hub", "s@nowhere.test", ["bad@a.test"])
    wait_for(lambda: hub.messages, 10, "the report")
    assert hub.messages[0].to == ["s@nowhere.test"] and hub.messages[0].sender == ""
    assert "help@backup.test" in Dsn(hub.messages[0].data).message["from"]


def test_over_the_rate_a_report_waits(stack):
    """More failures than dsn.rate: nobody's failure is forgotten, a restart
    included; the message is shown with the time at which its sender is told."""
    hub, mx = stack.fakemx(), stack.fakemx(misbehave=["rcpt-550=bad@a.test"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       dsn='rate = 400 smarthost = "127.0.0.1:%d"' % hub.port)
    d.wait_state("a.test", "up")
    send(d.port, "not a canary", rcpts=["good@a.test"])
    d.wait_empty("a.test")
    sent = 402
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        for i in range(sent):
            c.ok("MAIL FROM:<s@other.test> ENVID=n%d" % i)
            c.ok("RCPT TO:<bad@a.test>")
            c.ok("DATA", "354")
            c.send(stuff(text("n")))
            assert c.reply().startswith("250")
    m = wait_for(lambda: (m := d.metrics()).get("dsn_put_off_total") > 0 and m, 30, "the rate")
    assert m.get("dsn_suppressed_total", reason="rate") == 0
    waits = wait_for(lambda: [x for x in d.ctl_json("queue", "a.test")[:-1] if x["notice"]], 10)
    assert waits[0]["next_try"] is None and waits[0]["expiry"] is None
    d.restart()
    # Nine seconds for each that waits.
    wait_for(lambda: len(hub.messages) >= sent, 60, "all reports")
    d.wait_empty("a.test")
    told = [Dsn(x.data).fields["original-envelope-id"] for x in hub.messages]
    assert sorted(told) == sorted("n%d" % i for i in range(sent))
