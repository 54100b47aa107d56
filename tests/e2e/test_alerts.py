# SPDX-License-Identifier: ISC
"""Alerts: somebody is told of an outage, once, and of its end, once; whatever
the receiver does, and whenever the daemon is killed."""
import email
import hashlib
import hmac
import json
import os
import re
import shutil
import random
import subprocess
import threading
import time
import urllib.request

import pytest

from lib.mxwatchd import PLAIN
from lib.net import Workdir, certificate, end_process, free_port, wait_port
from lib.smtp import send_bytes
from lib.wait import STALL, stays, wait_for

MAIL = b"From: s@sender.test\r\nSubject: x\r\n\r\nhello\r\n"
FAST = 'group_wait = "0s" group_interval = "1s" timeout = "2s"'
DOWN = 'alert "primary_down" { warn = "0s" for = "0s" clear = "0s" }'


def watched(stack, mx, sections, domains=("a.test",), **kw):
    """A daemon with fast receivers; `sections` may be a function of it."""
    d = stack.mxwatchd({n: 'primary = {"127.0.0.1:%d"}' % mx.port for n in domains},
                       start=False, **kw)
    text = sections(d) if callable(sections) else sections
    d.write(options=text)
    return d.start()


def webhook(hook, name="hook", more=""):
    return 'receiver "%s" { type = "webhook" url = {"%s/%s"} %s %s }\n' % (
        name, hook.url, name, FAST, more)


def names(hook, path=None):
    """[(status, alertname)] in the order in which they came."""
    return [(b["status"], b["groupLabels"]["alertname"]) for b in hook.bodies(path)]


def only(hook, alert, path=None):
    return [s for s, a in names(hook, path) if a == alert]


@pytest.mark.beside
def test_outage_is_paged_once_and_resolved_once(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = watched(stack, mx, webhook(hook) + DOWN)
    d.wait_state("a.test", "up")
    send_bytes(d.port, MAIL)
    mx.stop()
    d.wait_state("a.test", "down")
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing"], 10)
    body = hook.bodies()[0]
    assert body["version"] == "4" and body["receiver"] == "hook"
    alert = body["alerts"][0]
    assert alert["labels"]["domain"] == "a.test"
    assert alert["labels"]["instance"] == "mx2.backup.test"
    assert alert["labels"]["primary"] == "127.0.0.1:%d" % mx.port
    wait_for(lambda: d.status()["domains"][0]["alerts"] == ["primary_down"])
    assert [a["alert"] for a in d.status()["alerts"]] == ["primary_down"]
    m = d.metrics()
    assert m.get("alerts_active", alert="primary_down", domain="a.test") == 1
    assert m.get("alerts_active", alert="queue_age", domain="a.test") == 0
    assert m.get("alerts_active", alert="spool_low") == 0
    assert m.get("notifications_total", receiver="hook") == 1
    assert m.get("notifications_pending", receiver="hook") == 0
    assert abs(m.get("notifications_last_success_timestamp_seconds", receiver="hook") -
               time.time()) < 20
    rc, out = d.ctl("alerts")
    assert rc == 0 and "primary_down" in out and "a.test" in out
    stays(lambda: only(hook, "MxwatchPrimaryDown") == ["firing"], 3)
    mx2 = stack.fakemx(port=mx.port)
    d.wait_state("a.test", "up")
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing", "resolved"], 10)
    stays(lambda: only(hook, "MxwatchPrimaryDown") == ["firing", "resolved"], 2)
    assert mx2.port == mx.port
    wait_for(lambda: d.ctl("alerts")[1].strip() == "no alert fires")
    assert d.metrics().get("alerts_active", alert="primary_down", domain="a.test") == 0


@pytest.mark.beside
def test_domains_of_one_primary_are_one_page(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    domains = ["d%02d.test" % i for i in range(12)]
    more = webhook(hook).replace('group_wait = "0s"', 'group_wait = "3s"')
    d = watched(stack, mx, more + DOWN, domains)
    for n in domains:
        d.wait_state(n, "up")
    mx.stop()
    for n in domains:
        d.wait_state(n, "down")
    wait_for(lambda: only(hook, "MxwatchPrimaryDown"), 15)
    assert len(hook.bodies()[0]["alerts"]) == 12
    stays(lambda: len(only(hook, "MxwatchPrimaryDown")) == 1, 2)


@pytest.mark.beside
def test_kill_while_it_fires(stack):
    """No second page after it, and the resolve is not forgotten."""
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = watched(stack, mx, webhook(hook) + DOWN)
    d.wait_state("a.test", "up")
    mx.stop()
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing"], 15)
    wait_for(lambda: d.metrics().get("notifications_total", receiver="hook") == 1)
    wait_for(lambda: '"told":1' in open(d.spool + "/alerts.json").read() or
             '"told":2' in open(d.spool + "/alerts.json").read())
    d.kill9()
    d.start()
    d.wait_state("a.test", "down")
    stays(lambda: only(hook, "MxwatchPrimaryDown") == ["firing"], 3)
    d.kill9()
    stack.fakemx(port=mx.port)
    d.start()
    d.wait_state("a.test", "up")
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing", "resolved"], 10)


@pytest.mark.beside
def test_restart_while_the_pager_is_away(stack):
    """Nobody is woken by what is over; its end is told, for the trigger may have got through."""
    hook = stack.fakehook()
    mx = stack.fakemx()
    hook.answer("500")
    d = watched(stack, mx, webhook(hook) + DOWN)
    d.wait_state("a.test", "up")
    mx.stop()
    wait_for(lambda: len(hook.requests) >= 1, 15)
    stack.fakemx(port=mx.port)
    d.wait_state("a.test", "up")
    wait_for(lambda: d.status()["alerts"] == [])
    hook.requests.clear()
    hook.answer("202")
    d.restart()
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["resolved"], 15)


@pytest.mark.beside
def test_broken_state_is_put_aside(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = watched(stack, mx, webhook(hook) + DOWN)
    d.wait_state("a.test", "up")
    d.stop()
    path = d.spool + "/alerts.json"
    with open(path, "w") as f:
        f.write('{"version":1,"instances":[{"al')
    d.start()
    d.wait_log("moved to")
    assert os.path.exists(path + ".bad")
    mx.stop()
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing"], 15)


@pytest.mark.beside
def test_silence(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = watched(stack, mx, webhook(hook) + DOWN)
    d.wait_state("a.test", "up")
    rc, out = d.ctl("silence", "A.test.", "--for", "1h", "--reason", "we move it")
    assert rc == 0, out
    mx.stop()
    d.wait_state("a.test", "down")
    wait_for(lambda: "silenced" in d.ctl("alerts")[1])
    stays(lambda: not hook.requests, 3)
    listed = d.ctl_json("silence")
    assert listed[0]["match"] == "a.test" and listed[0]["reason"] == "we move it"
    d.restart()  # a silence is kept
    d.wait_state("a.test", "down")
    assert d.ctl_json("silence")[0]["id"] == listed[0]["id"]
    stays(lambda: not hook.requests, 2)
    assert d.ctl("silence", "--remove", str(listed[0]["id"]))[0] == 0
    wait_for(lambda: only(hook, "MxwatchPrimaryDown") == ["firing"], 10)
    assert d.ctl("silence", "--remove", "77")[0] == 1
    for name in ("nothing.test", "no_alert/a.test", "queue_age/nothing.test", "a.test/queue_age"):
        assert d.ctl("silence", name, "--for", "1h")[0] == 1, name
    assert d.ctl("silence", "queue_age/A.test", "--for", "1h")[0] == 0
    assert d.ctl_json("silence")[0]["match"] == "queue_age/a.test"
    assert d.ctl("silence", "a.test")[0] == 2
    assert d.ctl("silence", "a.test", "--for", "never")[0] == 2


@pytest.mark.beside
def test_acknowledged(stack):
    """No repeats of what somebody has in hand, restarts included; its end is told."""
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = watched(stack, mx, webhook(hook, more='repeat = "1s"') + DOWN, ("a.test", "b.test"))
    d.wait_state("b.test", "up")
    primary = "127.0.0.1:%d" % mx.port
    assert d.ctl("ack", "a.test")[0] == 1  # nothing fires
    assert d.ctl("ack", "nothing.test")[0] == 1 and d.ctl("ack")[0] == 2
    mx.stop()
    wait_for(lambda: only(hook, "MxwatchPrimaryDown").count("firing") >= 3)
    rc, out = d.ctl("ack", "primary_down/" + primary, "--reason", "disk swap")
    assert rc == 0 and "2 alerts acknowledged" in out, out
    wait_for(lambda: d.ctl("alerts")[1].count("acknowledged by uid 0: disk swap") == 2)
    assert {a["acked_by"] for a in d.status()["alerts"]} == {"uid 0: disk swap"}
    told = len(hook.requests)
    d.restart()
    d.wait_state("a.test", "down")
    stays(lambda: len(hook.requests) == told, 3)
    stack.fakemx(port=mx.port)
    wait_for(lambda: only(hook, "MxwatchPrimaryDown")[told:] == ["resolved"])


@pytest.mark.beside
def test_alert_test_says_what_came_of_it(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = watched(stack, mx, webhook(hook))
    rc, out = d.ctl("alert", "test", "hook")
    assert rc == 0 and "HTTP 202" in out, out
    assert names(hook) == [("firing", "MxwatchTest"), ("resolved", "MxwatchTest")]
    for answer, word in (("400", "HTTP 400"), ("500", "HTTP 500"), ("redirect", "redirect"),
                         ("reset", ""), ("garbage", ""), ("hang", "imeout")):
        hook.answer(answer)
        rc, out = d.ctl("alert", "test", "hook")
        assert rc == 1 and word in out, (answer, out)
    assert not [r for r in hook.requests if "elsewhere" in r["path"]]
    assert d.ctl("alert", "test", "nobody")[0] == 1
    assert d.ctl("alert", "fire", "hook")[0] == 2


def test_hostile_servers(stack):
    """Whatever a server does, it ends at the time limit, delays nobody else,
    and what it has said counts."""
    hook = stack.fakehook()
    d0 = stack.add(Workdir("tls"), lambda w: w.remove())
    wrong = stack.fakehook(tls=certificate(d0.path, "other.test"))
    big = "9" * 30
    cases = {  # answer: (delivered, what is said)
        "hang": (False, "imeout"), "drip": (False, "imeout"), "headers": (False, ""),
        "reset": (False, ""), "garbage": (False, ""), "500": (False, "HTTP 500"),
        "404": (False, "HTTP 404"), "429:" + big: (False, "HTTP 429"),
        "429:Wed, 01 Jan 2098 00:00:00 GMT": (False, "HTTP 429"),
        "redirect:file:///etc/passwd": (False, "redirect"),
        "redirect:http://169.254.169.254/latest": (False, "redirect"),
        "redirect": (False, "redirect"),
        "late": (True, "HTTP 202"), "flood": (True, "HTTP 202"), "202": (True, "HTTP 202")}
    urls = {"n%d" % i: (hook.url + "/n%d" % i,) + c for i, c in enumerate(cases.items())}
    urls["tls"] = (wrong.url + "/x", "", (False, "certificate"))
    urls["dns"] = ("http://nowhere.invalid/x", "", (False, "resolve"))
    hook.by_path = {"/" + n: u[1] for n, u in urls.items()}
    # TLS to the right name and from the right hands is delivered
    good = stack.fakehook(tls=certificate(d0.path, "127.0.0.1"))
    d = watched(stack, stack.fakemx(), lambda d: "".join(
        'receiver "%s" { type = "webhook" url = {"%s"} timeout = "1500ms" }\n' % (n, u[0])
        for n, u in urls.items()) +
        'receiver "good" { type = "webhook" url = {"https://localhost:%d/"} ca_file = "%s" }\n' %
        (good.port, certificate(d0.path, "localhost")[0]))
    good.tls.load_cert_chain(*certificate(d0.path, "localhost"))
    rss = d.rss()
    told = {}

    def test(name):
        began = time.monotonic()
        told[name] = d.ctl("alert", "test", name) + (time.monotonic() - began,)

    names_ = list(urls) + ["good"]
    for part in (names_[:9], names_[9:]):  # not more than there are tickets
        threads = [threading.Thread(target=test, args=(n,)) for n in part]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert told["good"][0] == 0, told["good"]
    for name, (_, answer, (delivered, text)) in urls.items():
        rc, out, took = told[name]
        assert rc == (0 if delivered else 1) and text in out, (answer, out)
        assert took < 6, (answer, took)
    assert told["n14"][2] < 1.5, told["n14"]  # the one that answers waits for none of them
    assert not [r for r in hook.requests if "elsewhere" in r["path"]]
    assert d.rss() < rss + (200 << 20)


@pytest.mark.beside
def test_kill_at_any_moment(stack):
    """kill -9 at seeded moments of outages and their ends, with a pager that
    answers well and badly: each outage is told under one key, and none is
    left open."""
    hook = stack.fakehook()
    seed = int(os.environ.get("MXWATCH_SEED", random.randrange(1 << 30)))
    rnd = random.Random(seed)
    mx = stack.fakemx()
    d = watched(stack, mx, webhook(hook) + DOWN, build=PLAIN)
    d.wait_state("a.test", "up")
    for _ in range(3):
        hook.answer(*([rnd.choice(["202", "500", "reset", "202"])] + ["202"]))
        mx.stop()
        time.sleep(rnd.random() * 1.2)
        d.kill9()
        d.start()
        if rnd.random() < 0.6:
            d.wait_state("a.test", "down")
            time.sleep(rnd.random())
        mx = stack.fakemx(port=mx.port)
        time.sleep(rnd.random() * 1.2)
        d.kill9()
        d.start()
    d.wait_state("a.test", "up")

    def row():
        return [(b["status"], b["groupKey"]) for b, r in zip(hook.bodies(), hook.requests)
                if b["groupLabels"]["alertname"] == "MxwatchPrimaryDown" and r["answer"] == "202"]
    wait_for(lambda: not row() or row()[-1][0] == "resolved", 15)
    wait_for(lambda: d.metrics().get("notifications_pending", receiver="hook") == 0, 15)
    assert len({key for _, key in row()}) <= 1, (seed, row())
    assert [s for s, _ in row()].count("firing") <= 6 + 3, (seed, row())
    assert not row() or row()[-1][0] == "resolved", (seed, row())


@pytest.mark.beside
def test_retry_after_is_honoured(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    hook.answer("429:9", "202")
    d = watched(stack, mx, webhook(hook) + DOWN)
    d.wait_state("a.test", "up")
    mx.stop()
    wait_for(lambda: len(hook.requests) == 2, 30)
    assert hook.requests[1]["time"] - hook.requests[0]["time"] >= 8.5
    wait_for(lambda: d.metrics().get("notifications_retried_total", receiver="hook") == 1, 10)
    assert d.metrics().get("notifications_failed_total", receiver="hook") == 1


@pytest.mark.beside
def test_rejected_is_not_tried_again(stack):
    """And the others hear of it, who it is about does not."""
    hook = stack.fakehook()
    mx = stack.fakemx()
    hook.by_path["/bad"] = "400"
    d = watched(stack, mx, webhook(hook, "bad") + webhook(hook, "other") + DOWN +
                '\nalert "notifier_failing" { warn = "1s" }')
    d.wait_state("a.test", "up")
    mx.stop()

    def sent(path):
        return [r for r in hook.requests if r["path"] == path]
    wait_for(lambda: len(sent("/bad")) == 1, 15)
    wait_for(lambda: d.metrics().get("alerts_active", alert="notifier_failing") == 1, 10)
    wait_for(lambda: only(hook, "MxwatchNotifierFailing", "/other") == ["firing"], 10)
    text = hook.bodies("/other")[-1]["alerts"][0]["annotations"]["description"]
    assert re.match(r"receiver bad has accepted nothing for \w+: HTTP 400$", text), text
    assert d.metrics().get("notifications_failed_total", receiver="bad") == 1
    assert {r["receiver"]: r["error"] for r in d.status()["receivers"]} == {
        "bad": "HTTP 400", "other": ""}
    d.restart()  # that is no recovery
    d.wait_state("a.test", "down")
    stays(lambda: len(sent("/bad")) == 1 and
          only(hook, "MxwatchNotifierFailing", "/other") == ["firing"], 3)


def test_hanging_pager_leaves_mail_alone(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    hook.answer("accept")
    d = watched(stack, mx, webhook(hook).replace('"2s"', '"30s"') + DOWN)
    d.wait_state("a.test", "up")
    mx.stop()
    d.wait_state("a.test", "down")
    wait_for(lambda: hook.held, 10)
    worst = 0
    for _ in range(30):
        began = time.monotonic()
        send_bytes(d.port, MAIL)
        worst = max(worst, time.monotonic() - began)
    assert worst < STALL, worst
    assert d.metrics().get("event_loop_lag_seconds") < STALL


@pytest.mark.beside
def test_pagerduty_shape_and_secrets(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    key = "0123456789abcdef0123456789abcdef"

    def sections(d):
        return ('receiver "oncall" { type = "pagerduty" url = {"%s/v2/enqueue"} '
                'routing_key_file = "%s" %s }\n%s' %
                (hook.url, d.secret("pd.key", key + "\n"), FAST, DOWN))
    d = watched(stack, mx, sections)
    d.wait_state("a.test", "up")
    mx.stop()
    wait_for(lambda: hook.requests, 15)
    stack.fakemx(port=mx.port)
    wait_for(lambda: len(hook.requests) == 2, 20)
    first, last = hook.bodies()
    assert first["routing_key"] == last["routing_key"] == key
    assert (first["event_action"], last["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == last["dedup_key"]
    assert first["payload"]["class"] == "primary_down"
    assert first["payload"]["source"] == "mx2.backup.test"
    assert first["payload"]["component"] == "a.test"
    for text in (d.log(), json.dumps(d.status()), d.ctl("alerts")[1], d.run("-n", "-v").stdout,
                 d.ctl("status", "--json")[1], open(d.spool + "/alerts.json").read()):
        assert key not in text
    # readable by others: refused
    os.chmod(os.path.join(d.dir, "pd.key"), 0o644)
    rc, out = d.ctl("reload")
    assert rc == 2 and "0600" in out


@pytest.mark.beside
def test_signature_ntfy_slack_and_exec(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()

    def sections(d):
        out = d.file("told", "")
        script = d.file("pager", '#!/bin/sh\ncat >>"$1"\necho >>"$1"\n')
        os.chmod(script, 0o755)
        return (webhook(hook, "signed", 'hmac_key_file = "%s" token_file = "%s"' %
                        (d.secret("hmac", "k3y"), d.secret("token", "t0ken"))) +
                'receiver "push" { type = "ntfy" url = {"%s/topic"} %s }\n'
                'receiver "chat" { type = "slack" url_file = "%s" %s }\n'
                'receiver "sms" { type = "exec" command = {"%s", "%s"} %s }\n' %
                (hook.url, FAST, d.secret("slack", hook.url + "/services/S3CRET"), FAST,
                 script, out, FAST))
    d = watched(stack, mx, sections)
    for name in ("signed", "push", "chat", "sms"):
        rc, out = d.ctl("alert", "test", name)
        assert rc == 0, (name, out)
    by = {r["path"]: r for r in hook.requests}
    r = by["/signed"]
    want = hmac.new(b"k3y", r["body"], hashlib.sha256).hexdigest()
    assert r["headers"]["x-mxwatch-signature"] == "sha256=" + want
    p = subprocess.run(["openssl", "dgst", "-sha256", "-hmac", "k3y"], input=r["body"],
                       capture_output=True, check=True)
    assert p.stdout.decode().split()[-1] == want
    assert r["headers"]["authorization"] == "Bearer t0ken"
    r = by["/topic"]
    assert r["headers"]["title"].startswith("mx2.backup.test: test")
    assert r["headers"]["priority"] in ("3", "4")
    assert "test" in json.loads(by["/services/S3CRET"]["body"])["text"]
    with open(os.path.join(d.dir, "told")) as f:
        told = [json.loads(line) for line in f if line.strip()]
    assert [t["status"] for t in told] == ["firing", "resolved"]
    for word in ("k3y", "t0ken", "S3CRET"):
        assert word not in d.log()


def test_exec_that_hangs_is_killed(stack):
    mx = stack.fakemx()
    d = watched(stack, mx, 'receiver "sms" { type = "exec" timeout = "1s" '
                'command = {"/bin/sh", "-c", "sleep 600 & sleep 600"} }\n')
    began = time.monotonic()
    rc, out = d.ctl("alert", "test", "sms")
    assert rc == 1 and "timed out" in out
    assert time.monotonic() - began < 5


@pytest.mark.beside
def test_email_through_the_smarthost(stack):
    """A real one, with the certificate that Debian makes: nobody knows who
    signed it, and still mail goes out. One bad recipient of two is named."""
    mx = stack.fakemx()
    out = stack.primary(["example.com"], tls=True, recipients=["ops@example.com"],
                        extra="smtpd_helo_required = yes")
    host = 'type = "email" smarthost = "smtp://localhost:%d"' % out.port
    d = watched(stack, mx, lambda d: (
        'receiver "mail" { %s to = {"gone@example.com", "ops@example.com"} %s }\n'
        'receiver "gone" { %s to = {"gone@example.com"} %s }\n'
        'receiver "strict" { %s to = {"ops@example.com"} ca_file = "%s" %s }\n' %
        (host, FAST, host, FAST, host, certificate(d.dir, "other.test")[0], FAST) + DOWN))
    rc, text = d.ctl("alert", "test", "mail")
    assert rc == 0 and "550 5.1.1 <gone@example.com>" in text, text
    rc, text = d.ctl("alert", "test", "gone")
    assert rc == 1 and "550 5.1.1 <gone@example.com>" in text, text
    rc, text = d.ctl("alert", "test", "strict")
    assert rc == 1 and "certificate" in text, text
    d.wait_state("a.test", "up")
    mx.stop()
    got = [email.message_from_bytes(m) for m in out.wait_messages(3)]
    stack.fakemx(port=mx.port)
    got = [email.message_from_bytes(m) for m in out.wait_messages(4)]
    assert {m["Return-Path"] for m in got} == {"<>"}
    assert {m["Auto-Submitted"] for m in got} == {"auto-generated"}
    assert "from mx2.backup.test" in got[0]["Received"] and "TLS" in got[0]["Received"]
    pages = [m for m in got if "is down" in m["Subject"]]
    assert len(pages) == 2 and len({m["References"] for m in pages}) == 1
    assert len({m["Message-ID"] for m in got}) == 4
    first, last = sorted(pages, key=lambda m: "resolved" in m["Subject"])
    assert first["Subject"].startswith("mx2.backup.test: the primary is down (warning): a.test: ")
    assert last["Subject"].startswith("mx2.backup.test: resolved after ")
    text = first.get_payload()
    assert "no mail is waiting" in text and "next: mxwatchctl why a.test" in text
    assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), text


@pytest.mark.beside
def test_heartbeat_stops_with_what_it_stands_for(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = watched(stack, mx, 'heartbeat "hc" { url = "%s/uuid" interval = "500ms" }\n' % hook.url)
    d.wait_state("a.test", "up")
    wait_for(lambda: len(hook.requests) >= 3, 10)
    assert {(r["method"], r["path"]) for r in hook.requests} == {("GET", "/uuid")}
    last = d.metrics().get("heartbeat_last_success_timestamp_seconds", receiver="hc")
    assert abs(last - time.time()) < 5
    d.stop()
    n = len(hook.requests)
    stays(lambda: len(hook.requests) == n, 1.5)


@pytest.mark.beside
def test_queue_age_and_forecast(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nlifetime = "40s"' % mx.port},
                       start=False)
    d.write(options=webhook(hook) + 'alert "queue_age" { warn = "10%" crit = "25%" for = "1s" }\n'
            'alert "primary_down" { enabled = no }\n')
    d.start()
    d.wait_state("a.test", "up")
    mx.stop()
    d.wait_state("a.test", "down")
    send_bytes(d.port, MAIL)
    wait_for(lambda: only(hook, "MxwatchQueueAge"), 20)
    text = hook.bodies()[0]["alerts"][0]["annotations"]["description"]
    assert re.search(r"nothing is being delivered: 1 message expires at \d{4}-", text), text
    # it gets worse: the same incident, told again
    wait_for(lambda: "critical" in [b["commonLabels"]["severity"] for b in hook.bodies()
                                    if b["groupLabels"]["alertname"] == "MxwatchQueueAge"], 30)


@pytest.mark.beside
def test_reload_failure_is_told_and_over(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = watched(stack, mx, webhook(hook))
    good = d.parts["options"]
    assert d.reload(options=good + "\nnonsense = 1")[0] == 2
    wait_for(lambda: only(hook, "MxwatchConfigReloadFailed") == ["firing"], 10)
    assert d.reload(options=good)[0] == 0
    wait_for(lambda: only(hook, "MxwatchConfigReloadFailed") == ["firing", "resolved"], 10)


@pytest.mark.beside
@pytest.mark.skipif(shutil.which("prometheus-alertmanager") is None,
                    reason="prometheus-alertmanager is not installed")
def test_alertmanager_takes_and_resolves(stack):
    hook = stack.fakehook()
    work = stack.add(Workdir("am"), lambda w: w.remove())
    port, gossip = free_port(), free_port()
    conf = os.path.join(work.path, "am.yml")
    with open(conf, "w") as f:
        f.write("route: {receiver: hook, group_wait: 0s, group_interval: 1s, "
                "group_by: [alertname, domain]}\n"
                "receivers: [{name: hook, webhook_configs: [{url: '%s/am', "
                "send_resolved: true}]}]\n" % hook.url)
    p = subprocess.Popen(["prometheus-alertmanager", "--config.file=" + conf,
                          "--storage.path=" + work.path + "/data", "--cluster.listen-address=",
                          "--web.listen-address=127.0.0.1:%d" % port],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.add(p, end_process)
    wait_port(port)
    assert gossip
    mx = stack.fakemx()
    # two are listed, one of them is away: the other is told all the same
    d = watched(stack, mx, 'receiver "am" { type = "alertmanager" url = {"http://127.0.0.1:%d", '
                '"http://127.0.0.1:%d"} %s }\n%s' % (free_port(), port, FAST, DOWN))
    d.wait_state("a.test", "up")
    mx.stop()

    def alerts():
        with urllib.request.urlopen("http://127.0.0.1:%d/api/v2/alerts" % port) as r:
            return json.load(r)

    wait_for(lambda: [a["labels"]["alertname"] for a in alerts()] == ["MxwatchPrimaryDown"], 15)
    a = alerts()[0]
    assert a["labels"]["domain"] == "a.test" and a["labels"]["job"] == "mxwatch"
    wait_for(lambda: only(hook, "MxwatchPrimaryDown", "/am") or
             [b for b in hook.bodies("/am") if b["status"] == "firing"], 15)
    stack.fakemx(port=mx.port)
    d.wait_state("a.test", "up")
    wait_for(lambda: [b for b in hook.bodies("/am") if b["status"] == "resolved"], 20)
    assert alerts() == []
