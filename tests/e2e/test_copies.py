# SPDX-License-Identifier: ISC
"""What is in a message, for whom it may be; copies of messages as files, and such
files as new messages."""
import glob
import json
import os
import re
import signal
import subprocess

import pytest

from lib.mxwatchd import PLAIN
from lib.smtp import send, send_bytes, text
from lib.wait import wait_for

# What of an envelope a copy keeps.
KEPT = ("sender", "envid", "ret", "helo", "client", "8bit", "smtputf8", "recipients", "size")
DOWN = 'primary = {"127.0.0.1:9"}'


@pytest.fixture
def down(stack):
    d = stack.mxwatchd({"a.test": DOWN, "b.test": DOWN})
    d.wait_state("a.test", "down")
    return d


def raw(d, *words):
    r = d.ctl_run(*words, text=False)
    assert r.returncode == 0, r.stderr
    return r.stdout


def test_what_is_in_a_message(down):
    d = down
    body = "".join("line %d of many, \u00e9\n" % i for i in range(20000))
    sent = text("long", body)
    msg = send_bytes(d.port, sent, "s@sender.test", ["u@a.test", "v@b.test"], args=" BODY=8BITMIME")
    whole = raw(d, "show", msg, "--raw")
    assert whole.startswith(b"Received: ") and whole.endswith(sent)
    header = raw(d, "show", msg, "--headers")
    assert header.endswith(b"Subject: long\r\n\r\n") or header.endswith(b"\r\n\r\n")
    assert header + raw(d, "show", msg, "--body") == whole
    assert raw(d, "show", msg + ".1", "--raw") == whole
    assert d.ctl_run("show", msg, "--raw", "--body").returncode == 2
    assert d.ctl_run("show", "FFFFFF", "--raw").returncode == 1
    assert re.search(r"control verb=show target=%s raw=1 .* rc=0 bytes=%d" % (msg, len(whole)),
                     d.log())


def test_for_whom_it_is(stack):
    d = stack.mxwatchd({"a.test": DOWN}, options="control_content = false")
    d.wait_state("a.test", "down")
    msg = send(d.port, "private")
    for words in (["show", msg, "--headers"], ["show", msg, "--raw"],
                  ["export", msg, os.path.join(d.dir, "out")]):
        r = d.ctl_run(*words)
        assert r.returncode == 1 and "control_content" in r.stderr and "private" not in r.stdout
    assert d.ctl("show", msg)[0] == 0
    d.reload(options="control_content = true")
    assert b"private" in raw(d, "show", msg, "--headers")
    if os.getuid() == 0:  # anybody who may connect, but is neither root nor the daemon
        os.chmod(d.dir, 0o755)
        os.chmod(d.socket, 0o666)
        r = subprocess.run([os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "show", msg,
                            "--raw"], user=65534, capture_output=True, text=True,
                           env=d.environment())
        assert r.returncode == 1 and "only root" in r.stderr and r.stdout == ""


def test_copies_come_back(down, stack):
    d = down
    out = os.path.join(d.dir, "out")
    one = send(d.port, "one", sender="s1@sender.test", rcpts=["u@a.test", "v@a.test"],
               args=" RET=HDRS ENVID=QQ1")
    big = send_bytes(d.port, text("big", "xyz\n" * 200000), "", ["w@b.test"])
    rc, said = d.ctl("export", "--all", out)
    assert rc == 0 and "2 messages written to " in said
    assert sorted(os.listdir(out)) == sorted(i + e for i in (one, big) for e in (".eml", ".json"))
    with open(os.path.join(out, one + ".json"), encoding="utf-8") as f:
        e = json.load(f)
    assert e["sender"] == "s1@sender.test" and e["domain"] == "a.test" and e["body"] == "whole"
    assert [r["address"] for r in e["recipients"]] == ["u@a.test", "v@a.test"]
    assert e["ret"] == "HDRS" and e["envid"] == "QQ1"
    with open(os.path.join(out, big + ".eml"), "rb") as f:
        assert f.read() == raw(d, "show", big, "--raw")
    # the same form as that of what a spool is saved by
    saved = os.path.join(d.dir, "saved")
    d.stop()
    subprocess.run([os.path.join(PLAIN, "mxwatch-salvage"), d.spool, saved], check=True,
                   capture_output=True)
    d.start()
    d.wait_state("a.test", "down")
    with open(glob.glob(os.path.join(saved, "**", one + ".json"), recursive=True)[0],
              encoding="utf-8") as f:
        other = json.load(f)
    assert set(other) == set(e) and set(other["recipients"][0]) == set(e["recipients"][0])
    assert {k: v for k, v in other.items() if k != "recipients"} == {
        k: v for k, v in e.items() if k != "recipients"}
    # never over what is there
    assert d.ctl_run("export", one, out).returncode == 1
    assert d.ctl_run("export", "--sender", "nobody@x.test", out).returncode == 1

    assert d.ctl("remove", "--all", "--purge")[0] == 0
    wait_for(lambda: d.ctl_json("queue")[-1]["messages"] == 0, 10, "the queue is empty")
    files = sorted(glob.glob(os.path.join(out, "*.eml")))
    rc, said = d.ctl("import", *files)
    assert rc == 0 and said.count(": queued as ") == 2
    for i in re.findall(r": queued as (\w+)", said):
        d.wait_log(r"id=%s event=accepted .* imported=yes" % i)
    d.kill9()  # durable before it was said
    d.start()
    d.wait_state("a.test", "down")
    back = {m["domain"]: m for m in d.ctl_json("queue")[:-1]}
    assert back["a.test"]["sender"] == "s1@sender.test" and back["a.test"]["recipients"] == 2
    with open(os.path.join(out, big + ".eml"), "rb") as f:
        assert f.read() == raw(d, "show", back["b.test"]["id"], "--raw")
    assert back["b.test"]["id"] not in (one, big)
    again = os.path.join(d.dir, "again")
    assert d.ctl("export", back["a.test"]["id"], again)[0] == 0
    with open(os.path.join(again, back["a.test"]["id"] + ".json"), encoding="utf-8") as f:
        other = json.load(f)
    assert {k: other[k] for k in KEPT} == {k: e[k] for k in KEPT}


def test_what_is_no_copy(down):
    d = down
    one = send(d.port, "one")
    out = os.path.join(d.dir, "out")
    assert d.ctl("export", one, out)[0] == 0
    eml, beside = (os.path.join(out, one + e) for e in (".eml", ".json"))

    def refused(change, said):
        with open(beside, encoding="utf-8") as f:
            was = f.read()
        e = json.loads(was)
        change(e)
        with open(beside, "w", encoding="utf-8") as f:
            json.dump(e, f)
        r = d.ctl_run("import", eml)
        with open(beside, "w", encoding="utf-8") as f:
            f.write(was)
        assert r.returncode in (1, 2) and said in r.stderr, r.stderr
    refused(lambda e: e.update(sender="no address"), "is not a sender")
    refused(lambda e: e["recipients"][0].update(address="x@stranger.test"), "RCPT would be answered")
    refused(lambda e: e["recipients"][0].update(address="x"), "is not a recipient address")
    refused(lambda e: e["recipients"][0].update(state="delivered"), "all recipients of the message are done")
    refused(lambda e: e.update(body="damaged"), "is damaged")
    assert d.ctl_run("import", beside).returncode == 1
    assert d.ctl_run("import", os.path.join(out, "none.eml")).returncode == 1
    os.unlink(beside)
    assert d.ctl_run("import", eml).returncode == 1
    assert d.ctl_json("queue")[-1]["messages"] == 1


def test_a_reader_that_stops(down):
    """A large message, and nobody takes it: the daemon's memory does not grow."""
    d = down
    msg = send_bytes(d.port, text("big", "x" * 70 + "\n", "") + b"y" * 70 * 400000, "", ["u@a.test"])
    rss = d.rss()
    p = subprocess.Popen([os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "show", msg, "--raw"],
                         env=d.environment(), stdout=subprocess.PIPE)
    try:
        p.stdout.read(100)
        p.send_signal(signal.SIGSTOP)
        send(d.port, "meanwhile")
        assert d.rss() - rss < 16 * 1024 * 1024
    finally:
        p.send_signal(signal.SIGCONT)
        p.stdout.close()
        p.kill()
        p.wait()
