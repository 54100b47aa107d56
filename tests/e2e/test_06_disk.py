# SPDX-License-Identifier: ISC
"""A full disk: 452 4.3.1, the queue stays readable and deliverable, and mail
is taken again when there is space. C4, C5."""
import os

import pytest

from lib.smtp import Raw, send, send_bytes, stuff, subjects, text
from lib.wait import wait_for


def test_case_C4_C5_full_disk(stack, tmpfs):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       spool=os.path.join(tmpfs, "spool"), reserve="4M",
                       queue='segment_size = "1M"')
    d.wait_state("a.test", "down")
    body = ("0123456789" * 7 + "\n") * 2000  # 140 KB
    taken, refused = [], None
    for i in range(400):
        try:
            send_bytes(d.port, text("m%d" % i, body))
            taken.append("m%d" % i)
        except AssertionError as e:
            refused = str(e)
            break
    assert refused and "452 4.3.1" in refused, refused
    assert len(taken) > 50
    wait_for(lambda: d.metrics().get("spool_free_bytes") < 6 * 1024 * 1024, 5,
             "the figure, which is a second old, follows")
    m = d.metrics()
    assert m.get("spool_accepting") == 0
    assert m.get("spool_reserve_bytes") == 4 * 1024 * 1024
    assert m.sum("smtpd_messages_rejected_total", code="452", reason="spool_full") >= 1
    assert m.queued("a.test") == len(taken)
    assert d.status()["spool"]["state"] == "full"
    d.wait_log("spool state=full accepting=0")

    # Something else fills what is left: still no crash, still 452.
    with open(os.path.join(tmpfs, "filler"), "wb", buffering=0) as f:
        try:  # without a buffer, whose rest would not fit at the end either
            while True:
                f.write(b"x" * 65536)
        except OSError:
            pass
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        assert c.cmd("MAIL FROM:<s@x.test>").startswith("452 4.3.1")
        c.ok("NOOP")
    assert len(d.ctl_json("queue", "a.test")) == len(taken) + 1
    shown = d.ctl_json("show", d.ctl_json("queue", "a.test")[0]["id"])
    assert shown[0]["recipients"] == 1

    # A restart on the full disk works, too; it is just not ready for mail.
    d.stop()
    d.start(wait="port")
    wait_for(lambda: d.metrics().queued("a.test") == len(taken))
    assert d.http("/-/ready")[0] == 503
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        assert c.cmd("MAIL FROM:<s@x.test>").startswith("452 4.3.1")
    os.unlink(os.path.join(tmpfs, "filler"))

    # Delivery makes room; then mail is taken again.
    mx.start()
    d.wait_empty("a.test", 60)
    assert set(subjects(m.data for m in mx.messages)) >= set(taken)
    wait_for(lambda: d.metrics().get("spool_accepting") == 1, 20, "space is back")
    send(d.port, "again")
    wait_for(lambda: "again" in subjects(m.data for m in mx.messages))
    wait_for(lambda: d.metrics().get("spool_free_bytes") > 15 * 1024 * 1024, 15,
             "the disk is given back")


def test_case_C4_full_index(stack):
    """The map of the index is full while a client is in DATA: 452, what is queued can
    be read, and when it has been delivered mail is taken again."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, map_size="1M")
    d.wait_state("a.test", "down")
    rcpts = ["%s%03d@a.test" % ("r" * 60, i) for i in range(100)]
    with Raw(d.port) as inside, Raw(d.port) as c:
        inside.begin().ok("DATA", "354")
        inside.send(text("inside")[:40])
        c.ok("EHLO x.test")
        for taken in range(1000):
            got = c.cmd("MAIL FROM:<s@sender.test>")
            if got.startswith("250"):
                c.send("".join("RCPT TO:<%s>\r\n" % r for r in rcpts) + "DATA\r\n")
                assert [c.reply()[:3] for _ in rcpts] == ["250"] * 100
                assert c.reply().startswith("354")
                c.send(stuff(text("m%d" % taken)))
                got = c.reply()
            if not got.startswith("250"):
                break
        assert taken > 20 and got.startswith("452 4.3.1"), (taken, got)
        inside.send(stuff(text("inside"))[40:])
        assert inside.reply().startswith("452 4.3.1")
        assert inside.cmd("MAIL FROM:<s@sender.test>").startswith("452 4.3.1")
    assert d.metrics().get("spool_accepting") == 0
    assert d.status()["spool"]["state"] == "full"
    ids = [m["id"] for m in d.ctl_json("queue", "a.test")[:-1]]
    assert len(ids) == taken
    assert d.ctl_json("show", ids[-1])[0]["recipients"] == 100
    d.stop()
    d.start(wait="port")  # ready for mail it is not
    wait_for(lambda: d.metrics().queued("a.test") == taken)
    mx.start()
    d.wait_empty("a.test", 60)
    assert sorted(subjects(m.data for m in mx.messages)) == sorted(
        "m%d" % i for i in range(taken))
    wait_for(lambda: d.metrics().get("spool_accepting") == 1, 20, "mail is taken again")
    send(d.port, "again")
    wait_for(lambda: "again" in subjects(m.data for m in mx.messages))


def test_a_message_larger_than_the_space(stack, tmpfs):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       spool=os.path.join(tmpfs, "spool"), reserve="1M")
    d.wait_state("a.test", "up")
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        assert c.cmd("MAIL FROM:<s@x.test> SIZE=40000000").startswith("452 4.3.1")
    with pytest.raises(AssertionError, match="452 4.3.1"):
        send_bytes(d.port, text("big") + (b"z" * 76 + b"\r\n") * 450000)
    wait_for(lambda: d.metrics().get("spool_free_bytes") > 15 * 1024 * 1024, 10,
             "what was begun is given back")
    wait_for(lambda: d.metrics().get("spool_accepting") == 1, 10, "small ones are taken")
    send(d.port, "small")
    wait_for(lambda: subjects(m.data for m in mx.messages) == ["small"])


def test_what_frees_room_is_stored_at_the_reserve(stack, tmpfs):
    """No mail is taken any more, and what expires still leaves, with its report."""
    mx, sink = stack.fakemx(start=False), stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nlifetime = "6s"\n'
                        'vault { keep = "0s" }' % mx.port},
                       spool=os.path.join(tmpfs, "spool"), reserve="4M",
                       queue='segment_size = "1M"', dsn='smarthost = "127.0.0.1:%d"' % sink.port)
    d.wait_state("a.test", "down")
    for i in range(3):
        send(d.port, "old %d" % i)
    with open(os.path.join(tmpfs, "filler"), "wb") as f:
        while d.metrics().get("spool_accepting") == 1:
            fs = os.statvfs(tmpfs)
            if fs.f_bavail * fs.f_frsize > 3 << 20:  # it looks once a second
                f.write(b"x" * 65536)
                f.flush()
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        assert c.cmd("MAIL FROM:<s@x.test>").startswith("452 4.3.1")
    wait_for(lambda: len(sink.messages) == 3, 20, "the reports")
    assert all(b"4.4.7" in m.data or b"5.4.7" in m.data for m in sink.messages)
    d.wait_empty("a.test")
    assert d.metrics().get("spool_accepting") == 0
