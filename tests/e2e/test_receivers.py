# SPDX-License-Identifier: ISC
"""Receivers of alerts that do not do what they should: they delay nobody, neither
a stop nor a reload, and what they were not told is told later."""
import base64
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

from lib.net import Workdir, certificate, end_process
from lib.pagerduty import PagerDuty
from lib.wait import STALL, stays, wait_for

PATIENT = 'group_wait = "0s" group_interval = "1s" timeout = "60s"'
DOWN = 'alert "primary_down" { warn = "0s" for = "0s" clear = "0s" }\n'


class Mute:
    """Takes connections and never says a word; the TLS of those who want some is
    never answered. With a backlog of its own size it does not even take them."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(16)
        self.port = self.sock.getsockname()[1]
        self.held = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self.held.append(self.sock.accept()[0])
            except OSError:
                return

    def stop(self):
        self.sock.close()
        for c in self.held:
            c.close()


def hanging(hook, mute, smarthosts):
    """Receivers of every kind, each of which hangs in its own way."""
    text = ""
    for name, answer in (("hang", "hang"), ("drip", "drip"), ("headers", "headers"),
                         ("retry", "429:3600")):
        hook.by_path["/" + name] = answer
        text += 'receiver "%s" { type = "webhook" url = {"%s/%s"} %s }\n' % (
            name, hook.url, name, PATIENT)
    text += 'receiver "mute" { type = "slack" url = {"http://127.0.0.1:%d/"} %s }\n' % (
        mute.port, PATIENT)
    text += 'receiver "tls" { type = "ntfy" url = {"https://127.0.0.1:%d/"} %s }\n' % (
        mute.port, PATIENT)
    text += ('receiver "am" { type = "alertmanager" url = {"http://127.0.0.1:%d", "%s/hang"} '
             '%s }\n' % (mute.port, hook.url, PATIENT))
    for i, port in enumerate(smarthosts):
        text += ('receiver "mail%d" { type = "email" smarthost = "smtp://localhost:%d" '
                 'to = {"ops@ops.test"} %s }\n' % (i, port, PATIENT))
    text += ('receiver "exec" { type = "exec" command = {"/bin/sh", "-c", '
             '"trap \'\' TERM HUP; sleep 600"} %s }\n' % PATIENT)
    return text + 'heartbeat "hc" { url = "http://127.0.0.1:%d/" interval = "1s" }\n' % mute.port


def test_nobody_delays_a_stop_or_a_reload(stack):
    """All of them at once, in the middle of what they were sent."""
    hook = stack.fakehook()
    mute = stack.add(Mute(), lambda m: m.stop())
    # a smarthost that is silent from the start, behind the final dot, at QUIT
    after = stack.fakemx(misbehave=["silent-at-dot"])
    quit_ = stack.fakemx(misbehave=["silent-at-quit"])
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, start=False)
    text = hanging(hook, mute, (mute.port, after.port, quit_.port)) + DOWN
    text += 'receiver "good" { type = "webhook" url = {"%s/good"} }\n' % hook.url
    d.write(options=text)
    d.start()
    d.wait_state("a.test", "up")
    mx.stop()
    d.wait_state("a.test", "down")
    wait_for(lambda: {r["path"] for r in hook.requests} >= {
        "/hang", "/drip", "/headers", "/retry", "/hang/api/v2/alerts"}, 20)
    wait_for(lambda: len(mute.held) >= 5, 20)
    wait_for(lambda: quit_.messages, 20)
    # nor those who do what they should
    began = time.monotonic()
    rc, out = d.ctl("alert", "test", "good")
    took = time.monotonic() - began
    assert rc == 0 and took < STALL, (took, out)
    began = time.monotonic()
    assert d.reload(options=text + 'alert "spool_low" { enabled = no }\n')[0] == 0
    took = time.monotonic() - began
    assert took < STALL, "the reload took %g s" % took
    began = time.monotonic()
    d.stop()
    took = time.monotonic() - began
    assert took < 1, "the stop took %g s" % took


@pytest.mark.beside
def test_a_test_says_how_far_it_is(stack):
    """Step by step, as it goes on; each address of an Alertmanager for itself; as long
    as the receiver may take, and the exit code is the outcome."""
    work = stack.add(Workdir("steps"), lambda w: w.remove())
    cert = certificate(work.path, "localhost")
    hook, tls = stack.fakehook(), stack.fakehook(tls=cert)
    out = stack.fakemx()
    hook.by_path["/slow"] = "hang"
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, start=False)
    d.write(options=(
        'receiver "good" { type = "webhook" url = {"https://localhost:%d/SECRET"} '
        'ca_file = "%s" }\n'
        'receiver "slow" { type = "webhook" url = {"%s/slow"} timeout = "11s" }\n'
        'receiver "am" { type = "alertmanager" url = {"%s/x/SECRET", "http://127.0.0.1:9"} }\n'
        'receiver "mail" { type = "email" smarthost = "smtp://localhost:%d" '
        'to = {"ops@ops.test"} }\n'
        'receiver "sms" { type = "exec" command = {"/bin/false"} }\n') %
        (tls.port, cert[0], hook.url, hook.url, out.port))
    d.start()

    def stages(name, want):
        rc, text = d.ctl("alert", "test", name)
        assert rc == want, text
        assert "SECRET" not in text
        return re.findall(r"^ +[\d.]+ s +(.*)$", text, re.M), text

    got, text = stages("good", 0)
    assert [g for g in got if "answered" in g] == ["trigger: answered, HTTP 202",
                                                   "resolve: answered, HTTP 202"], text
    assert "delivered: HTTP 202" in text
    got, text = stages("am", 1)
    assert "trigger: %s: answered, HTTP 202" % hook.url in got, text
    assert "resolve: %s: answered, HTTP 202" % hook.url in got, text
    assert [g for g in got if g.startswith("trigger: http://127.0.0.1:9: failed")], text
    got, text = stages("mail", 0)
    assert "trigger: answered, accepted" in got and len(out.messages) == 2, text
    got, text = stages("sms", 1)
    assert got[-1] == "trigger: failed, exit code 1", text
    # what hangs is shown where it does, before it ends
    p = subprocess.Popen([os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "alert", "test",
                          "slow"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    stack.add(p, end_process)
    seen = p.stdout.readline()
    assert p.poll() is None and "trigger: " in seen, seen
    rest = p.stdout.read()
    assert p.wait(5) == 1
    assert "waiting" in rest and "failed, Timeout was reached" in rest, seen + rest


KEY = "0123456789abcdef0123456789abcdef"
QUICK = 'group_wait = "0s" group_interval = "1s" timeout = "5s"'


def paged(stack, pd, mx, more="", key=KEY, name="oncall"):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, start=False)
    d.write(options='receiver "%s" { type = "pagerduty" url = {"%s"} routing_key_file = "%s" %s }'
            '\n%s%s' % (name, pd.url, d.secret("pd.key", key), QUICK, DOWN, more))
    return d.start()


@pytest.mark.beside
def test_an_incident_at_pagerduty(stack):
    """One incident an outage, whatever PagerDuty answers in between, with links to the
    page and to the runbook."""
    pd = stack.add(PagerDuty(KEY), lambda p: p.stop())
    mx = stack.fakemx()
    d = paged(stack, pd, mx, 'web { url = "https://mx2.backup.test:10125/" }\n'
              'alerts { instance = "mx2" '
              'runbook_url = "https://wiki.test/book" }\n')
    d.wait_state("a.test", "up")
    pd.answers = [(429, 1), (500, None)]
    mx.stop()
    wait_for(lambda: len(pd.of("primary_down")) == 1, 40)
    event = pd.of("primary_down")[0].triggers[0]
    assert event["dedup_key"].startswith("mxwatch/mx2/primary_down/127.0.0.1:")
    assert event["payload"]["source"] == "mx2"
    assert event["client_url"] == "https://mx2.backup.test:10125/#a.test"
    assert {link["href"] for link in event["links"]} == {
        "https://mx2.backup.test:10125/#a.test", "https://wiki.test/book#primary_down"}
    stack.fakemx(port=mx.port)
    wait_for(lambda: not pd.of("primary_down")[0].open, 30)
    assert len(pd.of("primary_down")) == 1 and pd.dropped == []
    assert len(pd.of("primary_down")[0].triggers) == 1


@pytest.mark.beside
def test_a_routing_key_that_is_wrong(stack):
    pd = stack.add(PagerDuty(KEY), lambda p: p.stop())
    d = paged(stack, pd, stack.fakemx(), key="f" * 32)
    rc, out = d.ctl("alert", "test", "oncall")
    assert rc == 1 and "HTTP 400: it does not accept the event or the routing key" in out, out
    d.secret("pd.key", KEY)
    assert d.ctl("reload")[0] == 0
    rc, out = d.ctl("alert", "test", "oncall")
    assert rc == 0 and "HTTP 202" in out, out
    assert [e["event_action"] for e in pd.events] == ["trigger", "resolve"]
    assert pd.dropped == [] and not pd.of("test")[0].open


@pytest.mark.beside
def test_two_servers_with_one_pager(stack):
    """Neither closes what the other has opened; two that go by one name are told so."""
    pd = stack.add(PagerDuty(KEY), lambda p: p.stop())
    first, second = stack.fakemx(), stack.fakemx()
    # the same primary for both, as far as its name goes
    conf = 'alerts { instance = "%s" }\n'
    a = paged(stack, pd, first, conf % "mx.test/a")
    b = paged(stack, pd, first, conf % "mx.test/b")
    for d in (a, b):
        d.wait_state("a.test", "up")
    first.stop()
    wait_for(lambda: len(pd.of("primary_down")) == 2, 20)
    b.stop()  # it sees no end any more
    stack.fakemx(port=first.port)
    wait_for(lambda: len([i for i in pd.of("primary_down") if not i.open]) == 1, 20)
    stays(lambda: len([i for i in pd.of("primary_down") if i.open]) == 1, 1)
    still = [i for i in pd.of("primary_down") if i.open][0]
    assert still.key.startswith("mxwatch/mx.test/b/primary_down/")
    b.start()
    wait_for(lambda: not still.open, 20)
    assert "another mxwatchd" not in a.log() + b.log()
    c = paged(stack, pd, second, conf % "mx.test/a")
    c.wait_log("another mxwatchd on this host also sends its alerts as mx.test/a")


class Smarthost:
    """SMTP within TLS, for one user with a password; what it was given is in `got`."""

    def __init__(self, cert, password):
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*cert)
        self.password = password
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(16)
        self.port = self.sock.getsockname()[1]
        self.got, self.lines = [], []
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.sock.close()

    def _accept(self):
        while True:
            try:
                c = self.tls.wrap_socket(self.sock.accept()[0], server_side=True)
            except OSError:
                return
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        f = c.makefile("rwb")

        def say(text):
            f.write(text.encode() + b"\r\n")
            f.flush()

        say("220 out.test")
        for line in f:
            line = line.decode().rstrip("\r\n")
            self.lines.append(line)
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                say("250-out.test\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                say("334 ")
                user = base64.b64decode(f.readline()).decode().split("\0")[1:]
                say("235 ok" if user == ["pager", self.password] else "535 5.7.8 no")
            elif word == "DATA":
                say("354 go on")
                text = b""
                for more in f:
                    if more == b".\r\n":
                        break
                    text += more
                self.got.append(text)
                say("250 stored")
            elif word == "QUIT":
                say("221 bye")
                c.close()
                return
            else:
                say("250 ok")


@pytest.mark.beside
def test_a_smarthost_with_a_password(stack):
    work = stack.add(Workdir("smarthost"), lambda w: w.remove())
    cert = certificate(work.path, "localhost")
    host = stack.add(Smarthost(cert, "s3cret"), lambda h: h.stop())

    def sections(d):
        return "".join(
            'receiver "%s" { type = "email" smarthost = "smtps://localhost:%d" '
            'to = {"a@ops.test", "b@ops.test"} user = "pager" password_file = "%s" '
            'ca_file = "%s" }\n' % (name, host.port, d.secret(name, word), cert[0])
            for name, word in (("right", "s3cret"), ("wrong", "guess")))
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, start=False)
    d.write(options=sections(d))
    d.start()
    rc, out = d.ctl("alert", "test", "right")
    assert rc == 0 and "accepted" in out, out
    assert len(host.got) == 2
    assert b"\r\nSubject: mx2.backup.test: test of receiver right" in host.got[0]
    assert host.got[0].endswith(b"\r\n-- \r\nmxwatch on mx2.backup.test\r\n")
    assert host.lines.count("RCPT TO:<b@ops.test>") == 2 and "MAIL FROM:<>" in host.lines
    wait_for(lambda: host.lines.count("QUIT") == 2)
    rc, out = d.ctl("alert", "test", "wrong")
    assert rc == 1 and "535" in out, out
    assert len(host.got) == 2
    for word in ("s3cret", "guess"):
        assert word not in d.log()
