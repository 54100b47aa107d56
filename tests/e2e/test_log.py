# SPDX-License-Identifier: ISC
"""Did Ada get it? The log answers by her address, by the id and by the Message-ID:
what was accepted, each attempt, and the end."""
import json
import re
import shutil
import subprocess
import time

import pytest

from lib import logfmt
from lib.smtp import Raw, queue_id, send, send_bytes, stuff
from lib.wait import wait_for

MESSAGE = (b"From: s@sender.test\r\nMessage-ID:\r\n <%s@sender.test>\r\nSubject: x\r\n\r\n"
           b"Message-ID: <no@header.test>\r\n")
TWICE = {"busy@a.test": "451 4.2.2 <busy@a.test> is full", "bad@a.test": "550 5.1.1 no bad here"}


@pytest.fixture(scope="module")
def world(module_stack):
    class World:
        pass
    w, s = World(), module_stack
    w.pf = s.primary(["a.test"])
    w.pf.set_access(TWICE)
    w.d = s.mxwatchd(
        {"a.test": 'primary = {"127.0.0.1:%d"}' % w.pf.port,
         "dark.test": 'primary = {"127.0.0.1:9"}',
         "short.test": 'primary = {"127.0.0.1:9"}\nlifetime = "1s"'},
        options="log { recipients = yes }", dsn='smarthost = "127.0.0.1:9"')
    w.d.wait_state("a.test", "up")
    w.d.wait_state("dark.test", "down")
    return w


def of(d, i, **want):
    return logfmt.lines(d.log(), id=i, **want)


def ended(d, i, n=1):
    return wait_for(lambda: of(d, i, event="end")[n - 1:], 15, "the end of " + i)[0]


def told(name):
    return {"message_id": "<%s@sender.test>" % name.decode(), "from": "s@sender.test"}


def has(line, **want):
    got = {k: line.get(k) for k in want}
    assert got == want
    return True


def post(d, name, rcpts, args=""):
    return send_bytes(d.port, MESSAGE % name, rcpts=rcpts, args=args)


def test_each_recipient_has_his_lines_and_the_message_one_end(world):
    d = world.d
    i = post(d, b"three", ["good@a.test", "busy@a.test", "bad@a.test"])
    got = wait_for(lambda: of(d, i, event="attempt")[:3] if
                   len(of(d, i, event="attempt")) >= 3 else None, 10, "attempts")
    want = {"good@a.test": ("delivered", "250", "2.0.0"), "busy@a.test": ("deferred", "451", "4.2.2"),
            "bad@a.test": ("failed", "550", "5.1.1")}
    assert {x["to"]: (x["status"], x["code"], x["dsn"]) for x in got} == want
    accepted = of(d, i, event="accepted")
    assert [x["to"] for x in accepted] == ["good@a.test", "busy@a.test", "bad@a.test"]
    for x in accepted:
        has(x, nrcpts="3", client="127.0.0.1", **{"@module": "smtpd"}, **told(b"three"))
    for x in got:
        has(x, domain="a.test", nexthop="127.0.0.1:%d" % world.pf.port, phase="eod",
            **{"@module": "deliver"}, **told(b"three"))
        assert not {"orig_to", "host"} & set(x)
    assert "busy@a.test" in next(x["reply"] for x in got if x["to"] == "busy@a.test")
    # The one that waits is tried again alone; nobody else has a line twice.
    wait_for(lambda: len(of(d, i, event="attempt")) >= 4, 10, "the second try")
    again = of(d, i, event="attempt")[3:]
    assert {x["to"] for x in again} == {"busy@a.test"}
    assert not of(d, i, event="end")
    world.pf.set_access({})
    end = ended(d, i)
    has(end, status="partial", nrcpts="3", delivered="2", failed="1", expired="0", removed="0",
        domain="a.test", **told(b"three"))
    assert "to" not in end
    world.pf.set_access(TWICE)
    # What the sender was told is a message of ours, with lines of its own.
    report = logfmt.lines(d.log(), event="accepted", reports=i)
    assert len(report) == 1
    has(report[0], **{"from": "", "to": "s@sender.test", "action": "failed", "@module": "bounce"})
    assert report[0]["id"] != i


def test_delays_are_seconds_and_add_up(world):
    d = world.d
    with Raw(d.port) as c:
        c.begin(rcpt="slow@a.test")
        c.ok("DATA", "354")
        time.sleep(0.3)  # it is the client that takes its time
        c.send(stuff(MESSAGE % b"slow"))
        i = queue_id(c.reply())
    line = wait_for(lambda: of(d, i, event="attempt"), 10, "an attempt")[0]
    parts = [float(x) for x in line["delays"].split("/")]
    assert len(parts) == 4 and min(parts) >= 0
    assert abs(sum(parts) - float(line["delay"])) < 0.01
    assert parts[0] >= 0.3
    assert float(ended(d, i)["delay"]) >= float(line["delay"])  # counted from the same moment


def test_the_address_that_the_sender_wrote(world):
    i = send_bytes(world.d.port, MESSAGE % b"orig", rcpts=["ada@a.test"],
                   rcpt_args=" ORCPT=rfc822;lovelace@old.test")
    j = send_bytes(world.d.port, MESSAGE % b"same", rcpts=["bob@a.test"],
                   rcpt_args=" ORCPT=rfc822;bob@a.test")
    ended(world.d, i)
    ended(world.d, j)
    for event in ("accepted", "attempt", "end"):
        has(of(world.d, i, event=event)[0], to="ada@a.test", orig_to="lovelace@old.test")
        has(of(world.d, j, event=event)[0], to="bob@a.test", orig_to=None)


def test_what_expires(world):
    d = world.d
    i = post(d, b"old", ["u@short.test", "v@short.test"])
    has(ended(d, i), status="expired", nrcpts="2", expired="2", **told(b"old"))
    gone = of(d, i, event="given_up")
    assert {x["to"] for x in gone} == {"u@short.test", "v@short.test"} and len(gone) == 2
    for x in gone:
        has(x, status="expired", domain="short.test", **told(b"old"))
        assert float(x["delay"]) >= 1


@pytest.mark.parametrize("verb,status", [(["bounce"], "failed"), (["remove"], "removed"),
                                         (["remove", "--purge"], "removed")])
def test_what_an_operator_ends(world, verb, status):
    d = world.d
    i = post(d, b"ended", ["u@dark.test"])
    assert d.ctl(*verb, i)[0] == 0
    has(ended(d, i), status=status, to="u@dark.test", vault="no" if len(verb) > 1 else "yes")
    gone = of(d, i, event="given_up")
    assert len(gone) == 1
    has(gone[0], status=status, to="u@dark.test", **{"from": "s@sender.test"})


def test_each_message_has_one_end(world):
    """Whatever became of it: all that was accepted and is not queued."""
    d = world.d
    queued = {m["id"] for m in d.ctl_json("queue") if "id" in m}
    taken = {x["id"] for x in logfmt.lines(d.log(), event="accepted")} - queued
    wait_for(lambda: {x["id"] for x in logfmt.lines(d.log(), event="end")} >= taken, 10, "ends")
    ends = [x["id"] for x in logfmt.lines(d.log(), event="end")]
    assert len(ends) == len(set(ends)) and len(taken) >= 7


def test_nothing_is_said_twice(world):
    """A host that nobody is at has one line for each attempt to reach it."""
    d = world.d
    before = len(logfmt.lines(d.log(), event="connect_failed"))
    d.wait_log(r"domain=sender\.test host=127.0.0.1:9 .*event=connect_failed")
    got = logfmt.lines(d.log(), event="connect_failed")
    assert {x["@module"] for x in got} == {"deliver"} and len(got) >= max(before, 1)
    lines = [x.split(" ", 1)[1] for x in d.log().splitlines()
             if "event=attempt" in x or "event=end" in x or "event=accepted" in x]
    assert len(lines) == len(set(lines))


GROK = """program {
  load-patterns: "/usr/share/grok/patterns/base"
  load-patterns: "contrib/grok/mxwatch"
  exec "cat %s"
  match { pattern: "%%{%s}" reaction: "%%{@JSON}" shell: "stdout" }
}
"""


@pytest.mark.skipif(not shutil.which("grok"), reason="no grok: Debian 13 does not have it")
@pytest.mark.parametrize("event", ["accepted", "attempt", "given_up", "end"])
def test_grok_reads_them_all(world, event, tmp_path):
    """contrib/grok, by grok: each line of the kind, and each of its fields."""
    lines = [x for x in world.d.log().splitlines() if " event=%s " % event in x
             and " flush " not in x]
    (tmp_path / "lines").write_text("".join(x + "\n" for x in lines))
    (tmp_path / "conf").write_text(GROK % (tmp_path / "lines", "MXWATCH_" + event.upper()))
    out = subprocess.run(["grok", "-f", tmp_path / "conf"], capture_output=True, text=True,
                         timeout=60, check=True).stdout.splitlines()
    assert len(out) == len(lines) > 0
    for line, got in zip(lines, out):
        pairs = json.loads(got, object_pairs_hook=list)
        found = {k.split(":")[1]: v for k, v in pairs if ":" in k and v != ""}
        want = logfmt.parse(line)
        if "delays" in want:
            names = ["delay_" + x for x in ("receive", "wait", "connect", "send")]
            want.update(zip(names, want.pop("delays").split("/")))
        assert found.pop("time") and want.pop("event") == event
        found = {"@" + k if k in ("level", "module") else k: v for k, v in found.items()}
        assert {k: logfmt.value(v) for k, v in found.items()} == want


def test_without_recipients(stack):
    """log { recipients = no }: no local part of theirs, in whatever line, also when a
    server or an operator says it; and it holds from the next reload on."""
    pf = stack.primary(["a.test"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % pf.port,
                        "dark.test": 'primary = {"127.0.0.1:9"}'},
                       options="log { recipients = no }", dsn='smarthost = "127.0.0.1:9"')
    pf.set_access({"hidden@a.test": "550 5.1.1 no hidden <hidden@a.test> here"})
    d.wait_state("a.test", "up")
    with Raw(d.port) as c:
        c.begin(rcpt="secret@a.test")
        assert c.cmd("RCPT TO:<nosuch@elsewhere.test>").startswith("5")
    i = send_bytes(d.port, MESSAGE % b"masked", rcpts=["secret@a.test", "hidden@a.test"],
                   rcpt_args=" ORCPT=rfc822;covert@old.test")
    end = ended(d, i)
    has(end, status="partial", delivered="1", failed="1")
    j = send(d.port, "x", rcpts=["covert@dark.test"])
    assert d.ctl("remove", j)[0] == 0
    assert d.ctl("purge", "covert@dark.test")[0] == 0
    has(ended(d, j), to="*@dark.test")
    got = of(d, i, event="attempt")
    assert {(x["to"], x["orig_to"]) for x in got} == {("*@a.test", "*@old.test")}
    assert {x["code"] for x in got} == {"250", "550"}
    log = d.log()
    assert not re.findall(r".*(?:secret|hidden|covert|nosuch).*", log)
    assert d.reload(options="log { recipients = yes }")[0] == 0
    send_bytes(d.port, MESSAGE % b"shown", rcpts=["secret@a.test"])
    d.logged("to=secret@a.test")
