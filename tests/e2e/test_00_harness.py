# SPDX-License-Identifier: ISC
"""The harness by itself: what it stands on works before anything is blamed on
the daemon."""
import socket
import time
import types

from lib import cases
from lib.dns import query
from lib.net import is_listening
from lib.smtp import Raw, send, text
from lib.soak_book import Book


def test_postfix_stores_what_it_gets(stack):
    p = stack.primary(["a.test"], access={"bad@a.test": "550 5.1.1 no", "busy@a.test": "450 4.2.0 wait"})
    send(p.port, "to postfix", rcpts=["u@a.test"]) 
    assert b"Subject: to postfix" in p.wait_messages(1)[0]
    with Raw(p.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        assert c.cmd("RCPT TO:<bad@a.test>").startswith("550")
        assert c.cmd("RCPT TO:<busy@a.test>").startswith("450")
        assert c.cmd("RCPT TO:<u@other.test>").startswith("554")
    p.set_access({})
    p.stop()
    assert not is_listening(p.port)
    p.start()
    with Raw(p.port) as c:
        c.begin(rcpt="bad@a.test")


def test_nsd_answers_and_fails(stack):
    d = stack.dns({"a.test": "@ IN MX 10 mx.a.test.\nmx IN A 127.0.0.2", "broken.test": None})
    assert query(d.port, "a.test") == 0
    assert query(d.port, "x.a.test") == 3
    assert query(d.port, "broken.test") == 2
    assert query(d.port, "other.test") == 5
    d.set(a_test="@ IN MX 10 mx2.a.test.\nmx2 IN A 127.0.0.3")
    assert query(d.port, "mx2.a.test") == 0


def test_fakemx_stores_and_misbehaves(stack):
    m = stack.fakemx(misbehave=["rcpt-550=no@a.test"])
    send(m.port, "one")
    assert m.messages[0].data == text("one") and m.messages[0].to == ["u@a.test"]
    with Raw(m.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<>")
        assert c.cmd("RCPT TO:<no@a.test>").startswith("550")
    m.misbehave[:] = ["chunking"]
    with Raw(m.port) as c:
        c.send("EHLO x.test\r\n")
        assert "CHUNKING" in c.reply()
        c.send("MAIL FROM:<>\r\nRCPT TO:<u@a.test>\r\nBDAT 5\r\n.one\nBDAT 4 LAST\r\ntwo\n"
               "MAIL FROM:<>\r\nBDAT 3 LAST\r\nno\nNOOP\r\n")
        assert [c.reply()[:3] for _ in range(7)] == ["250"] * 5 + ["503", "250"]
    assert m.messages[1].data == b".one\ntwo\n" and len(m.messages) == 2
    m.misbehave[:] = ["banner-421"]
    with Raw(m.port) as c:
        assert c.greeting.startswith("421") and c.at_end()
    m.misbehave[:] = ["silent-at-banner"]
    with Raw(m.port, greet=False, timeout=0.3) as c:
        try:
            c.reply()
            raise AssertionError("it spoke")
        except socket.timeout:
            pass


def test_the_books_of_a_soak():
    """What must not be shows, and what a kill or a cut explains does not."""
    def book(reply=None, takings=(), killed=()):
        b = Book()
        b.killed.update(dict.fromkeys(killed, time.time()))
        b.open("m-1", ["u@a.test"])
        b.sent("m-1")
        if reply:
            b.answered("m-1", reply)
        for life, sure in takings:
            b.takes("m-1", ["u@a.test"], life, True).sure = sure
        return b
    ok = "250 2.0.0 Ok"
    assert "lost" in book(ok).faults()[0]
    assert book().faults() == [] and book("451 4.3.0 no").faults() == []
    assert book(takings=[(1, True)]).faults() == [], "cut before the reply"
    assert "though refused" in book("451 4.3.0 no", [(1, True)]).faults()[0]
    assert book(ok, [(1, True)]).faults() == []
    assert "twice" in book(ok, [(1, True), (1, True)]).faults()[0]
    assert book(ok, [(1, True), (2, True)], {1}).faults() == []
    assert "twice" in book(ok, [(1, True), (2, True), (2, True)], {1}).faults()[0]
    assert book(ok, [(1, False), (1, True)]).faults() == []
    b = book(ok, [(1, True), (2, True)])
    b.killed[1] = time.time() + 60
    assert "twice" in b.faults()[0], "it was noted long before"
    b = book(ok, [(1, True)])
    b.takes("m-1", ["x@a.test"], 1, True)
    b.takes("m-1", ["u@a.test"], 1, False)
    b.takes("m-2", ["u@a.test"], 1, True)
    assert len(b.faults()) == 3


def test_the_table_of_cases(tmp_path, monkeypatch):
    assert cases.cases("test_case_C4_C5_full[case_B1_x]") == ["C4", "C5", "B1"]
    assert cases.cases("test_case_K_very_many") == cases.cases("case_E2E") == []
    path = str(tmp_path / "outcomes")
    monkeypatch.setenv("MXWATCH_CASES", path)

    def outcome(name, word, when="call"):
        cases.note(types.SimpleNamespace(nodeid="tests/e2e/test_x.py::test_" + name, when=when,
                                         outcome=word, passed=word == "passed"))
    outcome("case_A1", "passed", "setup")
    assert not (tmp_path / "outcomes").exists()
    for name, word, when in (
            ("case_A1", "passed", "call"), ("case_A2", "passed", "call"),
            ("case_A2_A3[a/b]", "failed", "call"), ("case_A4", "passed", "call"),
            ("case_A4", "failed", "teardown"), ("case_A5", "skipped", "setup")):
        outcome(name, word, when)
    lines, n = cases.table([path])
    got = {x.split()[0]: x for x in lines}
    assert len(got) == len(lines) == sum(n.values())
    for case, word, test in (
            ("A1", "passed", "test_x.py::test_case_A1"), ("A2", "failed", "test_x.py::test_case_A2_A3[a/b] +1"),
            ("A3", "failed", "test_x.py::test_case_A2_A3[a/b]"), ("A4", "failed", "test_x.py::test_case_A4"),
            ("A5", "not run ", "test_x.py::test_case_A5"), ("C4", "not run ", "test_06_disk.py::")):
        line = got["case_" + case]
        assert line[9:].lstrip().startswith(word + " ") and test in line, line
    monkeypatch.setattr(cases, "written", dict)
    assert cases.table([path])[1]["no test"] == len(lines) - 5
