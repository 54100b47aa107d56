# SPDX-License-Identifier: ISC
"""mxwatchctl: every verb for people and as JSON, exit codes, and clients of
the control socket that mean no good. C11, E20."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from lib.smtp import Raw, send, stuff, subjects, text
from lib.wait import STALL, stays, wait_for


@pytest.fixture(scope="module")
def held(module_stack):
    """Three messages that wait, the primary being down."""
    mx = module_stack.fakemx(start=False)
    d = module_stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port,
                               "b.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    d.wait_state("b.test", "down")
    ids = [send(d.port, "m%d" % i, sender="s%d@sender.test" % i, rcpts=["u@a.test", "v@a.test"])
           for i in range(2)]
    ids.append(send(d.port, "for b", sender="", rcpts=["u@b.test"]))
    return d, mx, ids


def test_status(held):
    d, mx, _ = held
    rc, out = d.ctl("status")
    assert rc == 0 and "a.test" in out and "down" in out and "b.test" in out
    assert "127.0.0.1:%d" % mx.port in d.ctl("status", "a.test")[1]
    s = d.ctl_json("status")
    assert s[-1]["done"] is True and s[-1]["rc"] == 0
    doc = s[0]
    assert [x["domain"] for x in doc["domains"]] == ["a.test", "b.test"]
    assert doc["domains"][0]["state"] == "down"
    assert [x["domain"] for x in d.ctl_json("status", "A.TEST")[0]["domains"]] == ["a.test"]
    assert d.ctl_run("status", "nowhere.test").returncode in (1, 2)


def test_queue(held):
    d, _, ids = held
    rc, out = d.ctl("queue")
    assert rc == 0 and all(i in out for i in ids)
    rc, out = d.ctl("queue", "b.test")
    assert ids[2] in out and ids[0] not in out
    got = d.ctl_json("queue", "a.test")
    assert got[-1]["messages"] == 2 and got[-1]["bytes"] > 0
    m = got[0]
    assert m["id"] == ids[0] and m["sender"] == "s0@sender.test" and m["state"] == "deferred"
    assert m["recipients"] == 2 and m["attempts"] == 0 and m["dsn"] is False
    assert abs(m["arrival"] - time.time()) < 60 and m["expiry"] - m["arrival"] == pytest.approx(
        30 * 86400, abs=2)
    assert [m["arrival"] for m in d.ctl_json("queue")[:-1]] == sorted(
        m["arrival"] for m in d.ctl_json("queue")[:-1])


def test_queue_of_whom(held):
    d, _, ids = held

    def found(*words):
        answer = d.ctl_json("queue", *words)
        assert answer[-1]["rc"] == 0
        return [m["id"] for m in answer[:-1]]
    assert found("--sender", "S1@sender.test") == [ids[1]]
    assert found("--sender", "") == [ids[2]]
    assert found("--recipient", "V@a.test") == ids[:2]
    assert found("--recipient", "u@b.test", "--sender", "s1@sender.test") == []
    assert found("b.test", "--recipient", "v@a.test") == []
    assert found("--older", "1h") == []
    assert sorted(found("--older", "1ms")) == sorted(ids)
    assert d.ctl_run("queue", "--older", "soon").returncode == 2
    assert d.ctl_run("mailq", "--sender", "").returncode == 2


def test_show(held):
    d, _, ids = held
    rc, out = d.ctl("show", ids[0])
    assert rc == 0 and "u@a.test" in out and "s0@sender.test" in out
    m = d.ctl_json("show", ids[0])[0]
    assert [r["address"] for r in m["rcpts"]] == ["u@a.test", "v@a.test"]
    assert m["helo"] == "client.test" and "127.0.0.1" in m["client"]
    assert d.ctl_run("show", "ABCDEF123").returncode == 1
    assert d.ctl_run("show", "no-id").returncode == 2
    assert d.ctl_run("show").returncode == 2


def test_mailq_is_shaped_as_postfix_prints_it(held):
    d, _, ids = held
    rc, out = d.ctl("mailq")
    assert rc == 0
    lines = out.splitlines()
    assert re.match(r"-+Queue ID-+ +--Size-- -+Arrival Time-+ -Sender/Recipient-+$", lines[0])
    entries = [x for x in lines if re.match(
        r"[0-9A-F]{6,}(\.\d+)?[*! ]? +\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d +\S+$", x)]
    assert len(entries) == 3, out
    assert "MAILER-DAEMON" in out
    assert sum(1 for x in lines if re.match(r"\s+u@[ab]\.test$", x)) == 3
    assert re.match(r"-- \d+ Kbytes in 3 Requests\.$", lines[-1])


def test_why(held):
    d, mx, ids = held
    rc, out = d.ctl("why", "a.test")
    assert rc == 0 and re.search("down", out)
    for subject, kind in (("a.test", "domain"), (ids[0], "message"), ("u@a.test", "address")):
        got = d.ctl_json("why", subject)[0]
        assert got["kind"] == kind and got["explain"], subject
    assert d.ctl_json("why", "u@a.test")[0]["rcpt"].startswith("250")
    assert d.ctl_json("why", "u@other.test")[0]["rcpt"].startswith("554 5.7.1")
    assert d.ctl_run("why", "ABCDEF123").returncode != 0


def test_stats_are_the_metrics(held):
    d, _, _ = held
    rc, out = d.ctl("stats")
    assert rc == 0 and "queue_messages" in out
    got = {(s["name"], tuple(sorted(s["labels"].items()))): s for s in d.ctl_json("stats")[:-1]}
    m = d.metrics()
    names = {n for n, _ in got}
    prefix = "mxwatch_" if any(n.startswith("mxwatch_") for n in names) else ""
    key = (prefix + "queue_messages", (("domain", "a.test"), ("state", "deferred")))
    assert got[key]["value"] == m.get("queue_messages", domain="a.test", state="deferred") == 2


def test_probe(held):
    d, mx, _ = held
    r = d.ctl_run("probe", "a.test", "--json")
    assert r.returncode == 1, "none is healthy"
    lines = [json.loads(x) for x in r.stdout.splitlines()]
    assert lines[-1]["primaries"] == 1 and lines[-1]["healthy"] == 0
    assert d.ctl_run("probe", "nowhere.test").returncode in (1, 2)


def test_hold_and_release(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port,
                        "b.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    d.wait_state("b.test", "down")
    one = send(d.port, "one")
    send(d.port, "two")
    send(d.port, "bee", rcpts=["u@b.test"])
    assert d.ctl("hold", one, "--reason", "looks odd")[0] == 0
    assert d.ctl("hold", "b.test", "--reason", "moving")[0] == 0
    assert d.metrics().get("queue_messages", domain="a.test", state="held") == 1
    d.wait_log(r"reason=.*looks odd")
    d.restart()  # holds are durable
    mx.start()
    wait_for(lambda: subjects(m.data for m in mx.messages) == ["two"], 15)
    d.wait_state("b.test", "up")
    stays(lambda: len(mx.messages) == 1, 1.5, "what is held does not go")
    assert "on hold" in d.ctl_json("flush", "b.test", rc=1)[-1]["error"]
    assert len(mx.messages) == 1
    assert d.ctl("release", one)[0] == 0
    wait_for(lambda: "one" in subjects(m.data for m in mx.messages), 10)
    assert d.ctl("release", "b.test")[0] == 0
    wait_for(lambda: len(mx.messages) == 3, 10)


def test_hold_keeps_the_age_and_expires_nothing_twice(held):
    d, _, ids = held
    before = d.ctl_json("show", ids[1])[0]
    d.ctl("hold", ids[1])
    assert d.ctl_json("show", ids[1])[0]["state"] == "held"
    d.ctl("release", ids[1])
    after = d.ctl_json("show", ids[1])[0]
    assert after["state"] == "deferred" and after["arrival"] == before["arrival"]
    assert after["expiry"] == before["expiry"]


def test_case_E20_flush_while_down_is_a_canary_at_most(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    for i in range(20):
        send(d.port, "m%d" % i)
    r = d.ctl_run("flush", "a.test", "--json", timeout=30)
    assert r.returncode in (0, 1)
    wait_for(lambda: d.metrics().get("flush_in_progress", domain="a.test") == 0, 15)
    m = d.metrics()
    assert m.get("delivery_attempts_total", domain="a.test") <= 2
    assert m.queued("a.test") == 20
    mx.start()
    d.wait_empty("a.test")
    assert len(mx.messages) == 20


def test_flush_of_nothing_and_of_nobody(held):
    d, _, _ = held
    assert d.ctl_run("flush", "nowhere.test").returncode != 0
    assert d.ctl_run("flush").returncode == 2
    assert d.ctl_run("flush", "--all", "a.test").returncode == 2
    out = d.ctl_json("flush", "--all", "--dry-run")
    assert out[-1]["messages"] == 3 and out[-1]["domains"] == 2


@pytest.mark.parametrize("args", [
    ["nonsense"], [], ["extend", "a.test"], ["extend", "a.test", "7 days"],
    ["extend", "a.test", "-7d"], ["hold"], ["queue", "a.test", "b.test"], ["--nonsense", "status"],
    ["queue", "not a domain"]])
def test_usage_errors_end_with_2(held, args):
    d, _, _ = held
    r = d.ctl_run(*args)
    assert r.returncode == 2 and r.stderr, (r.returncode, r.stdout, r.stderr)


def test_no_daemon_is_an_error_that_names_the_socket(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'})
    d.stop()
    r = d.ctl_run("status")
    assert r.returncode == 1 and d.socket in r.stderr
    assert not os.path.exists(d.socket), "the socket is removed"


def test_the_socket_is_found_through_the_configuration(held):
    d, _, _ = held
    r = subprocess.run([os.path.join(d.build, "mxwatchctl"), "-c", d.conf, "status"],
                       env=d.environment(), stdout=subprocess.PIPE, text=True)
    assert r.returncode == 0 and "a.test" in r.stdout
    assert os.stat(d.socket).st_mode & 0o7 == 0, "not for everybody"


REQUESTS = {
    "no JSON": b"flush a.test\n", "no verb": b"{}\n", "unknown verb": b'{"verb":"x"}\n',
    "array": b"[1,2]\n", "unknown field": b'{"verb":"status","evil":1}\n',
    "wrong type": b'{"verb":"flush","domain":7}\n', "two targets":
    b'{"verb":"hold","domain":"a.test","id":"ABCDEF12"}\n', "null": b"null\n", "empty": b"\n",
    "deep": b"[" * 60000 + b"\n", "NUL": b'{"verb":"status"}\0\n',
    "huge number": b'{"verb":"extend","domain":"a.test","add":"' + b"9" * 400 + b'd"}\n',
    "binary": bytes(range(128, 256)) + b"\n", "twice": b'{"verb":"x","verb":"status"}\n',
}


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_hostile_requests_get_an_error(held, name):
    d, _, _ = held
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(d.socket)
        s.sendall(REQUESTS[name])
        got = b""
        while not got.endswith(b"\n"):
            data = s.recv(65536)
            if not data:
                break
            got += data
    if name in ("twice", "NUL") and b'"rc":0' in got:
        return
    last = json.loads(got.splitlines()[-1])
    assert last["done"] is True and last["rc"] == 2 and last["error"]


def test_a_line_without_end_is_cut_off(held):
    d, _, _ = held
    rss = d.rss()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(d.socket)
        try:
            for _ in range(500):
                s.sendall(b"x" * 65536)
        except OSError:
            pass
    assert d.rss() - rss < 16 * 1024 * 1024
    assert d.ctl("status")[0] == 0


def test_more_clients_than_places(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, options="control_clients = 4")
    held = []
    for _ in range(4):
        s = socket.socket(socket.AF_UNIX)
        s.connect(d.socket)
        held.append(s)
    send(d.port, "mail goes on")
    r = d.ctl_run("status", timeout=10)
    assert r.returncode == 1 and r.stderr
    for s in held:
        s.close()
    wait_for(lambda: d.ctl_run("status").returncode == 0, 5)


def test_case_C11_a_stopped_client_hurts_nobody(stack):
    """mxwatchctl queue, stopped in the middle of a long list: mail, other
    clients and memory do not notice."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        for i in range(1500):
            c.send("MAIL FROM:<s@sender.test>\r\nRCPT TO:<u@a.test>\r\nDATA\r\n")
            c.reply(), c.reply(), c.reply()
            c.send(stuff(text("m%d" % i)))
            assert c.reply().startswith("250")
    p = subprocess.Popen([os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "queue", "--json"],
                         env=d.environment(), stdout=subprocess.PIPE)
    try:
        p.stdout.read(100)
        p.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        send(d.port, "meanwhile")
        assert d.ctl("status")[0] == 0
        assert time.monotonic() - begin < 3
        mx.start()
        d.wait_empty("a.test", 60)
        assert len(mx.messages) == 1501
        assert d.metrics().get("event_loop_lag_seconds") < STALL
    finally:
        p.send_signal(signal.SIGCONT)
        p.stdout.close()
        p.kill()
        p.wait()
    d.ctl_run("status")


def test_peer_text_cannot_steer_a_terminal(stack):
    mx = stack.fakemx(misbehave=["mail-451"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    with Raw(d.port) as c:
        c.send(b"EHLO \x1b[31mx\r\n")
        c.reply()
        c.ok("EHLO x.test")
        c.send(b'MAIL FROM:<"\x1b]0;x\x07"@sender.test>\r\n')
        c.reply()
        c.send(b"MAIL FROM:<s@sender.test>\r\n")
        c.reply()
        c.cmd("RCPT TO:<u@a.test>")
        c.cmd("DATA")
        c.send(b"Subject: \x1b[31m\r\n\r\n\x1b[31m\r\n.\r\n")
        c.reply()
    for verb in (["queue"], ["mailq"], ["status"], ["why", "a.test"]):
        r = d.ctl_run(*verb, text=False)
        assert b"\x1b" not in r.stdout, verb
    assert "\x1b" not in d.log()
