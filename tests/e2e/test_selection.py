# SPDX-License-Identifier: ISC
"""What an operator selects among the messages that are queued, and does with it:
lists, orders, dry runs, the vault; what was said of them; what the log has of it."""
import json
import os
import re
import subprocess

import pytest

from lib.smtp import send, send_bytes, text
from lib.wait import wait_for

DOWN = 'primary = {"127.0.0.1:9"}'


@pytest.fixture
def held(stack):
    """Six messages that wait; the last one is large."""
    d = stack.mxwatchd({"a.test": DOWN, "sub.b.test": DOWN, "b.test": DOWN})
    d.wait_state("a.test", "down")
    ids = {}
    for name, sender, rcpt, size in (
            ("news1", "news+1@list.test", "u@a.test", 0),
            ("news2", "news+2@list.test", "u@sub.b.test", 0),
            ("ada", "ada@c.test", "v@a.test", 0),
            ("report", "", "u@b.test", 0),
            ("bob", "bob@c.test", "w@sub.b.test", 0),
            ("large", "bob@c.test", "u@a.test", 50000)):
        ids[name] = send_bytes(d.port, text(name, "xy\n" * (size // 4 + 1)), sender, [rcpt])
    return d, ids


def found(d, *words):
    answer = d.ctl_json("queue", *words)
    assert answer[-1]["rc"] == 0
    return [m["id"] for m in answer[:-1]], answer[-1]


def test_what_fits(held):
    d, ids = held
    for words, names in (
            (["--sender", "news*@list.test"], ["news1", "news2"]),
            (["--recipient", "*@sub.b.test"], ["news2", "bob"]),
            (["--client", "127.0.0.0/8"], list(ids)),
            (["--client", "192.0.2.0/24"], []),
            (["--state", "deferred"], list(ids)),
            (["--state", "held,active"], []),
            (["--larger", "40K"], ["large"]),
            (["--smaller", "40K", "--sender", "bob@c.test"], ["bob"]),
            (["--younger", "1h", "--sender", ""], ["report"]),
            (["--older", "1h"], []),
            (["*.b.test"], ["news2", "bob"]),
            (["*.b.test", "--sender", "bob*"], ["bob"]),
            (["a.test", "--sender", "bob*"], ["large"])):
        assert found(d, *words)[0] == [ids[n] for n in names], words
    rc, out = d.ctl("queue", "--count", "--sender", "news*")
    assert rc == 0 and re.fullmatch(r"2 messages, [0-9.]+[KM]?\n", out), out
    assert d.ctl_run("queue", "--state", "gone").returncode == 2
    assert d.ctl_run("queue", "--client", "nowhere").returncode == 2


def test_sorted_and_limited(held):
    d, ids = held
    got, done = found(d, "--sort", "size", "--limit", "1")
    assert got == [ids["large"]] and done["messages"] == 6 and done["shown"] == 1
    assert found(d, "--sort", "age", "--reverse")[0] == list(reversed(list(ids.values())))
    domains = [m["domain"] for m in d.ctl_json("queue", "--sort", "domain")[:-1]]
    assert domains == sorted(domains)
    got, done = found(d, "--limit", "2")
    assert got == [ids["news1"], ids["news2"]] and done["messages"] == 6
    assert "2 of them shown" in d.ctl("queue", "--limit", "2")[1]


def audit(d, verb):
    return re.findall(r"notice control verb=%s (.*)" % verb, d.log())


def lives(d):
    return {m["id"]: round((m["expiry"] - m["arrival"]) / 86400)
            for m in d.ctl_json("queue")[:-1]}


def test_orders(held):
    d, ids = held
    rc, out = d.ctl("remove", "--sender", "news*", "--dry-run")
    assert rc == 0 and "would remove 2 messages" in out and ids["news2"] in out
    assert found(d)[1]["messages"] == 6 and audit(d, "remove") == []

    rc, out = d.ctl("remove", "--sender", "news*", "--reason", "ticket 7")
    assert rc == 0 and out.startswith("removed 2 messages, "), out
    assert re.search(r"; next expiry in (30d|29d23h) \((a|b|sub\.b)\.test\)$", out.strip()), out
    wait_for(lambda: found(d)[1]["messages"] == 4, 10, "two are gone")
    line, = audit(d, "remove")
    assert 'sender=news*' in line and 'reason="ticket 7"' in line
    assert "uid=" in line and "rc=0 messages=2 selected=2" in line

    assert "held 1 message for *.b.test" in d.ctl("hold", "*.b.test")[1]
    assert found(d, "--state", "held")[0] == [ids["bob"]]
    assert d.ctl("release", "--all")[0] == 0
    assert found(d, "--state", "held")[0] == []

    rc, out = d.ctl("extend", "*.test", "+7d")
    assert rc == 0 and "extended 4 messages for *.test (3 domains)" in out, out
    assert all(m["expiry"] - m["arrival"] > 36 * 86400 for m in d.ctl_json("queue")[:-1])

    rc, out = d.ctl("extend", "--sender", "bob@c.test", "+3d", "--dry-run")
    assert rc == 0 and "would extend 2 messages, " in out and ids["large"] in out, out
    rc, out = d.ctl("extend", "--sender", "bob@c.test", "+3d")
    assert rc == 0 and out.startswith("extended 2 messages, ") and "; next expiry in " in out, out
    rc, out = d.ctl("extend", ids["large"], "+1d")
    assert rc == 0 and out.startswith("extended 1 message for " + ids["large"]), out
    assert "would hold 1 message" in d.ctl("hold", ids["ada"], "--dry-run")[1]
    days = {ids["ada"]: 37, ids["report"]: 37, ids["bob"]: 40, ids["large"]: 41}
    assert lives(d) == days
    d.stop()
    d.start()
    wait_for(lambda: lives(d) == days, 10, "the additions are known after a restart")

    for words in (["bounce"], ["remove"], ["bounce", "*"], ["remove", "*", "--purge"]):
        assert d.ctl_run(*words).returncode == 2, words
    assert found(d)[1]["messages"] == 4
    assert d.ctl_run("bounce", "a.test", "--larger", "1G").returncode == 1
    assert d.ctl("bounce", "a.test", "--larger", "40K")[0] == 0
    wait_for(lambda: ids["large"] not in found(d, "a.test")[0], 10, "it was given back")
    assert d.ctl("remove", "--all")[0] == 0
    wait_for(lambda: found(d)[1]["messages"] == 0, 10, "the queue is empty")


def test_replay_of_what_fits(held):
    d, ids = held
    assert d.ctl("remove", "--all")[0] == 0
    wait_for(lambda: d.ctl_json("vault")[-1]["messages"] == 6, 10, "all are in the vault")
    assert [m["id"] for m in d.ctl_json("vault", "--sender", "news*")[:-1]] == [
        ids["news1"], ids["news2"]]
    assert d.ctl_run("replay").returncode == 2
    assert d.ctl_json("replay", "*.b.test", "--sender", "news*", "--dry-run")[-1]["messages"] == 1
    assert d.ctl_json("replay", "*.b.test", "--sender", "news*")[-1]["messages"] == 1
    assert found(d)[0] == [ids["news2"]], "one is back"
    rc, out = d.ctl("replay", ids["ada"])
    assert rc == 0, out
    assert re.search(r"\n1 message, .*, queued again; next expiry in (30d|29d23h) \(a\.test\)\n$", out), out
    assert d.ctl_json("replay", "--all")[-1]["messages"] == 4
    wait_for(lambda: len(found(d)[0]) == 6, 10, "all are back")


def test_what_was_said(stack):
    mx = stack.fakemx(misbehave=["say-rcpt=452 4.2.2 Mailbox full", "except=postmaster@a.test"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    msg = send(d.port, "full", rcpts=["u@a.test"])
    wait_for(lambda: found(d, "--reply", "452")[0] == [msg], 20, "it was refused")
    m = d.ctl_json("queue")[0]
    assert m["code"] == 452 and m["enhanced"] and m["reply"]
    assert found(d, "--reply", "550")[0] == []
    for verb in (["show", msg], ["why", msg], ["mailq"]):
        assert re.search(r"452 4\.\d\.\d ", " ".join(d.ctl(*verb)[1].split())), verb
    assert re.search(r"\(host \S+ said: 452 4", d.ctl("mailq")[1])


def test_ages(held):
    d, _ = held
    rc, out = d.ctl("ages")
    assert rc == 0
    rows = {r[0]: r[1:] for r in (line.split() for line in out.splitlines())}
    assert rows["DOMAIN"][0] == "T" and rows["TOTAL"][:2] == ["6", "6"]
    assert rows["a.test"][:2] == ["3", "3"] and rows["sub.b.test"][:2] == ["2", "2"]
    assert all(len(line) <= 79 for line in out.splitlines())
    assert d.ctl_json("ages", "b.test")[0]["messages"] == 1
    assert d.ctl_run("ages", "nowhere.test").returncode == 1


def ctl(d, *words):
    return subprocess.run([os.path.join(d.build, "mxwatchctl"), *words], capture_output=True,
                          text=True, env=d.environment())


def completed(d, *words):
    """What bash proposes for the last word."""
    script = ". watchd/control/mxwatchctl; COMP_WORDS=(mxwatchctl \"$@\"); COMP_CWORD=$#; " \
        "_mxwatchctl; printf '%s\\n' \"${COMPREPLY[@]}\""
    return subprocess.run(["bash", "-c", script, "bash", *words], cwd=d.build, check=True,
                          capture_output=True, text=True).stdout.split()


def test_help_and_completion(stack):
    d = stack.mxwatchd({"a.test": DOWN}, start=False)
    verbs = completed(d, "help", "")
    assert {"status", "queue", "bounce", "cluster"} <= set(verbs)
    assert set(verbs) <= set(completed(d, ""))
    for verb in verbs:
        r = ctl(d, "help", verb)
        assert r.returncode == 0 and "usage: mxwatchctl %s" % verb in r.stdout
        said = set(re.findall(r"^  (--[a-z-]+)", r.stdout, re.M))
        assert said == {w for w in completed(d, verb, "--") if w.startswith("--")}, verb
    assert completed(d, "bounce", "--se") == ["--sender"]
    assert completed(d, "queue", "--state", "") == ["deferred", "active", "held"]
    assert ctl(d, "help").returncode == 0 and ctl(d, "help", "nothing").returncode == 2


def test_events(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port, "b.test": DOWN})
    d.wait_state("a.test", "down")
    send(d.port, "waits")
    p = subprocess.Popen([os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "events",
                          "a.test", "--follow", "--json"], env=d.environment(),
                         stdout=subprocess.PIPE, text=True)
    try:
        seen = []

        def until(what, text):
            while not (seen and seen[-1]["what"] == what and text in seen[-1]["text"]):
                seen.append(json.loads(p.stdout.readline()))
                assert seen[-1]["domain"] == "a.test"
        until("state", "unknown -> down")
        mx.start()
        until("flush", "flush of 1 messages started (recovery)")
        until("state", "-> up")
        assert any(e["what"] == "flush" and "flush finished" in e["text"] for e in seen)
        assert d.ctl("hold", "a.test", "--reason", "test")[0] == 0
        until("operator", "hold a.test by uid")
    finally:
        p.kill()
        p.stdout.close()
        p.wait()
    out = d.ctl("events")[1]
    assert " primary " in out and "b.test" in out and " operator " in out


def test_events_outlive_a_restart(stack):
    d = stack.mxwatchd({"b.test": DOWN})
    d.wait_state("b.test", "down")
    assert d.ctl("hold", "b.test", "--reason", "test")[0] == 0
    before = d.ctl_json("events")[:-1]
    d.stop()
    d.start()
    after = d.ctl_json("events")[:-1]
    assert after[:len(before)] == before, "at the end all was written"
    numbers = [e["number"] for e in after]
    assert numbers == list(range(1, len(after) + 1))
    assert any(e["what"] == "start" for e in after[len(before):])
    # and of a kill: what was written within ten seconds
    wait_for(lambda: '"number":%d,' % numbers[-1] in open(os.path.join(d.spool, "events")).read(),
             30, "the file has the last one")
    d.kill9()
    d.start()
    assert d.ctl_json("events")[:len(after)] == after
