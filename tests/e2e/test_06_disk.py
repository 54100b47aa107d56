# SPDX-License-Identifier: ISC
"""A full disk: 452 4.3.1, the queue stays readable and deliverable, and mail
is taken again when there is space. C4, C5."""
import os
import subprocess

import pytest

from lib.net import Workdir
from lib.smtp import Raw, send, send_bytes, subjects, text
from lib.wait import wait_for


@pytest.fixture
def tmpfs():
    w = Workdir("tmpfs")
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0755", "tmpfs", w.path],
                       stderr=subprocess.PIPE, text=True)
    if r.returncode != 0:
        w.remove()
        pytest.skip("cannot mount a tmpfs here: " + r.stderr.strip())
    yield w.path
    subprocess.run(["umount", "-l", w.path])
    w.remove()


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
    with open(os.path.join(tmpfs, "filler"), "wb") as f:
        try:
            while True:
                f.write(b"x" * 65536)
                f.flush()
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
