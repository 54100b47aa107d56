# SPDX-License-Identifier: ISC
"""The record of outages: a Postfix goes down with mail coming and comes up again,
and the record says what this test did; over a kill of the daemon, too."""
import csv
import io
import json
import time

import pytest

from lib.smtp import send_bytes
from lib.wait import wait_for

MAIL = b"From: s@sender.test\r\nSubject: x\r\n\r\nhello\r\n"
TELL = """receiver "hook" {
    type = "webhook" url = {"%s/hook"} group_wait = "0s" group_interval = "1s" timeout = "2s"
}
alert "primary_down" { warn = "0s" for = "0s" clear = "0s" }
"""


def outages(d, *args):
    return [o for o in d.ctl_json("outages", *args) if "done" not in o]


def newest(d, name):
    found = [o for o in outages(d) if o["name"] == name]
    return found[0] if found else None


def wait_over(d, name):
    def over():
        o = newest(d, name)
        assert o and o["state"] == "over", o
        return o
    return wait_for(over, 30, "%s is over" % name)


def page(d, query=""):
    code, _, text = d.http("/api/v1/outages" + query)
    assert code == 200, text
    return json.loads(text)


def check_record(o, before, down, up, end):
    assert o["phase"] == "connect" and "refused" in o["reply"].lower()
    assert o["seen"] == "probe"
    assert before - 1 <= o["failed"] <= o["detected"] <= down + 1
    assert up - 1 <= o["recovered"] <= o["first_delivery"] <= end + 1
    assert o["recovered"] <= o["drained"] <= end + 1
    assert abs(o["down_seconds"] - (o["recovered"] - o["failed"])) < 2
    assert o["accepted"] == o["delivered"] == o["depth"] == 7
    assert o["refused"] == o["returned"] == o["expired"] == o["flaps"] == 0
    assert o["age_seconds"] > 0 and o["peak_rate"] > 0


@pytest.mark.beside
def test_an_outage_is_on_record_as_it_was(stack):
    hook = stack.fakehook()
    pf = stack.primary(["a.test", "b.test"])
    label = "127.0.0.1:%d" % pf.port
    primary = 'primary = {"%s"}' % label
    d = stack.mxwatchd({"a.test": primary, "b.test": primary}, options=TELL % hook.url)
    d.wait_state("a.test", "up")
    d.wait_state("b.test", "up")
    assert outages(d) == []
    before = time.time()
    pf.stop()
    d.wait_state("a.test", "down")
    down = time.time()
    for _ in range(7):
        send_bytes(d.port, MAIL)
    assert d.ctl("silence", "queue_age/a.test", "--for", "1h", "--reason", "I know")[0] == 0
    wait_for(lambda: newest(d, label), 30, "a record")
    wait_for(lambda: any(m["what"] == "told" for m in newest(d, label)["marks"]), 30, "told")
    wait_for(lambda: newest(d, label)["accepted"] == 7, 30, "mail is counted")
    up = time.time()
    pf.start()
    pf.wait_messages(7)
    over = wait_over(d, label)
    own = wait_over(d, "a.test")
    end = time.time()
    assert sorted(o["name"] for o in outages(d)) == sorted(["a.test", label])
    check_record(over, before, down, up, end)
    check_record(own, before, down, up, end)
    assert (over["domains"], over["recorded"]) == (2, 1)  # b.test had no mail
    assert own["primary"] == label and own["part_of"] == over["id"]
    did = [m for m in own["marks"] if m["what"] == "operator"]
    assert [m["text"] for m in did] == ["silence queue_age/a.test: I know"]
    assert did[0]["who"].startswith("uid ")
    told = [m for m in over["marks"] if m["what"] == "told"]
    assert (told[0]["who"], told[0]["text"]) == ("hook", "primary_down, trigger")
    assert before - 1 < told[0]["at"] < up + 1

    # the same by HTTP, and in the other forms
    answer = page(d, "?kind=primary&since=1h")
    assert answer["next"] is None and [o["id"] for o in answer["outages"]] == [over["id"]]
    first = page(d, "?limit=1")
    rest = page(d, "?before=%d" % first["next"])
    assert [o["id"] for o in first["outages"] + rest["outages"]] == [own["id"], over["id"]]
    assert page(d, "?name=a.test")["outages"][0]["id"] == own["id"]
    for wrong in ("?limit=0", "?since=x", "?kind=x", "?zebra=1", "?id=-1"):
        assert d.http("/api/v1/outages" + wrong)[0] == 400
    rows = list(csv.DictReader(io.StringIO(d.ctl("outages", "--csv")[1])))
    assert [(r["name"], r["accepted"]) for r in rows] == [("a.test", "7"), (label, "7")]
    story = d.ctl("outages", str(over["id"]))[1]
    assert "seen by a probe" in story and "primary_down, trigger" in story
    table = d.ctl("outages", "b.test")[1]  # those of its primary
    assert label in table and "365 DAYS" in table
    for text in (table, d.ctl("outages")[1]):
        assert max(map(len, text.splitlines())) <= 80
    assert d.ctl("outages", "no.test")[0] == 1
    # worked out anew some primaries a second
    wait_for(lambda: 0 < d.metrics().get("primary_availability_ratio", primary=label,
                                         window="30d") < 1, 30, "a share")
    m = d.metrics()
    assert m.get("outages_open") == 0 and m.get("ledger_unwritable") == 0
    wait_for(lambda: 0 < d.status()["primaries"][0]["availability_365d"] < 1, 30, "a share")


@pytest.mark.beside
def test_an_outage_goes_on_behind_a_kill(stack):
    pf = stack.primary(["a.test"])
    label = "127.0.0.1:%d" % pf.port
    d = stack.mxwatchd({"a.test": 'primary = {"%s"}' % label})
    d.wait_state("a.test", "up")
    pf.stop()
    d.wait_state("a.test", "down")
    send_bytes(d.port, MAIL)
    wait_for(lambda: newest(d, "a.test") is not None, 30, "a record")
    first = newest(d, label)

    def on_disk():
        with open(d.spool + "/outages", encoding="utf-8") as f:
            return '"name":"a.test"' in f.read()
    wait_for(on_disk, 30, "it is on the disk")
    d.kill9()
    d.start()
    d.wait_state("a.test", "down")
    pf.start()
    pf.wait_messages(1)
    o = wait_over(d, label)
    assert (o["id"], o["failed"]) == (first["id"], first["failed"])
    assert [m["what"] for m in o["marks"]] == ["restart"]
    assert o["delivered"] == 1 and o["flaps"] == 0
    assert len([x for x in outages(d) if x["name"] == label]) == 1


@pytest.mark.beside
def test_maintenance_does_not_count(stack):
    pf = stack.primary(["a.test"])
    label = "127.0.0.1:%d" % pf.port
    d = stack.mxwatchd({"a.test": 'primary = {"%s"}' % label})
    d.wait_state("a.test", "up")
    rc, text = d.ctl("maintenance", label, "--for", "1h", "--reason", "new disk")
    assert rc == 0, text
    d.wait_log("event=begin")
    pf.stop()
    d.wait_state("a.test", "down")
    wait_for(lambda: newest(d, label), 30, "a record")
    pf.start()
    o = wait_over(d, label)
    assert o["maintenance_seconds"] == o["down_seconds"] > 0
    assert [m["what"] for m in o["marks"]][0] == "maintenance"
    m = d.metrics()
    assert m.get("primary_availability_ratio", primary=label, window="30d") == 1
