# SPDX-License-Identifier: ISC
"""250 means durable: restarts, kill -9 under load, failing disks, a second
daemon. C1, C4, C6, C8-C10, C13."""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

from lib.mxwatchd import BUILD, PLAIN, Mxwatchd, has_fault
from lib.smtp import Flood, Raw, send, send_bytes, stuff, subjects, text
from lib.wait import stays, wait_for

DOWN = 'primary = {"127.0.0.1:%d"}'


def delivered(mx):
    return set(subjects(m.data for m in mx.messages))


def bring_back(d, mx, want):
    """The primary comes up; everything that was acknowledged arrives."""
    mx.start()
    d.wait_empty("a.test", 60)
    missing = want - delivered(mx)
    assert not missing, "acknowledged and lost: %s" % sorted(missing)[:10]


def whole(mx, tag):
    """No message is cut: each ends as Flood ends it."""
    for m in mx.messages:
        if m.data.startswith(b"Received"):
            body = m.data.split(b"Subject: " + tag.encode(), 1)
            assert len(body) == 2 and len(body[1]) > 100, m.data[:300]


def test_restart_with_mail_queued(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port})
    d.wait_state("a.test", "down")
    ids = [send(d.port, "m%d" % i) for i in range(200)]
    before = {m["id"]: m for m in d.ctl_json("queue", "a.test")[:-1]}
    assert set(ids) == set(before)
    old = d.metrics()
    d.stop()
    d.spawn()
    begin = time.monotonic()
    with Raw_retry(d.port) as c:  # it listens at once
        assert c.greeting.startswith("220")
    assert time.monotonic() - begin < 5
    d.wait_ready()
    d.wait_state("a.test", "down")
    after = {m["id"]: m for m in d.ctl_json("queue", "a.test")[:-1]}
    assert after.keys() == before.keys()
    for i, m in after.items():
        for field in ("arrival", "sender", "size", "recipients", "expiry"):
            assert m[field] == before[i][field], field
    m = d.metrics()
    assert m.queued("a.test") == 200
    assert m.get("queue_bytes", domain="a.test") == old.get("queue_bytes", domain="a.test")
    assert (m.get("queue_oldest_message_age_seconds", domain="a.test") >=
            old.get("queue_oldest_message_age_seconds", domain="a.test"))
    mx.start()
    d.wait_empty("a.test")
    assert delivered(mx) == {"m%d" % i for i in range(200)}
    assert len(mx.messages) == 200, "none twice"


def test_a_restart_is_no_recovery(stack):
    """The primary is up when we come back: unknown -> up, mail goes, and no
    recovery is counted or told."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port})
    d.wait_state("a.test", "down")
    send(d.port, "kept")
    d.stop()
    mx.start()
    d.start()
    d.wait_state("a.test", "up")
    d.wait_empty("a.test")
    m = d.metrics()
    assert m.sum("flush_runs_total", domain="a.test", trigger="recovery") == 0
    assert m.get("watchdog_transitions_total", domain="a.test", to="recovering") == 0
    assert delivered(mx) == {"kept"}


def Raw_retry(port, deadline=5):
    return wait_for(lambda: Raw(port), deadline, "it listens", step=0.02)


def test_case_C10_a_second_daemon_is_refused(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port})
    d.wait_state("a.test", "down")
    send(d.port, "first")
    other = stack.add(Mxwatchd({"a.test": DOWN % mx.port}, spool=d.spool, name="second"),
                      lambda x: x.work.remove()).write()
    r = other.run("-f", "-c", other.conf)
    assert r.returncode == 1
    assert re.search(r"another mxwatchd.*%d.*%s" % (d.proc.pid, re.escape(d.spool)), r.stderr)
    assert d.metrics().queued("a.test") == 1
    send(d.port, "second")
    bring_back(d, mx, {"first", "second"})


@pytest.mark.parametrize("build", ["plain", "sanitized"])
def test_case_C1_kill_9_under_load(stack, build):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port}, build=PLAIN if build == "plain" else BUILD)
    d.wait_state("a.test", "down")
    want = set()
    for n in range(3):
        f = Flood(d.port, threads=20, tag="k%d" % n, size=4000 if n < 2 else 100000)
        f.wait_acked(150 if n < 2 else 40)
        d.kill9()
        f.stop()
        want |= f.acked
        d.start()
    assert d.metrics().queued("a.test") >= len(want)
    bring_back(d, mx, want)
    for m in mx.messages:
        assert m.data.endswith(b"\r\n") and m.data.count(b"Subject: k") == 1
        assert len(m.data) > 3900, "a message was cut"


def test_kill_9_under_smtp_source_and_during_the_flush(stack):
    """The other half: killed while it delivers. At least once, none lost."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port}, build=PLAIN)
    d.wait_state("a.test", "down")
    subprocess.run(["/usr/sbin/smtp-source", "-s", "20", "-m", "1000", "-l", "2000", "-N", "-f",
                    "s@sender.test", "-t", "u@a.test", "127.0.0.1:%d" % d.port], check=True,
                   stdout=subprocess.DEVNULL)
    ids = {m["id"] for m in d.ctl_json("queue", "a.test")[:-1]}
    assert len(ids) == 1000
    mx.start()
    wait_for(lambda: len(mx.messages) > 200, 30, "the flush is under way")
    d.kill9()
    d.start()
    d.wait_empty("a.test", 60)
    came = set()
    for m in mx.messages:
        got = re.search(rb"\bid ([0-9A-F]+)", m.data)
        came.add(got.group(1).decode())
    assert came == ids
    assert len(mx.messages) < 1000 + 250, "what was confirmed does not go again"


POINTS = ["store.append:kill:40", "store.sync:kill:5", "store.commit:kill:5", "store.txn:kill:7"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_fault_point(stack, point):
    if not has_fault():
        pytest.skip("the build in MXWATCH_BUILD has no fault points (--enable-fault)")
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port}, start=False)
    d.env["MXWATCH_FAULT"] = point
    d.start("port")
    f = Flood(d.port, threads=10, tag="f", size=2000)
    assert d.wait_exit(30) == -signal.SIGKILL
    f.stop()
    d.env.pop("MXWATCH_FAULT")
    d.start()
    m = d.metrics()
    assert m.queued("a.test") >= len(f.acked)
    bring_back(d, mx, f.acked)
    for m in mx.messages:
        assert m.data.count(b"Subject: f") == 1 and len(m.data) > 1900


@pytest.mark.parametrize("point", ["store.sync:eio:3", "store.commit:eio:3"])
def test_after_an_error_of_the_disk_nothing_is_promised(stack, point):
    """451 for the group that failed and for everything after it, until a
    restart; what was promised before is there."""
    if not has_fault():
        pytest.skip("the build in MXWATCH_BUILD has no fault points (--enable-fault)")
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port}, start=False)
    d.env["MXWATCH_FAULT"] = point
    d.start()
    f = Flood(d.port, threads=4, tag="e")
    wait_for(lambda: f.codes.get(451, 0) + f.codes.get("lost", 0) > 3, 20, "451")
    f.stop()
    assert not [c for c in f.codes if c not in (451, "lost", "connect")], f.codes
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        assert c.cmd("MAIL FROM:<s@x.test>").startswith("451")
    m = d.metrics()
    assert m.get("spool_accepting") == 0
    assert m.sum("spool_errors_total") >= 1
    assert d.status()["spool"]["state"] == "failed"
    d.env.pop("MXWATCH_FAULT")
    d.restart()
    assert d.metrics().get("spool_accepting") == 1
    send(d.port, "again")
    bring_back(d, mx, f.acked | {"again"})


def test_nothing_is_delivered_that_cannot_be_noted(stack):
    """The log takes nothing any more: at most what was under way goes out,
    not the rest of the queue, and it is told. After a restart all arrive."""
    if not has_fault():
        pytest.skip("the build in MXWATCH_BUILD has no fault points (--enable-fault)")
    mx = stack.fakemx(start=False, misbehave=["slow=0.02"])
    d = stack.mxwatchd({"a.test": DOWN % mx.port + "\ndeliver { connections = 1 }"})
    d.wait_state("a.test", "down")
    want = {"m%d" % i for i in range(60)}
    for name in want:
        send(d.port, name)
    d.stop()
    d.env["MXWATCH_FAULT"] = "store.append:eio:3+"
    d.start("port")
    mx.start()
    wait_for(lambda: d.metrics().get("spool_unwritable") == 1, 20, "it is told")
    d.wait_state("a.test", "up")
    stays(lambda: len(mx.messages) <= 20, 3, "no more than was under way")
    code, _, body = d.http("/-/ready")
    assert code == 503 and "is not writable" in str(body), (code, body)
    assert d.status()["spool"]["unwritable"] is True
    d.env.pop("MXWATCH_FAULT")
    d.restart()
    assert d.metrics().get("spool_unwritable") == 0
    d.wait_empty("a.test", 60)
    assert delivered(mx) == want
    assert len(mx.messages) <= 80, "twice only what could not be noted"


def test_a_disk_that_hangs_holds_no_client(stack):
    """451 after store_timeout, nothing more is taken, and it is told; when the
    disk answers, what it was given is there."""
    if not has_fault():
        pytest.skip("the build in MXWATCH_BUILD has no fault points (--enable-fault)")
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port}, start=False,
                       smtpd='store_timeout = "300ms"')
    # the states that a start writes are synced, too: one of the first few messages
    d.env["MXWATCH_FAULT"] = "store.sync:delay=5000:8"
    d.start()
    want, reply = set(), "250"
    while reply.startswith("250") and len(want) < 8:
        want.add("m%d" % len(want))
        with Raw(d.port) as c:
            c.begin()
            c.ok("DATA", "354")
            c.send(stuff(text("m%d" % (len(want) - 1))))
            reply = c.reply()
            assert reply.startswith("250") or c.at_end()
    assert reply.startswith("451 4.3.0"), reply
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@x.test>", "451 4.3.0")
    wait_for(lambda: "does not answer" in str(d.http("/-/ready")[2]), 3, "it is told")
    assert d.status()["spool"]["state"] == "stalled"
    m = d.metrics()
    assert m.get("spool_accepting") == 0 and m.get("smtpd_commits_overdue") == 1
    wait_for(lambda: d.metrics().get("spool_accepting") == 1, 20, "it answers")
    send(d.port, "after")
    bring_back(d, mx, want | {"after"})


def test_what_waits_for_a_slow_disk_is_bounded(stack):
    """Clients that send large bodies and hang up while the disk is slow: what they
    leave behind counts, and MAIL gets 452 until it is written."""
    if not has_fault():
        pytest.skip("the build in MXWATCH_BUILD has no fault points (--enable-fault)")
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False,
                       queue='waiting_max = "1M"', smtpd="max_sessions = 20")
    d.env["MXWATCH_FAULT"] = "store.append:delay=50:1+"
    d.start()
    most, refused = 0, 0
    for _ in range(40):
        with Raw(d.port) as c:
            c.ok("EHLO x.test")
            if c.cmd("MAIL FROM:<s@x.test>").startswith("452 4.3.1"):
                refused += 1
            else:
                c.ok("RCPT TO:<u@a.test>")
                c.ok("DATA", "354")
                c.sock.settimeout(1)
                try:
                    c.send((b"x" * 76 + b"\r\n") * 9000)
                except socket.timeout:
                    pass
        most = max(most, d.metrics().get("spool_waiting_bytes"))
        if refused:
            break
    assert refused and (1 << 20) <= most <= (1 << 20) + 20 * (320 << 10)
    wait_for(lambda: d.metrics().get("spool_waiting_bytes") == 0, 30, "it is written")
    send(d.port, "after")


def test_no_space_at_the_commit_is_temporary(stack):
    if not has_fault():
        pytest.skip("the build in MXWATCH_BUILD has no fault points (--enable-fault)")
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port}, start=False)
    d.env["MXWATCH_FAULT"] = "store.append:enospc:3"
    d.start()
    replies = []
    for i in range(6):
        with Raw(d.port) as c:
            c.ok("EHLO x.test")
            got = c.cmd("MAIL FROM:<s@x.test>")
            if got.startswith("250"):
                c.ok("RCPT TO:<u@a.test>")
                c.ok("DATA", "354")
                c.send(stuff(text("n%d" % i)))
                got = c.reply()
            replies.append(got[:9])
    assert [r for r in replies if r.startswith("452 4.3.1")], replies
    assert all(r[:3] in ("250", "452") for r in replies), replies

    def taken():
        return send(d.port, "later")
    wait_for(taken, 20, "space is back", step=0.5)
    want = {"n%d" % i for i, r in enumerate(replies) if r.startswith("250")} | {"later"}
    bring_back(d, mx, want)


def test_case_C6_client_vanishes_after_the_final_dot(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port})
    d.wait_state("a.test", "down")
    for i in range(20):
        c = Raw(d.port).begin()
        c.ok("DATA", "354")
        c.send(stuff(text("gone %d" % i, "x" * 500 + "\n")))
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
    for i in range(5):  # in the middle of the message
        c = Raw(d.port).begin()
        c.ok("DATA", "354")
        c.send(stuff(text("half %d" % i, "x" * 500 + "\n"))[:200])
        c.close()
    send(d.port, "stays")
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0)
    mx.start()
    d.wait_empty("a.test")
    got = [m.data for m in mx.messages]
    assert "stays" in subjects(got) and not [s for s in subjects(got) if s.startswith("half")]
    assert len(got) == len(set(subjects(got)))
    for data in got:
        assert data.endswith(b"x\r\n") or data.endswith(b"hello\r\n")


def test_case_C6_reset_before_the_reply_and_sent_again(stack):
    """The disk takes its time, so that each reset comes before our 250. Whatever
    the client believes, it sends the same again."""
    if not has_fault():
        pytest.skip("the build in MXWATCH_BUILD has no fault points (--enable-fault)")
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port}, start=False)
    d.env["MXWATCH_FAULT"] = "store.sync:delay=100:1+"
    d.start()
    sizes = {"r%d" % i: 2000 + 100000 * i for i in range(5)}  # small and large ones
    bodies = {s: text(s, ("x" * 76 + "\n") * (n // 77)) for s, n in sizes.items()}
    for data in bodies.values():
        c = Raw(d.port).begin()
        c.ok("DATA", "354")
        c.send(stuff(data))
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0)
    first = d.metrics().queued("a.test")
    for data in bodies.values():
        send_bytes(d.port, data)
    assert d.metrics().queued("a.test") == first + len(bodies)
    mx.start()
    d.wait_empty("a.test")
    got = subjects(m.data for m in mx.messages)
    for s, data in bodies.items():
        assert 1 <= got.count(s) <= 2, (s, got)
    for m in mx.messages:
        s, = subjects([m.data])
        assert m.data.endswith(b"\r\n" + bodies[s]), "%s was changed" % s


def test_case_C13_TERM_under_load(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port})
    d.wait_state("a.test", "down")
    f = Flood(d.port, threads=20, tag="t")
    f.wait_acked(200)
    idle = Raw(d.port)
    idle.ok("EHLO idle.test")
    slow = Raw(d.port).begin()
    slow.ok("DATA", "354")
    slow.send(text("slow")[:30])
    d.proc.send_signal(signal.SIGTERM)
    assert idle.reply().startswith("421") and idle.at_end()
    slow.send(stuff(text("slow"))[30:])  # a message under way may finish
    assert slow.reply().startswith("250")
    begin = time.monotonic()
    f.halt.set()
    assert d.proc.wait(20) == 0
    assert time.monotonic() - begin < 10
    f.join()
    d.check_log()
    assert not [c for c in f.codes if c not in (421, "connect", "lost")], f.codes
    d.proc = None
    d.start()
    bring_back(d, mx, f.acked | {"slow"})


def test_TERM_during_the_flush_loses_nothing(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port})
    d.wait_state("a.test", "down")
    f = Flood(d.port, threads=10, count=300, tag="t")
    f.join()
    assert len(f.acked) == 300
    mx.misbehave[:] = ["slow=0.01"]
    mx.start()
    wait_for(lambda: len(mx.messages) > 20, 20, "the flush is under way")
    d.restart()
    d.wait_empty("a.test", 60)
    assert delivered(mx) == f.acked
    assert len(mx.messages) == 300, "a stop in order delivers none twice"


def test_case_C9_damage_is_told_and_harms_nobody_else(stack):
    """Flipped bytes in a body: that message is kept and never sent; the others
    go out. A cut data file: a diagnosed refusal or start, no crash."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port})
    d.wait_state("a.test", "down")
    for i in range(5):
        send_bytes(d.port, text("good %d" % i, "BODY%d\n" % i * 50))
    d.stop()
    segments = [os.path.join(base, name) for base, _, names in os.walk(d.spool)
                for name in names]
    hit = 0
    for path in segments:
        with open(path, "r+b") as f:
            data = f.read()
            at = data.find(b"BODY2")
            if at >= 0:
                f.seek(at)
                f.write(b"EVIL2")
                hit += 1
    assert hit == 1
    d.start()
    mx.start()
    wait_for(lambda: len(mx.messages) >= 4, 20, "the undamaged ones")
    assert sorted(delivered(mx)) == ["good 0", "good 1", "good 3", "good 4"]
    wait_for(lambda: d.metrics().get("queue_messages", domain="a.test", state="held") == 1,
             10, "the damaged one is held")
    d.wait_log(r"(?i)(damage|corrupt|checksum|crc)")


def salvage(d, name):
    """Runs mxwatch-salvage: exit code, what it says, the messages."""
    out = os.path.join(d.dir, name)
    r = subprocess.run([os.path.join(PLAIN, "mxwatch-salvage"), d.spool, out],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    found = {}
    for base, _, names in os.walk(out):
        for n in names:
            if n.endswith(".json"):
                with open(os.path.join(base, n), encoding="utf-8") as f:
                    envelope = json.load(f)
                with open(os.path.join(base, n[:-5] + ".eml"), "rb") as f:
                    found[envelope["id"]] = (envelope, f.read())
    return r.returncode, r.stdout + r.stderr, found


def test_case_C9_a_damaged_database_ends_in_a_sentence_and_files(stack):
    """LMDB would follow the damaged page to its death: instead one line, status
    3, which the unit does not restart, and everything that is whole comes out."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": DOWN % mx.port}, build=PLAIN)
    d.wait_state("a.test", "down")
    ids = [send_bytes(d.port, text("m%d" % i, "BODY%d\n" % i * 50), sender="s@x.test")
           for i in range(30)]
    refused = salvage(d, "too-early")
    assert refused[0] == 1 and "stop mxwatchd first" in refused[1]
    d.stop()
    code, said, found = salvage(d, "whole")
    assert code == 0 and "whole=30 unsure=0 damaged_bodies=0" in said, said
    assert set(found) == set(ids)
    for i, name in enumerate(ids):
        envelope, data = found[name]
        assert envelope["sender"] == "s@x.test"
        assert [(r["address"], r["state"]) for r in envelope["recipients"]] == [
            ("u@a.test", "pending")]
        assert re.match(r"20\d\d-\d\d-\d\dT", envelope["arrival"])
        assert data.startswith(b"Received: ") and data.count(b"BODY%d\r\n" % i) == 50
    with open(os.path.join(d.spool, "db", "data.mdb"), "r+b") as f:
        data = bytearray(f.read())
        key = (int(ids[4], 16) << 8).to_bytes(8, "big")
        at = -1
        while (at := data.find(key, at + 1)) >= 0:
            data[at - 8:at - 4] = b"\0\0\0\3"  # the length of its record: 48 MB
        f.seek(0)
        f.write(data)
    d.spawn()
    assert d.wait_exit(20) == 3
    line = [x for x in d.log().splitlines() if "event=database_damaged" in x]
    assert len(line) == 1 and "mxwatch-salvage" in line[0] and d.spool in line[0], d.log()
    code, said, found = salvage(d, "damaged")
    assert code == 3 and "damaged_pages=0" not in said, said
    # the log has it still; whether it was removed since nobody can tell
    assert "unsure=1 " in said and set(found) == set(ids), said


def test_case_K4_spool_that_cannot_be_used_is_named(stack):
    """A reason, what to do, and the exit code."""
    d = stack.mxwatchd({"a.test": DOWN % 9}, start=False)

    def refused(spool, *says, code=1):
        d.spool = os.path.join(d.dir, spool)
        d.write()
        r = d.run("-f", "-c", d.conf)
        assert r.returncode == code and d.spool in r.stderr, (r.returncode, r.stderr)
        for word in says:
            assert word in r.stderr, r.stderr

    d.file("file", "not a folder")
    refused("file", "Not a directory")
    refused("/proc/mxwatch-spool")
    refused("no/such/parent", "cannot make directory", "No such file")
    if os.getuid() == 0:
        os.mkdir(d.dir + "/nobodys", 0o700)
        os.chown(d.dir + "/nobodys", 65534, -1)
        refused("nobodys", "belongs to uid 65534", "chown")
        os.mkdir(d.dir + "/readonly", 0o700)
        mount = ["mount", "-t", "tmpfs", "-o", "ro,mode=0700", "tmpfs", d.dir + "/readonly"]
        if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode == 0:
            try:
                refused("readonly", "Read-only file system")
            finally:
                subprocess.run(["umount", "-l", d.dir + "/readonly"])
    os.mkdir(d.dir + "/open", 0o755)
    refused("open", "accessible to others", "chmod 700")
    os.mkdir(d.dir + "/later", 0o700)
    with open(d.dir + "/later/format", "w") as f:
        f.write("mxwatch spool 9\n")
    refused("later", "does not support", code=3)
    with open(d.dir + "/later/format", "w") as f:
        f.write("mxwatch spool 1\n")
    refused("later", "data.mdb is missing", code=3)
