# SPDX-License-Identifier: ISC
"""The recipients file in all the states in which a daemon may meet it: one
daemon, one file that three domains share, and an operator with bad habits."""
import os
import time

import pytest

from lib.smtp import Raw
from lib.wait import STALL, wait_for

MANY = ["u%d@a.test OK\n" % i for i in range(1000)]


def rcpt(d, addr, mail=""):
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>" + mail)
        return c.cmd("RCPT TO:<%s>" % addr)


@pytest.fixture(scope="module")
def it(module_stack):
    d = module_stack.mxwatchd({}, start=False)
    path = d.file("rcpt", "first@a.test OK\n")
    section = 'primary = {"127.0.0.1:9"}\nrecipients = "%s"' % path
    d.write(domains={n: section for n in ("a.test", "b.test", "c.test", "bücher.test")}).start()
    return d, path


@pytest.fixture
def good(it):
    """The file is that of MANY, and the daemon has read it."""
    d, path = it
    d.file("rcpt", "".join(MANY))
    rc, out = d.ctl("reload")
    assert rc == 0, out
    assert rcpt(d, "u999@a.test").startswith("250")
    return d, path


def said(d, what, since):
    return wait_for(lambda: what in d.log()[since:], 10, "the log says " + what)


def test_what_postmap_reads(it):
    d, _ = it
    d.file("rcpt", b'\xef\xbb\xbfmark@a.test OK\r\n'      # as some editors begin a file
                   b'tab@a.test\tOK\r\n'
                   b'"with blank"@a.test OK\n'
                   b'Shout@A.TEST. OK\n'
                   b'late@a.test\n'
                   b'# between\n'
                   b'\n'
                   b' # and another\n'
                   b'   OK and more\n'
                   b'#not@a.test OK\n'
                   b'plus+ext@a.test OK\n'
                   b'm\xc3\xbcller@a.test OK\n'
                   b'u@b\xc3\xbccher.test OK\n'
                   b'no@b.test REJECT 5.2.1 full\n'
                   b'nor@b.test reject\n'
                   b'@b.test OK\n'
                   b'ignored OK\n'
                   b'one@c.test OK\n'
                   b'last@a.test OK')
    assert d.ctl("reload")[0] == 0
    for addr in ("mark@a.test", "tab@a.test", '"with blank"@a.test', '"tab"@a.test',
                 "sHOUT@a.test", "late@a.test", "plus+ext@a.test", "u@xn--bcher-kva.test",
                 "any@b.test", "last@a.test", "postmaster@c.test", "PostMaster@C.Test",
                 "postmaster"):
        assert rcpt(d, addr).startswith("250 2.1.5"), addr
    assert rcpt(d, "MÜLLER@a.test", " SMTPUTF8").startswith("550"), "only ASCII is folded"
    assert rcpt(d, "müller@a.test", " SMTPUTF8").startswith("250")
    for addr in ("not@a.test", "#not@a.test", "plus@a.test", "tab+x@a.test", "x@c.test",
                 "ignored@a.test", "x@a.test", "postmaster+x@c.test"):
        assert rcpt(d, addr).startswith("550 5.1.1"), addr
    assert rcpt(d, "no@b.test").startswith("550 5.2.1 full")
    assert rcpt(d, "nor@b.test").startswith("550 5.7.1")
    assert rcpt(d, "x@sub.b.test").startswith("554 5.7.1")


def test_a_file_that_is_being_written_turns_nobody_away(good):
    """In place, and slowly enough to be caught at it."""
    d, path = good
    begin = time.monotonic()
    with open(path, "w") as f:
        for i in range(0, 1000, 25):
            f.write("".join(MANY[i:i + 25]))
            f.flush()
            until = time.monotonic() + 0.08
            while time.monotonic() < until:
                assert rcpt(d, "u999@a.test").startswith("250"), "after %d lines" % i
        f.write("new@a.test OK\n")
    assert time.monotonic() - begin > 3, "a look and a second look fall into it"
    wait_for(lambda: rcpt(d, "new@a.test").startswith("250"), 10)


BROKEN = {
    "no value": (MANY + ["x@a.test\nnew@a.test OK\n"], 'line=1001 error="no value'),
    "no address": (MANY + ["x@-a-.test OK\n"], 'line=1001 error="the key is not an address'),
    "NUL": (MANY + ["x\0@a.test OK\n"], 'line=1001 error="NUL in the key'),
    "blank first": ([" x@a.test OK\n"], 'line=1 error="the first entry begins with a space'),
    "truncated": ([], "it has no recipients"),
    "far shorter": (MANY[:400], 'entries=400 before=1000 error="lost more than 50% at once'),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_file_is_told_and_the_last_good_one_stays(good, name):
    d, path = good
    lines, error = BROKEN[name]
    since = len(d.log())
    with open(path, "w") as f:
        f.write("".join(lines))
    d.ctl("reload")
    said(d, error, since)
    said(d, 'consequence="the last good one stays in force"', since)
    assert rcpt(d, "u999@a.test").startswith("250")
    assert rcpt(d, "nobody@a.test").startswith("550")


def test_what_is_no_file_or_cannot_be_read(good):
    d, path = good
    since = len(d.log())
    os.unlink(path)
    said(d, "No such file", since)
    assert rcpt(d, "u999@a.test").startswith("250")
    os.mkdir(path)
    rc, out = d.ctl("reload")
    assert rc == 2 and "is a directory" in out, out
    assert rcpt(d, "u999@a.test").startswith("250")
    os.rmdir(path)
    os.mkfifo(path)
    since = len(d.log())
    assert d.ctl("reload")[0] == 0
    said(d, "not a regular file", since)
    assert rcpt(d, "u999@a.test").startswith("250")
    os.unlink(path)
    d.file("rcpt", "".join(MANY[1:]) + "back@a.test OK\n")
    wait_for(lambda: rcpt(d, "back@a.test").startswith("250"), 10, "a good one is taken")
    assert rcpt(d, "u0@a.test").startswith("550")


def test_a_check_of_the_configuration_reads_it_too(it):
    d, path = it
    d.file("rcpt", "good@a.test OK\nbare@a.test\n")
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 0 and "configuration OK" in r.stdout
    told = [x for x in r.stderr.splitlines() if x.startswith(path)]
    assert len(told) == 1, "once, though four domains share it: " + r.stderr
    assert told[0].startswith(path + ":2: warning: no value after the key; ")
    d.file("rcpt", "".join(MANY))
    told = [x for x in d.run("-n", "-c", d.conf).stderr.splitlines() if path in x]
    assert ["no entry of " + n in x for x, n in zip(told, ("b.test", "c.test", "xn--bcher-kva.test"))] \
        == [True] * 3, told
    d.file("rcpt", "".join(MANY) + "@b.test OK\nx@c.test OK\nx@b\u00fccher.test OK\n")
    assert path not in d.run("-n", "-c", d.conf).stderr


def test_a_large_file_is_read_beside_the_sessions(good):
    """300,000 recipients: mail goes on while they are read."""
    d, _ = good
    d.file("rcpt", "".join("u%d@a.test OK\n" % i for i in range(300000)))
    wait_for(lambda: rcpt(d, "u299999@a.test").startswith("250"), 15, step=0.01)
    assert d.metrics().get("event_loop_lag_seconds") < STALL
