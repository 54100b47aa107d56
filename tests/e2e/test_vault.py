# SPDX-License-Identifier: ISC
"""What went back can be called back: the vault and the replay, as an operator
uses them, over kills; and what is to be erased is."""
import os
import stat
import time

import pytest

from lib.smtp import Flood, send, send_bytes, subjects, text
from lib.vault import RCPT, UNKNOWN, kept, listed, more_than_once, pair
from lib.wait import stays, wait_for


@pytest.fixture(name="pair")
def refusing_pair(stack):
    return pair(stack)


def test_refused_and_called_back(pair):
    mx, d = pair
    qid = send(d.port, "wanted", rcpts=["ada@a.test", "good@a.test"])
    wait_for(lambda: kept(d) == 1, 10)
    assert len(mx.messages) == 1, "the other one got it"
    m = d.ctl_json("vault", "a.test")[0]
    assert m["id"].startswith(qid) and m["state"] == "vault" and not m["replayed"]
    assert [(r["address"], r["state"]) for r in m["rcpts"]] == [("ada@a.test", "failed")]
    assert "no such user" in m["rcpts"][0]["reply"]
    text = d.ctl("vault")[1]
    assert qid in text and "no such user" in text and max(map(len, text.splitlines())) < 100
    assert d.ctl_json("vault", "--reply", "*USER*")[0]["id"] == m["id"]
    assert d.ctl_json("vault", "--since", "1h")[0]["id"] == m["id"]
    assert d.ctl_json("vault", "--reply", "other")[0].get("messages", 0) == 0
    # Seen first, then done.
    assert d.ctl_json("replay", "a.test", "--dry-run")[0]["id"] == m["id"]
    assert "would be queued again\n" in d.ctl("replay", "a.test", "--dry-run")[1]
    assert kept(d) == 1
    mx.misbehave[:] = []
    assert "1 message, " in d.ctl("replay", m["id"], "--dry-run")[1]
    assert d.ctl_run("replay", "a.test", "--reason", "the list was wrong").returncode == 0
    wait_for(lambda: len(mx.messages) == 2, 10)
    assert mx.messages[1].to == ["ada@a.test"]
    assert qid.encode() in mx.messages[1].data, "the Received line has the id it had"
    assert d.logged("event=replayed") and d.logged("the list was wrong")
    d.wait_empty("a.test")
    assert kept(d) == 0 and d.metrics().get("vault_ended_total", how="replay") == 1
    assert d.ctl_run("replay", "a.test").returncode == 1


def test_a_second_replay_has_to_be_meant(pair):
    mx, d = pair
    qid = send(d.port, "again", rcpts=["ada@a.test"])
    wait_for(lambda: kept(d) == 1, 10)
    assert d.ctl_run("replay", qid).returncode == 0
    wait_for(lambda: "event=replayed" in d.log() and kept(d) == 1, 10)
    got = d.ctl_run("replay", qid)
    assert got.returncode == 1 and "--again" in got.stderr
    mx.misbehave[:] = []
    assert d.ctl_run("replay", qid, "--again").returncode == 0
    wait_for(lambda: len(mx.messages) == 1, 10)


def test_removed_erased_or_not_kept(pair):
    mx, d = pair
    mx.stop()
    d.wait_state("a.test", "down")
    ids = [send(d.port, "m%d" % i, rcpts=["x%d@a.test" % i]) for i in range(4)]
    assert d.ctl_run("remove", ids[0]).returncode == 0
    assert d.ctl_run("remove", ids[1], "--purge").returncode == 0
    wait_for(lambda: kept(d) == 1, 10)
    assert d.ctl_run("remove", ids[2]).returncode == 0
    wait_for(lambda: kept(d) == 2, 10)
    assert d.ctl_run("vault", "purge", ids[0]).returncode == 0
    assert d.ctl_run("vault", "purge", "X2@a.test").returncode == 0
    assert kept(d) == 0
    assert d.ctl_run("vault", "purge", "nobody@a.test").returncode == 1
    other = send(d.port, "not kept", rcpts=["y@none.test"])
    assert d.ctl_run("remove", other).returncode == 0
    stays(lambda: kept(d) == 0, 1)
    for where, folders, files in os.walk(d.spool):
        for f in [where] + [os.path.join(where, f) for f in files]:
            assert stat.S_IMODE(os.stat(f).st_mode) & 0o077 == 0, f


def test_space_is_for_mail_first(stack, tmpfs):
    """The vault goes, the oldest first and not more than is wanted, before a client
    hears 452 for want of space; and what is in the queue stays."""
    mx = stack.fakemx(misbehave=["say-rcpt=" + UNKNOWN, "except=postmaster@a.test"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port,
                        "down.test": 'primary = {"127.0.0.1:9"}'},
                       spool=os.path.join(tmpfs, "spool"), reserve="4M", defaults=RCPT,
                       queue='segment_size = "1M"')
    d.wait_state("a.test", "up")
    body = ("0123456789" * 7 + "\n") * 2000  # 140 KB
    for i in range(20):
        send_bytes(d.port, text("refused%d" % i, body), rcpts=["x%d@a.test" % i])
    wait_for(lambda: kept(d) == 20, 10)
    since = {m["id"]: m["vaulted"] for m in listed(d, "a.test")}

    def leave(room):
        """Others take all but so much."""
        with open(os.path.join(tmpfs, "others"), "ab") as f:
            fs = os.statvfs(tmpfs)
            more = fs.f_bavail * fs.f_frsize - room
            if more > 0:
                os.posix_fallocate(f.fileno(), f.tell(), more)

    def gone():
        leave(4300000)
        return kept(d) == 0

    leave((6 << 20) - 100000)  # of 6 MB, half of the reserve above it: one, and one again
    wait_for(lambda: kept(d) < 20, 10)
    there = {m["id"] for m in listed(d, "a.test")}
    ended = [t for i, t in since.items() if i not in there]
    assert ended and there, "not all at once"
    assert max(ended) <= min(since[i] for i in there)
    wait_for(gone, 20)  # what it gives goes to others
    assert d.metrics().get("vault_ended_total", how="space") == 20
    queued = 0
    with pytest.raises(AssertionError, match="452 4.3.1"):
        while queued < 400:
            send_bytes(d.port, text("m%d" % queued, body), rcpts=["u@down.test"])
            queued += 1
    assert d.metrics().queued("down.test") == queued > 0


def test_many_over_kills(pair):
    """A thousand refused, killed in between, called back: each once."""
    mx, d = pair
    flood = Flood(d.port, rcpt="many@a.test", threads=4, count=1000)
    flood.join(60)
    assert len(flood.acked) == 1000
    d.kill9()
    d.start()
    wait_for(lambda: kept(d) == 1000, 60, "all of them refused and kept")
    d.kill9()
    d.start()
    wait_for(lambda: kept(d) == 1000, 20, "still")
    mx.misbehave[:] = []
    assert d.ctl_run("replay", "a.test").returncode == 0
    wait_for(lambda: len(mx.messages) > 50, 20)
    kills = [time.time()]
    d.kill9()
    d.start()
    wait_for(lambda: d.metrics().queued("a.test") == 0 and kept(d) == 0 or
             d.ctl_run("replay", "a.test").returncode and False, 60, "delivered")
    assert set(subjects(m.data for m in mx.messages)) == flood.acked
    # What was under way at the kill may be there twice (RFC 1047).
    more_than_once(mx.messages, kills)
