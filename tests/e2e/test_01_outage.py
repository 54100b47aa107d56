# SPDX-License-Identifier: ISC
"""The way of an outage: up, down, mail is kept, nothing is attempted, the
primary comes back, and what went in comes out byte for byte. The primary is a
Postfix."""
import re
import subprocess
import time

import pytest

from lib.primary import split_trace
from lib.smtp import send, send_bytes, stuff, subjects
from lib.wait import stays, wait_for

HEAD = b"From: s@sender.test\r\nSubject: %s\r\n\r\n"
BODIES = {
    "plain": b"hello\r\n",
    "empty body": b"",
    "dots": b".\r\n..\r\n.x\r\n...\r\nx.\r\n.\r\n",
    "only a dot": b".\r\n",
    "8 bit": bytes(range(128, 256)) * 3 + b"\r\n\xff\xfe\r\n",
    "utf-8": "Grüße aus Zürich, こんにちは\r\n".encode(),
    "998": b"a" * 998 + b"\r\n",
    "999": b"b" * 999 + b"\r\n",
    "1001": b"c" * 1001 + b"\r\n",
    "64 KB line": b"d" * 65536 + b"\r\n",
    "blank lines": b"\r\n\r\n\r\nx\r\n\r\n\r\n",
    "blanks at the end": b"x \t \r\n\t\r\n  \r\n",
    "dot at the end of a buffer": b"e" * 4093 + b"\r\n.\r\n" + b"f" * 4093 + b"\r\n..\r\n",
    "looks like From": b"From nobody\r\n>From nobody\r\n",
}


def lf(data):
    return data.replace(b"\r\n", b"\n")


@pytest.fixture(scope="module")
def outage(module_stack):
    """A primary that is down, and what was sent meanwhile."""
    s = module_stack
    pf = s.primary(["a.test"])
    d = s.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % pf.port})
    d.wait_state("a.test", "up")
    pf.stop()
    d.wait_state("a.test", "down")
    return d, pf


def test_01_up_then_down_is_seen(outage):
    d, pf = outage
    m = d.metrics()
    label = "127.0.0.1:%d" % pf.port
    for state in ("unknown", "up", "suspect", "recovering", "disabled"):
        assert m.get("watchdog_state", domain="a.test", state=state) == 0
    assert m.get("watchdog_transitions_total", domain="a.test", to="up") == 1
    assert m.get("watchdog_transitions_total", domain="a.test", to="suspect") == 1
    assert m.get("watchdog_transitions_total", domain="a.test", to="down") == 1
    assert m.get("probe_success", domain="a.test", primary=label) == 0
    assert m.get("probe_failures_total", domain="a.test", primary=label, phase="connect") >= 2
    assert m.get("flush_runs_total", domain="a.test", trigger="recovery") == 0
    assert abs(m.get("watchdog_state_change_timestamp_seconds", domain="a.test") -
               time.time()) < 60


def test_02_mail_is_taken_and_nothing_is_attempted(outage):
    d, pf = outage
    for name, body in BODIES.items():
        send_bytes(d.port, HEAD % name.encode() + body)
    m = d.metrics()
    assert m.queued("a.test") == len(BODIES)
    assert m.get("queue_recipients", domain="a.test") == len(BODIES)
    assert m.get("queue_bytes", domain="a.test") > sum(map(len, BODIES.values()))
    assert m.get("smtpd_messages_accepted_total", domain="a.test") == len(BODIES)
    probes = m.sum("probe_attempts_total", domain="a.test")
    wait_for(lambda: d.metrics().sum("probe_attempts_total", domain="a.test") >= probes + 3)
    m = d.metrics()
    assert m.get("delivery_attempts_total", domain="a.test") == 0
    assert m.get("delivery_connections") == 0
    age = m.get("queue_oldest_message_age_seconds", domain="a.test")
    assert 0 < age < 60
    expiry = m.get("queue_next_expiry_timestamp_seconds", domain="a.test")
    assert abs(expiry - (time.time() - age + 30 * 86400)) < 5


def test_03_recovery_flushes_and_the_bytes_are_the_same(outage):
    d, pf = outage
    pf.start()
    got = pf.wait_messages(len(BODIES))
    d.wait_state("a.test", "up")
    d.wait_empty("a.test")
    contents = {}
    for message in got:
        above, ours, rest = split_trace(message, "mx2.backup.test")
        assert b"mx2.backup.test" not in rest.split(b"\n\n")[0], "two trace lines of ours"
        assert re.search(rb"for <u@a.test>", ours), ours
        assert re.search(rb"from client.test \(.*\[127\.0\.0\.1\]\)", ours, re.S), ours
        contents[subjects([rest])[0]] = rest
    for name, body in BODIES.items():
        want = lf(HEAD % name.encode() + body)
        assert contents[name] == want, name
    m = d.metrics()
    assert m.get("flush_runs_total", domain="a.test", trigger="recovery") == 1
    assert m.get("flush_messages_total", domain="a.test") == len(BODIES)
    assert m.get("flush_in_progress", domain="a.test") == 0
    assert m.get("flush_runs_failed_total", domain="a.test") == 0
    assert m.get("delivery_recipients_delivered_total", domain="a.test") == len(BODIES)
    assert m.get("watchdog_transitions_total", domain="a.test", to="recovering") == 1
    assert m.get("queue_oldest_message_age_seconds", domain="a.test") == 0
    assert m.get("queue_next_expiry_timestamp_seconds", domain="a.test") == float("inf")
    assert m.get("queue_bytes", domain="a.test") == 0


def test_04_the_log_tells_the_story(outage):
    d, _ = outage
    log = d.log()
    for step in ("unknown->up", "up->suspect", "suspect->down", "down->recovering",
                 "recovering->up"):
        assert "domain=a.test state=" + step in log, step
    assert re.search(r"flush domain=a.test event=flush_begin trigger=recovery messages=%d" % len(BODIES), log)
    assert re.search(r"flush domain=a.test event=flush_end ok=1 .*delivered=%d " % len(BODIES), log)


def test_05_while_up_mail_goes_straight_through(outage):
    d, pf = outage
    before = len(pf.messages())
    begin = time.time()
    send(d.port, "straight")
    got = pf.wait_messages(before + 1, 5)
    assert "straight" in subjects(got)
    assert time.time() - begin < 3
    assert d.metrics().get("flush_runs_total", domain="a.test", trigger="recovery") == 1


def test_06_swaks_and_smtp_source_are_served(outage):
    d, pf = outage
    before = len(pf.messages())
    subprocess.run(["swaks", "--server", "127.0.0.1:%d" % d.port, "--from", "s@sender.test",
                    "--to", "u@a.test", "--header", "Subject: from swaks", "--silent", "2"],
                   check=True, stdin=subprocess.DEVNULL)
    subprocess.run(["/usr/sbin/smtp-source", "-s", "10", "-m", "100", "-l", "3000", "-f",
                    "s@sender.test", "-t", "u@a.test", "127.0.0.1:%d" % d.port], check=True)
    got = pf.wait_messages(before + 101)
    assert "from swaks" in subjects(got)
    d.wait_empty("a.test")


def test_flush_begins_within_a_second_of_the_verdict(stack):
    """Seen from the primary: the first message arrives within a second of the
    line that says "recovering"; a canary goes first, alone."""
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    mx.stop()
    d.wait_state("a.test", "down")
    for i in range(50):
        send(d.port, "m%d" % i)
    mx.misbehave[:] = ["slow=0.05"]
    mx.start()
    d.wait_log("state=down->recovering")
    verdict = time.time()
    wait_for(lambda: mx.messages, 2, "the canary")
    assert mx.messages[0].time - verdict < 1.0
    mx.misbehave[:] = []
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    assert sorted(subjects(m.data for m in mx.messages)) == sorted(
        "m%d" % i for i in range(50))
    assert subjects([mx.messages[0].data]) == ["m0"], "the oldest goes first"
    started = [m.time for m in mx.messages]
    assert started == sorted(started)
    # No second connection brought mail before the canary was through.
    bringing = {m.client_port for m in mx.messages}
    assert len(bringing) <= 10
    assert len(bringing) < 50, "connections are reused"


def pass_canary(d, mx, domain):
    """One message gets through: from then on a deferral is of the message and
    says nothing of the server."""
    send(d.port, "canary", rcpts=["c@" + domain])
    wait_for(lambda: mx.messages and mx.messages[-1].to == ["c@" + domain], 10, "the canary")
    d.wait_empty(domain)
    mx.messages.clear()


def test_exact_flush_of_one_of_two_domains_on_one_host(stack):
    mx = stack.fakemx()
    where = 'primary = {"127.0.0.1:%d"}\nretry { first = "1h" max = "1h" }' % mx.port
    d = stack.mxwatchd({"a.test": where, "b.test": where, "sub.a.test": where})
    for domain in ("a.test", "b.test", "sub.a.test"):
        d.wait_state(domain, "up")
        pass_canary(d, mx, domain)
    mx.misbehave[:] = ["mail-451"]
    for i in range(5):
        send(d.port, "a%d" % i, rcpts=["u@a.test"])
        send(d.port, "b%d" % i, rcpts=["u@b.test"])
        send(d.port, "c%d" % i, rcpts=["u@sub.a.test"])
    both = send(d.port, "both", rcpts=["u@a.test", "u@b.test"])

    def tried():
        m = d.metrics()
        return all(m.get("queue_messages", domain=x, state="deferred") == n
                   for x, n in (("a.test", 6), ("b.test", 6), ("sub.a.test", 5)))
    wait_for(tried, 15, "everything was deferred once")
    attempts = {x: d.metrics().get("delivery_attempts_total", domain=x)
                for x in ("a.test", "b.test", "sub.a.test")}

    # --dry-run says what it would touch and touches nothing.
    out = d.ctl_json("flush", "a.test", "--dry-run")
    assert out[-1]["done"] and out[-1]["messages"] == 6
    assert out[0]["event"] == "dry_run" and out[0]["domain"] == "a.test"
    assert out[0]["total"] == 6 and out[0]["bytes"] > 0
    assert d.metrics().get("delivery_attempts_total", domain="a.test") == attempts["a.test"]

    mx.misbehave[:] = []
    out = d.ctl_json("flush", "A.Test.", "--reason", "the primary is fixed")
    assert out[-1]["rc"] == 0 and out[-1]["messages"] == 6
    events = [o["event"] for o in out[:-1]]
    assert events[0] == "begin" and events[-1] == "end", events
    end = out[-2]
    assert (end["total"], end["remaining"], end["delivered"]) == (6, 0, 6)
    assert end["complete"] is True
    assert {"rate", "eta_seconds", "bytes"} <= set(end)
    d.wait_empty("a.test")
    assert sorted(subjects(m.data for m in mx.messages)) == ["a0", "a1", "a2", "a3", "a4", "both"]
    assert all(m.to == ["u@a.test"] for m in mx.messages)
    m = d.metrics()
    assert m.queued("b.test") == 6 and m.queued("sub.a.test") == 5
    for x in ("b.test", "sub.a.test"):
        assert m.get("delivery_attempts_total", domain=x) == attempts[x], x
        assert m.sum("flush_runs_total", domain=x) == 0
    assert m.get("flush_runs_total", domain="a.test", trigger="manual") == 1
    assert m.get("flush_messages_total", domain="a.test") == 6
    shown = d.ctl_json("show", both.split(".")[0])
    assert [x["domain"] for x in shown[:-1]] == ["b.test"]
    d.wait_log(r"reason=.*the primary is fixed")
    stays(lambda: len(mx.messages) == 6, 1, "nothing of the others follows")
    d.ctl_json("flush", "--all")
    d.wait_empty("b.test")
    d.wait_empty("sub.a.test")
    assert len(mx.messages) == 17


def test_flush_shows_progress_and_an_eta(stack):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nretry { first = "1h" max = "1h" }'
                                  '\ndeliver { connections = 2 }' % mx.port})
    d.wait_state("a.test", "up")
    pass_canary(d, mx, "a.test")
    mx.misbehave[:] = ["mail-451"]
    for i in range(60):
        send(d.port, "m%d" % i)
    wait_for(lambda: d.metrics().get("queue_messages", domain="a.test", state="deferred") == 60,
             20, "all deferred")
    mx.misbehave[:] = ["slow=0.03"]
    out = d.ctl_json("flush", "a.test")
    seen = [o for o in out if o.get("event") == "progress"]
    assert seen, out
    for a, b in zip(seen, seen[1:]):
        assert a["remaining"] >= b["remaining"] and a["delivered"] <= b["delivered"]
    assert any(o["eta_seconds"] is not None and o["rate"] > 0 for o in seen), seen
    assert out[-2]["event"] == "end" and out[-2]["delivered"] == 60
    assert len(mx.messages) == 60


def test_suspect_primary_that_answers_is_up_again(stack):
    """One lost probe is no outage: nothing is flushed, nothing is held."""
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\n'
                                  'probe { fall = 50 interval = "100ms" }' % mx.port})
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["banner-421"]
    d.wait_state("a.test", "suspect")
    mx.misbehave[:] = []
    d.wait_state("a.test", "up")
    m = d.metrics()
    assert m.get("watchdog_transitions_total", domain="a.test", to="down") == 0
    assert m.sum("flush_runs_total", domain="a.test") == 0


def test_a_second_host_takes_over(stack):
    """Two primaries: as long as one answers, the domain is up and mail flows."""
    one, two = stack.fakemx(), stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d", "127.0.0.1:%d"}' % (
        one.port, two.port)})
    d.wait_state("a.test", "up")
    send(d.port, "first")
    wait_for(lambda: one.messages, 5, "the first host gets it")
    assert not two.messages
    one.stop()
    send(d.port, "second")
    wait_for(lambda: two.messages, 10, "the second host gets it")
    assert d.metrics().get("watchdog_transitions_total", domain="a.test", to="down") == 0


def test_stuffing_helper():
    assert stuff(b".a\r\n") == b"..a\r\n.\r\n" and stuff(b"") == b".\r\n"
