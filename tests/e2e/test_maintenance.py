# SPDX-License-Identifier: ISC
"""Maintenance windows: who patches a primary at night is not paged for it, mail waits
or flows as he asked, what expires is told all the same, and what is still wrong at the
end is told then, with its real begin."""
import json
import re
import time

import pytest

from lib.smtp import send_bytes, text
from lib.wait import stays, wait_for

QUICK = 'group_wait = "0s" group_interval = "1s" timeout = "2s"'
DOWN = 'alert "primary_down" { warn = "0s" for = "0s" clear = "0s" }\n'
EXPIRED = 'alert "mail_expired" { for = "0s" clear = "0s" }\n'


def receiver(hook):
    return 'receiver "hook" { type = "webhook" url = {"%s/hook"} %s }\n' % (hook.url, QUICK)


def mail(d, n=1, domain="a.test"):
    for i in range(n):
        send_bytes(d.port, text("m%d" % i), rcpts="u%d@%s" % (i, domain))


def told(hook):
    """[(status, alert, domain)] in the order in which they came."""
    return [(a["status"], b["groupLabels"]["alertname"], a["labels"].get("domain", ""))
            for b in hook.bodies() for a in b["alerts"]]


def windows(d):
    return [w for w in d.ctl_json("maintenance") if "id" in w and "from" in w and "done" not in w]


def primary_of(mx):
    return "127.0.0.1:%d" % mx.port


def domain_of(d, name="a.test"):
    d.refresh(name)
    return next(x for x in d.status()["domains"] if x["domain"] == name)


def in_window(d, hold, name="a.test"):
    def there():
        m = domain_of(d, name)["maintenance"]
        return m is not None and m["hold"] == hold
    wait_for(there, 10, "%s is in a window" % name)


@pytest.mark.beside
def test_a_night_of_patches(stack):
    """A real Postfix is stopped and started in a window that holds mail; the daemon is
    killed in the middle of it. Nobody hears of it, and at the end all mail goes."""
    hook = stack.fakehook()
    pf = stack.primary()
    d = stack.mxwatchd({"a.test": 'primary = {"%s"}' % primary_of(pf)},
                       options=receiver(hook) + DOWN)
    d.wait_state("a.test", "up")
    rc, out = d.ctl("maintenance", primary_of(pf), "--for", "2h", "--hold",
                    "--reason", "new kernel")
    assert rc == 0 and re.match(r"maintenance 1, from \d{4}-.* until \d{4}-", out), out
    in_window(d, True)
    mail(d, 3)
    stays(lambda: pf.messages() == [] and d.metrics().queued("a.test") == 3, 2, "held")
    assert d.metrics().state("a.test") == "up"
    rc, out = d.ctl("flush", "a.test")
    assert rc == 1 and "maintenance window" in out, out

    pf.stop()
    d.wait_state("a.test", "down")
    wait_for(lambda: [a["silenced"] for a in d.ctl_json("alerts")[:-1]] == [True], 10)
    d.kill9()
    d.start()
    d.wait_state("a.test", "down")
    in_window(d, True)
    [w] = windows(d)
    assert w["id"] == 1 and w["active"] and w["hold"] and w["reason"] == "new kernel"
    assert w["primaries"] == [primary_of(pf)] and w["domains"] == []
    assert w["uid"] == 0 and w["until"] - w["from"] == 7200
    wait_for(lambda: [a["silenced"] for a in d.ctl_json("alerts")[:-1]] == [True], 10)

    pf.start()
    d.wait_state("a.test", "recovering")
    stays(lambda: pf.messages() == [], 2, "held although it is back")
    rc, out = d.ctl("maintenance", "--end", "1")
    assert (rc, out) == (0, "ended\n")
    pf.wait_messages(3)
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    assert windows(d) == [] and domain_of(d)["maintenance"] is None
    m = d.metrics()
    assert m.get("maintenance", domain="a.test") == 0
    stays(lambda: told(hook) == [], 2, "nobody was told")
    assert "flush domain=a.test event=flush_begin trigger=recovery messages=3" in d.log()
    assert len(re.findall("event=begin id=1", d.log())) == 1  # of this process
    assert len(re.findall("event=end id=1", d.log())) == 1
    # the record has it, marked, and it does not count
    lines = d.ctl_json("outages", primary_of(pf))
    [o] = [x for x in lines if x.get("kind") == "primary"]
    assert 0 < o["down_seconds"] == o["maintenance_seconds"], json.dumps(o)
    assert ("end", "new kernel") in [(m["who"], m["text"]) for m in o["marks"]
                                     if m["what"] == "maintenance"], o["marks"]
    [share] = lines[-1]["availability"]
    assert share["availability_30d"] == 1, share


@pytest.mark.beside
def test_what_is_still_wrong_is_told_at_the_end(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"%s"}' % primary_of(mx)},
                       options=receiver(hook) + DOWN)
    d.wait_state("a.test", "up")
    assert d.ctl("maintenance", "a.test", "--until", "+8s")[0] == 0
    in_window(d, False)
    mail(d)
    wait_for(lambda: len(mx.messages) == 1, 10, "it flows, for nothing is held")
    mx.stop()
    d.wait_state("a.test", "down")
    down = domain_of(d)["state_since"]
    wait_for(lambda: d.ctl_json("alerts")[:-1], 10, "it is shown")
    d.logged("event=end id=1", 20)
    wait_for(lambda: told(hook) == [("firing", "MxwatchPrimaryDown", "a.test")], 15)
    begin = hook.bodies()[0]["alerts"][0]["startsAt"]
    assert abs(time.mktime(time.strptime(begin[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone -
               down) <= 1, begin


@pytest.mark.beside
def test_what_expires_is_told_within(stack):
    hook = stack.fakehook()
    mx = stack.fakemx()
    sink = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"%s"}\nlifetime = "4s"' % primary_of(mx)},
                       options=receiver(hook) + DOWN + EXPIRED,
                       dsn='smarthost = "127.0.0.1:%d"' % sink.port)
    d.wait_state("a.test", "up")
    assert d.ctl("maintenance", "a.test", "--for", "1h", "--hold")[0] == 0
    in_window(d, True)
    mx.stop()
    d.wait_state("a.test", "down")
    mail(d)
    wait_for(lambda: ("firing", "MxwatchMailExpired", "a.test") in told(hook), 20)
    assert {a for _, a, _ in told(hook)} <= {"MxwatchMailExpired", "MxwatchQueueExpiry",
                                            "MxwatchQueueAge"}


@pytest.mark.beside
def test_a_second_primary_takes_the_mail(stack):
    """Its own failure is told: the window is not for it."""
    hook = stack.fakehook()
    one, two = stack.fakemx(), stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"%s", "%s"}' % (primary_of(one), primary_of(two))},
                       options=receiver(hook) + DOWN)
    d.wait_state("a.test", "up")
    assert d.ctl("maintenance", primary_of(one), "--for", "1h", "--hold")[0] == 0
    wait_for(lambda: d.metrics().get("primary_maintenance_until_timestamp_seconds",
                                     primary=primary_of(one)) > time.time(), 10)
    mail(d, 3)
    wait_for(lambda: len(two.messages) == 3, 10, "the second one has it")
    assert one.messages == [] and domain_of(d)["maintenance"] is None
    # it is down, and the first one is to get nothing although it is up
    two.stop()
    wait_for(lambda: (domain_of(d)["maintenance"] or {}).get("hold"), 10, "held")
    assert domain_of(d)["state"] == "up" and not domain_of(d)["maintenance"]["silent"]
    mail(d, 2)
    stays(lambda: one.messages == [], 1, "nothing goes there")
    two.start()
    wait_for(lambda: len(two.messages) == 5, 10, "the second one is back")
    one.stop()
    two.stop()
    d.wait_state("a.test", "down")
    wait_for(lambda: told(hook) == [("firing", "MxwatchPrimaryDown", "a.test")], 10)
    one.start()
    d.ctl("maintenance", "--end", "1")
    d.wait_state("a.test", "up")
    mail(d, 2)
    wait_for(lambda: len(one.messages) == 2, 10, "the first one again")


@pytest.mark.beside
def test_a_window_of_the_configuration(stack):
    mx = stack.fakemx()
    begin = time.localtime(time.time() - 120)
    section = """maintenance "patch day" {
        domains = {"a.test"}  every = "daily %02d:%02d"  for = "1h"  hold = yes
        reason = "updates"
    }
    """ % (begin.tm_hour, begin.tm_min)
    d = stack.mxwatchd({"a.test": 'primary = {"%s"}' % primary_of(mx)}, options=section)
    d.wait_state("a.test", "up")
    in_window(d, True)
    mail(d)
    stays(lambda: mx.messages == [], 1, "held")
    rc, out = d.ctl("maintenance")
    assert rc == 0 and all(len(line) <= 80 for line in out.splitlines()), out
    assert re.search(r'^- +active +\S+ \S+ +\S+ \S+ +held +a\.test\n'
                     r' +"patch day", daily \d\d:\d\d: updates$', out, re.M), out
    assert "until" in d.ctl("status")[1] and "mail is held: updates" in d.ctl("status")[1]
    assert "maintenance window" in d.ctl("why", "a.test")[1]
    # done before its time, and a restart knows it
    rc, out = d.ctl("maintenance", "--end", "patch day")
    assert (rc, out) == (0, "ended\n")
    wait_for(lambda: len(mx.messages) == 1, 10, "flushed")
    d.restart()
    d.wait_state("a.test", "up")
    assert domain_of(d)["maintenance"] is None
    assert [w["active"] for w in windows(d)] == [False]
    rc, out = d.ctl("maintenance", "--end", "patch day")
    assert rc == 1 and "is not active now" in out
    # a reload that takes it out, and one that brings it under another name
    d.reload(options=section.replace("patch day", "other"))
    in_window(d, True)
    mail(d)
    d.reload(options="")
    wait_for(lambda: len(mx.messages) == 2, 10, "flushed")
    assert windows(d) == []


def test_wrong_orders(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, options="maintenance_max = 2")
    now = time.strftime("%Y-%m-%d %H:%M")
    for args, rc, what in (
            (("a.test",), 2, "usage: mxwatchctl maintenance"),
            (("a.test", "--hold"), 2, "usage"),
            (("--for", "1h"), 2, "usage"),
            (("a.test", "--for", "1h", "--until", "+2h"), 2, "usage"),
            (("a.test", "--for", "1h", "--end", "1"), 2, "usage"),
            (("b.test", "--for", "1h"), 1, "neither a domain nor a primary"),
            (("a.test", "--for", "1 h"), 2, "write a number with a unit"),
            (("a.test", "--for", "367d"), 2, "up to 366 days"),
            (("a.test", "--until", "tomorrow"), 2, "write it like"),
            (("a.test", "--from", "22:00", "--for", "1h"), 2, "write it like"),
            (("a.test", "--from", "+2h", "--until", "+1h"), 2, "end before it begins"),
            (("a.test", "--from", "2001-01-01 02:00", "--for", "1h"), 2, "already be over"),
            (("a.test", "--from", "+367d", "--for", "1h"), 2, "more than 366 days"),
            (("a.test", "--for", "1h", "--reason", "x" * 161), 2, "longer than 160"),
            (("--end", "1"), 1, "there is no maintenance window"),
            (("--end", "x"), 1, "there is no maintenance window")):
        got, out = d.ctl("maintenance", *args)
        assert got == rc and what in out, (args, got, out)
    assert d.ctl("maintenance") == (0, "there is no maintenance window\n")
    assert d.ctl("hold", "a.test", "--until", "+1h")[0] == 2
    assert d.ctl("status", "--for", "1h")[0] == 2
    assert d.ctl("maintenance", "A.test", "--from", now, "--for", "1h")[0] == 0
    assert d.ctl("maintenance", "127.0.0.1:9", "--from", "+1h", "--until", "+2h")[0] == 0
    rc, out = d.ctl("maintenance", "a.test", "--for", "1h")
    assert rc == 1 and "maintenance_max" in out
    assert [w["active"] for w in windows(d)] == [True, False]


@pytest.mark.beside
@pytest.mark.parametrize("others", [0, 1])
def test_a_window_begins_amid_a_backlog(stack, others):
    """What is on its way arrives; nothing more goes to that primary."""
    one = stack.fakemx(start=False, misbehave=["slow=0.1"])
    rest = [stack.fakemx(start=False) for _ in range(others)]
    d = stack.mxwatchd({"a.test": 'primary = {%s}' % ", ".join(
        '"%s"' % primary_of(x) for x in [one] + rest)})
    d.wait_state("a.test", "down")
    mail(d, 60)
    one.start()
    wait_for(lambda: len(one.messages) > 3, 20, "the flush is under way")
    assert d.ctl("maintenance", primary_of(one), "--for", "1h", "--hold")[0] == 0
    wait_for(lambda: (domain_of(d)["maintenance"] or {}).get("hold"), 10, "held")
    wait_for(lambda: domain_of(d)["queue"]["active"] == 0, 10, "nothing is out")
    n = len(one.messages)
    stays(lambda: len(one.messages) <= n + 2, 2, "held")
    assert d.metrics().queued("a.test") >= 20
    for x in rest:
        x.start()
        d.wait_empty("a.test")
        assert len(one.messages) + len(x.messages) == 60 and len(x.messages) >= 20
        return
    d.ctl("maintenance", "--end", "1")
    d.wait_empty("a.test", 60)
    assert len(one.messages) == 60
