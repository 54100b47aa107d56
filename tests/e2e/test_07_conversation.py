# SPDX-License-Identifier: ISC
"""What is said to a client: tables of lines and the replies they must have,
against one daemon. The names are those of the list of cases (A2, B10, ...)."""
import random
import re
import socket
import threading
import time

import pytest

from lib.dsn import Dsn
from lib.mxwatchd import PLAIN
from lib.net import certificate
from lib.smtp import Raw, send, send_bytes, stuff, subjects, text
from lib.wait import wait_for

LIMIT = 100 * 1024


@pytest.fixture(scope="module")
def it(module_stack):
    mx = module_stack.fakemx()
    section = 'primary = {"127.0.0.1:%d"}' % mx.port
    d = module_stack.mxwatchd({"a.test": section, "bücher.test": section}, start=False)
    d.write(smtpd='message_size = "100K" timeout = "3s" max_errors = 20 max_commands = 100 '
                  'max_recipients = 100 tls_cert = "%s" tls_key = "%s"'
                  % certificate(d.dir)).start()
    d.wait_state("a.test", "up")
    return d, mx


@pytest.fixture(autouse=True)
def nothing_left(it):
    """What an earlier test sent has arrived."""
    it[0].wait_empty("a.test")


E = ("EHLO client.test", "250")
M = ("MAIL FROM:<s@sender.test>", "250 2.1.0")
R = ("RCPT TO:<u@a.test>", "250 2.1.5")
R503 = ("RCPT TO:<u@a.test>", "503 5.5.1")
LONG = "l" * 600

# name: [(line, start of the reply or regular expression), ...]
TABLE = {
    "A2 HELO bare": [("HELO", "501"), ("EHLO", "501")],
    "A2 HELO is enough": [("HELO client.test", "250 "), M, R],
    "A2 MAIL before EHLO": [("MAIL FROM:<s@sender.test>", "503 5.5.1")],
    "A2 RCPT before MAIL": [E, ("RCPT TO:<u@a.test>", "503 5.5.1")],
    "A2 DATA without RCPT": [E, ("DATA", "503"), M, ("DATA", "503|554")],
    "A2 DATA x": [E, M, R, ("DATA x", "501"), ("DATA", "354"), (".", "250")],
    "A2 RSET x": [E, ("RSET x", "501"), ("RSET", "250")],
    "A2 QUIT x": [E, ("QUIT x", "501"), ("QUIT", "221 2.0.0")],
    "A2 a HELO that is no name": [("HELO a b", "501"), ("EHLO <x>", "501"), ("EHLO ü", "501"),
                                  ("EHLO " + "a" * 256, "501"), ("EHLO [127.0.0.1]", "250"),
                                  ("HELO under_score", "250 ")],
    "A2 nothing before EHLO": [("MAIL FROM:<s@sender.test> SIZE=5", "503"), ("DATA", "503"),
                               ("RSET", "250"), ("NOOP", "250"), ("VRFY x", "252")],
    "A2 HELO offers no parameters": [("HELO client.test", "250 "),
                                     ("MAIL FROM:<s@sender.test> SIZE=5", "555 5.5.4"),
                                     ("MAIL FROM:<ü@sender.test> SMTPUTF8", "553 5.6.7"), M,
                                     ("RCPT TO:<u@a.test> NOTIFY=NEVER", "555 5.5.4"), R],
    "A2 blanks": [E, (" MAIL FROM:<s@sender.test>", "500"), ("MAIL FROM :<s@sender.test>", "501"),
                  ("DATA ", "503"), ("RSET\t", "250"), ("MAIL  FROM:<s@sender.test> ", "250")],
    "A2 NOOP takes anything": [E, ("NOOP", "250"), ("NOOP something", "250")],
    "A3 second MAIL": [E, M, R, ("MAIL FROM:<t@sender.test>", "503 5.5.1"), ("DATA", "354"),
                       (".", "250 2.0.0")],
    "A3 MAIL and EHLO within": [E, M, ("MAIL FROM:<t@sender.test> FOO=1", "555"), R, E, R503,
                                ("DATA", "503")],
    "A4 postmaster": [E, M, ("RCPT TO:<PoStMaStEr>", "250"), ("RCPT TO:<PoStMaStEr@a.test>", "250")],
    "A5 VRFY without an argument": [("VRFY", "501"), ("EXPN", "501"), ("VRFY ü", "501")],
    "A5 VRFY and EXPN": [E, ("VRFY u@a.test", "252"), ("EXPN list", "502|252"), ("HELP", "214")],
    "A6 case does not matter": [("eHlO client.test", "250"), ("mail from:<s@sender.test>", "250"),
                                ("Rcpt tO:<U@A.TEST>", "250"), ("rset", "250")],
    "A7 512 bytes are fine": [E, ("NOOP " + "x" * 505, "250")],
    "A7 999 bytes are not": [E, ("NOOP " + "x" * 999, "500 5.(5.2|2.3)"), ("NOOP", "250")],
    "A15 SIZE above the limit": [E, ("MAIL FROM:<s@sender.test> SIZE=%d" % (LIMIT + 1), "552 5.3.4"),
                                 ("MAIL FROM:<s@sender.test> SIZE=%d" % LIMIT, "250")],
    "A15 SIZE beyond numbers": [E, ("MAIL FROM:<s@sender.test> SIZE=50000000000000000000000",
                                    "501|552"), M],
    "A15 SIZE of nothing": [E, ("MAIL FROM:<s@sender.test> SIZE=0", "250"), R, ("DATA", "354"),
                            (".", "250")],
    "A15 SIZE that is none": [E, ("MAIL FROM:<s@sender.test> SIZE=1x", "501"),
                              ("MAIL FROM:<s@sender.test> SIZE=-1", "501"),
                              ("MAIL FROM:<s@sender.test> SIZE", "501")],
    "A16 unknown parameter": [E, ("MAIL FROM:<s@sender.test> FOO=bar", "555 5.5.4"), M,
                              ("RCPT TO:<u@a.test> FOO", "555 5.5.4")],
    "A16 the same twice": [E, ("MAIL FROM:<s@sender.test> SIZE=1 SIZE=2", "501"),
                           ("MAIL FROM:<s@sender.test> BODY=7BIT BODY=8BITMIME", "501")],
    "A16 what is no parameter": [E, ("MAIL FROM:<s@sender.test> =x", "501"),
                                 ("MAIL FROM:<s@sender.test>SIZE=5", "501"),
                                 ("MAIL FROM:<s@sender.test> AUTH=<>", "555"),
                                 ("MAIL FROM:<s@sender.test> REQUIRETLS", "555"),
                                 ("MAIL FROM:<s@sender.test> SMTPUTF8=1", "501"),
                                 ("MAIL FROM:<s@sender.test> SMTPUTF8 SMTPUTF8", "501"),
                                 ("MAIL FROM:<s@sender.test> BODY", "501"),
                                 ("MAIL FROM:<s@sender.test>   size=5   body=8bitmime  ", "250"),
                                 ("RCPT TO:<u@a.test> SIZE=5", "555"),
                                 ("RCPT TO:<u@a.test> <v@a.test>", "501"),
                                 ("RCPT TO:<u@a.test>,<v@a.test>", "501")],
    "A16 BODY": [E, ("MAIL FROM:<s@sender.test> BODY=BINARYMIME", "5"),
                 ("MAIL FROM:<s@sender.test> BODY=8BITMIME", "250"), ("RSET", "250"),
                 ("MAIL FROM:<s@sender.test> body=7bit", "250")],
    "A17 UTF-8 without the parameter": [E, ("MAIL FROM:<grüß@sender.test>", "553 5.6.7"), M,
                                        ("RCPT TO:<grüß@a.test>", "553 5.6.7")],
    "A17 U-labels and A-labels": [E, ("MAIL FROM:<s@bücher.test>", "553 5.6.7"),
                                  ("MAIL FROM:<s@bücher.test> SMTPUTF8", "250"),
                                  ("RCPT TO:<u@bücher.test>", "250"),
                                  ("RCPT TO:<u@XN--Bcher-KVA.test.>", "250"), ("RSET", "250"), M,
                                  ("RCPT TO:<u@bücher.test>", "553 5.6.7"),
                                  ("RCPT TO:<u@xn--bcher-kva.test>", "250")],
    "A17 UTF-8 that is none": [E, (b"MAIL FROM:<\xff@sender.test> SMTPUTF8", "501"),
                               (b"MAIL FROM:<\xc0\xaf@sender.test> SMTPUTF8", "501")],
    "A17 UTF-8 with it": [E, ("MAIL FROM:<grüß@sender.test> SMTPUTF8", "250"),
                          ("RCPT TO:<grüß@a.test>", "250")],
    "A20 null sender": [E, ("MAIL FROM:<>", "250"), R, ("DATA", "354"), (".", "250")],
    "B4 NUL": [E, ("MAIL FROM:<s\0@sender.test>", "5"), ("NOOP \0", "[25]"), M,
               ("RCPT TO:<u@a.test\0.evil.test>", "5")],
    "B10 bytes above 127": [E, (bytes(range(128, 256)), "501 5.5.2"), (b"NOOP \xff", "501 5.5.2"),
                            (b"HELP \xc3\xbc", "501"), ("NOOP", "250")],
    "B10 control characters": [E, (b"NOOP\x01", "50[01]"), (b"NOOP\rNOOP", "501 5.5.2"),
                               (b"NOOP \x7f", "501"), (b"RCPT TO:<u@a.test\r>", "50[13]"),
                               ("NOOP", "250")],
    "B11 paths that are right": [E] + [x for p in (
        '"a b"', '"a\\"b"', '"a@b"', '""', ".a", "a..b", "a.", "a+b", "a/b", "a=b", "{a}")
        for x in (("MAIL FROM:<%s@sender.test>" % p, "250"), ("RSET", "250"))],
    "B11 domains that are right": [E] + [x for p in (
        "x", "X.TEST.", "x_y.test", "_x.y-z.test", "1.x2", "[192.0.2.1]", "[IPv6:2001:db8::1]")
        for x in (("MAIL FROM:<a@%s>" % p, "250"), ("RSET", "250"))],
    "B11 paths that are wrong": [E] + [("MAIL FROM:" + p, "501 5.1.7") for p in (
        "< >", '<"">', "<a b@x.test>", "<a@x..test>", "<a@.x>", "<a@-x.test>", "<<a@x.test>>")],
    "B11 more that are wrong": [E] + [("MAIL FROM:" + p, "501 5.1.7") for p in (
        "<a@[300.1.1.1]>", "<a@[IPv6:zz]>", "<a@[x:y]>", "<a@192.0.2.1>", "<@r:>", "<@:a@x>",
        "<a(c)@x.test>", "<postmaster>")],
    "B11 recipients": [E, M, ("RCPT TO:<>", "501"), ("RCPT TO:<u>", "501"), ("RCPT TO:<u@>", "501"),
                       ("RCPT TO:<U@A.Test.>", "250"), ('RCPT TO:<"u v"@a.test>', "250"),
                       ("RCPT TO:<u@[127.0.0.1]>", "554 5.7.1")],
    "B11 source route": [E, M, ("RCPT TO:<@a,@b:u@a.test>", "[25]"),
                         ("RCPT TO:<@a.test:u@other.test>", "55[04]")],
    "B11 percent": [E, M, ("RCPT TO:<u%other.test@a.test>", "[25]")],
    "B11 quoted at": [E, M, ('RCPT TO:<"u@other.test"@a.test>', "[25]"),
                      ('RCPT TO:<"u@a.test"@other.test>', "554 5.7.1")],
    "B11 two ats": [E, M, ("RCPT TO:<u@other.test@a.test>", "50[13]|55\\d"),
                    ("RCPT TO:<u@a.test@other.test>", "50[13]|55\\d")],
    "B11 literal": [E, M, ("RCPT TO:<u@[127.0.0.1]>", "554 5.7.1|55[04]")],
    "B11 long local part": [E, M, ("RCPT TO:<%s@a.test>" % LONG, "250"),
                            ("RCPT TO:<%sx@a.test>" % LONG, "5")],
    "B11 long domain": [E, M, ("RCPT TO:<u@%s.a.test>" % ("d" * 64), "5"),
                        ("RCPT TO:<u@%s>" % ".".join(["d" * 63] * 5), "5")],
    "B11 no brackets, blanks": [E, ("MAIL FROM: <s@sender.test>", "[25]"), ("RSET", "250"),
                                ("MAIL FROM:s@sender.test", "[25]"), ("RSET", "250"),
                                ("MAIL FROM:<s@sender.test", "501"), ("MAIL FROM:", "501"),
                                ("MAIL", "501"), ("RCPT", "50[13]")],
    "B14 foreign domain": [E, M, ("RCPT TO:<u@other.test>", "554 5.7.1"),
                           ("RCPT TO:<u@sub.a.test>", "554 5.7.1"),
                           ("RCPT TO:<u@xa.test>", "554 5.7.1"),
                           ("RCPT TO:<u@a.test.>", "[25]")],
    "unknown commands": [E, ("XYZZY", "500 5.5.[12]"), ("", "500 5.5.[12]"), ("AUTH PLAIN x", "50[02]"), ("ETRN a.test", "50[02]|45\\d"), ("NOOP", "250")],
    "what is not offered": [E] + [(x, "50[02]") for x in (
        "XCLIENT ADDR=192.0.2.1", "XFORWARD ADDR=192.0.2.1", "TURN", "SEND FROM:<s@x.test>",
        "SOML FROM:<s@x.test>", "SAML FROM:<s@x.test>", "XEXCH50 1 2", "BURL x")] + [M],
    "RSET forgets": [E, M, R, ("RSET", "250"), ("DATA", "503"), ("RCPT TO:<u@a.test>", "503")],
    "EHLO forgets": [E, M, R, E, ("DATA", "503")],
    "DSN parameters": [E, ("MAIL FROM:<s@sender.test> RET=MAYBE", "501"),
                       ("MAIL FROM:<s@sender.test> RET=HDRS ENVID=a+2Bb", "250"),
                       ("RCPT TO:<u@a.test> NOTIFY=NEVER,DELAY", "501"),
                       ("RCPT TO:<u@a.test> NOTIFY=SOON", "501"),
                       ("RCPT TO:<u@a.test> ORCPT=nonsense", "501"),
                       ("RCPT TO:<u@a.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;u+2B@x.test", "250")],
    "DSN parameters at their limits": [
        E, ("MAIL FROM:<s@sender.test> ENVID=" + "a" * 101, "501"),
        ("MAIL FROM:<s@sender.test> ENVID=", "501"), ("MAIL FROM:<s@sender.test> ENVID=a+4", "501"),
        ("MAIL FROM:<s@sender.test> ENVID=a+0D+0A", "501"),
        ("MAIL FROM:<s@sender.test> RET=FULL RET=HDRS", "501"),
        ("MAIL FROM:<s@sender.test> ENVID=" + "a" * 100, "250"),
        ("RCPT TO:<u@a.test> NOTIFY=", "501"), ("RCPT TO:<u@a.test> NOTIFY=DELAY,", "501"),
        ("RCPT TO:<u@a.test> ORCPT=rfc822;", "501"), ("RCPT TO:<u@a.test> ORCPT=;x", "501"),
        ("RCPT TO:<u@a.test> ORCPT=rfc822;" + "a" * 494, "501"),
        ("RCPT TO:<u@a.test> NOTIFY=NEVER ORCPT=rfc822;" + "a" * 493, "250")],
}


def case(name):
    """"A2 HELO bare" -> "case_A2_HELO_bare": -k finds it."""
    return "case_" + re.sub(r"\W+", "_", name)


@pytest.mark.parametrize("name", sorted(TABLE), ids=case)
def test_conversation(it, name):
    d, _ = it
    with Raw(d.port) as c:
        for line, want in TABLE[name]:
            got = c.cmd(line)
            assert re.match(want, got), "%r -> %r, not %s" % (line, got, want)


def test_case_A1_no_advertised_keyword_is_refused(it):
    d, _ = it
    with Raw(d.port) as c:
        lines = c.ok("EHLO client.test").split("\n")
        assert lines[0].split()[0][4:] == "mx2.backup.test"
        words = [x[4:].split()[0] for x in lines[1:]]
        assert {"PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING",
                "XMXWATCH"} <= set(words)
        assert "SIZE %d" % LIMIT in [x[4:] for x in lines]
        for verb in ("EXPN", "HELP", "VRFY", "ETRN", "CHUNKING", "STARTTLS"):
            if verb in words:
                got = c.cmd({"CHUNKING": "BDAT 0"}.get(verb, verb + " x"))
                assert not got.startswith(("500", "502")), verb
        for word, args in (("SIZE", "SIZE=1"), ("8BITMIME", "BODY=8BITMIME"), ("DSN", "RET=HDRS"),
                           ("SMTPUTF8", "SMTPUTF8")):
            assert word in words
            c.ok("MAIL FROM:<s@sender.test> " + args)
            c.ok("RSET")
        assert "STARTTLS" in words
        c.starttls()
        assert "STARTTLS" not in c.ok("EHLO client.test")
    with Raw(d.port) as c:
        assert re.match(r"220 mx2\.backup\.test ESMTP", c.greeting)


def test_every_reply_has_an_enhanced_status(it):
    d, _ = it
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        for line in ("MAIL FROM:<s@sender.test>", "RCPT TO:<u@a.test>", "RCPT TO:<u@b.test>",
                     "DATA x", "RSET", "XYZZY", "MAIL", "NOOP", "VRFY x", "QUIT"):
            got = c.cmd(line)
            assert re.match(r"([245])\d\d \1\.\d{1,3}\.\d{1,3} \S", got), got


def test_case_A7_a_line_without_end(it):
    """10 MB without CRLF: refused or closed, memory stays flat."""
    d, _ = it
    rss = d.rss()
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        try:
            for _ in range(160):
                c.send(b"x" * 65536)
            c.send(b"\r\n")
            got = c.reply()
            assert got.startswith(("500", "421")), got
        except OSError:
            pass
    assert d.rss() - rss < 32 * 1024 * 1024
    send(d.port, "still served")


def deliver(it, data, **kw):
    d, mx = it
    n = len(mx.messages)
    with Raw(d.port, timeout=30) as c:
        c.begin(args=kw.get("args", ""))
        c.ok("DATA", "354")
        c.send(data)
        got = c.reply()
    if not got.startswith("250"):
        return got, None
    wait_for(lambda: len(mx.messages) > n, 10, "delivered")
    m = mx.messages[n]
    head, rest = re.match(rb"(?s)(Received: (?:[^\r\n]+\r\n[ \t])*[^\r\n]+\r\n)(.*)", m.data).groups()
    return rest, m


def test_case_A8_lines_of_any_length(it):
    for n in (998, 999, 1001, 65536):
        body = b"Subject: x\r\n\r\n" + b"y" * n + b"\r\n"
        got, m = deliver(it, stuff(body))
        assert m is not None and got == body, n


def test_case_A9_dots(it):
    for lines in ([b"."], [b".."], [b".x"], [b"", b".", b"..", b"...", b"x."], [b""], [b".", b"."]):
        body = b"Subject: x\r\n\r\n" + b"".join(x + b"\r\n" for x in lines)
        got, m = deliver(it, stuff(body))
        assert m is not None and got == body, lines


def test_case_A10_pipelined_in_one_segment_and_byte_by_byte(it):
    d, mx = it
    script = (b"EHLO p.test\r\nMAIL FROM:<s@sender.test>\r\nRCPT TO:<u@a.test>\r\n"
              b"RCPT TO:<u@other.test>\r\nRCPT TO:<v@a.test>\r\nDATA\r\n")
    end = b"Subject: piped\r\n\r\nx\r\n.\r\nNOOP\r\nQUIT\r\n"
    want = ["220", "250", "250", "250", "554", "250", "354", "250", "250", "221"]
    with Raw(d.port, greet=False) as c:
        got = [c.reply()[:3]]
        c.send(script + end)
        got += [c.reply()[:3] for _ in range(9)]
        assert got == want and c.at_end()
    with Raw(d.port, greet=False) as c:
        got = [c.reply()[:3]]
        for b in script + end:
            c.send(bytes([b]))
        got += [c.reply()[:3] for _ in range(9)]
        assert got == want and c.at_end()
    wait_for(lambda: len([m for m in mx.messages if b"piped" in m.data]) == 2)
    assert all(m.to == ["u@a.test", "v@a.test"] for m in mx.messages if b"piped" in m.data)


def bdat(c, data, last=False):
    c.send(b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data)


def test_case_A12_chunks(it):
    """One; several with a NOOP between and an empty last one; a second mail
    right behind; everything in one segment, and inside TLS."""
    d, mx = it
    n = len(mx.messages)
    body = b"Subject: chunked\r\n\r\n.\r\n..\r\nno dots are undone\r\n"
    with Raw(d.port) as c:
        assert "250-CHUNKING" in c.ok("EHLO client.test")
        c.starttls()
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        c.ok("RCPT TO:<u@a.test>")
        c.send(b"BDAT %d LAST\r\n" % len(body) + body +
               b"MAIL FROM:<s@sender.test>\r\nRCPT TO:<u@a.test>\r\n"
               b"BDAT 30\r\n" + body[:30] + b"NOOP\r\nBDAT %d\r\n" % (len(body) - 30) +
               body[30:] + b"BDAT 0 LAST\r\nQUIT\r\n")
        got = [c.reply() for _ in range(8)]
        assert [x[:9] for x in got] == ["250 2.0.0", "250 2.1.0", "250 2.1.5"] + \
            ["250 2.0.0"] * 4 + ["221 2.0.0"], got
        assert "queued as" in got[0] and "30 octets" in got[3] and "queued as" in got[6]
        assert c.at_end()
    wait_for(lambda: len(mx.messages) >= n + 2, 10)
    for m in mx.messages[n:]:
        assert m.data.endswith(body) and m.data[:-len(body)].count(b"Received:") == 1


def test_case_A12_chunks_that_smuggle(it):
    """B1 and B3 in chunks: one message, and no bare CR or LF goes on."""
    d, mx = it
    n = len(mx.messages)
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        for end in EODS.values():
            c.ok("MAIL FROM:<s@sender.test>")
            c.ok("RCPT TO:<u@a.test>")
            bdat(c, b"Subject: outer\r\n\r\nbefore" + end[:2])
            assert c.reply().startswith("250")
            bdat(c, end[2:] + b"\r\n.\r\n" + ENVELOPE, True)
            assert "queued as" in c.reply()
    wait_for(lambda: len(mx.messages) >= n + len(EODS), 10)
    assert len(mx.messages) == n + len(EODS)
    for m in mx.messages[n:]:
        rest = m.data.replace(b"\r\n", b"")
        assert m.to == ["u@a.test"] and m.data.endswith(b"smuggled\r\n.\r\n")
        assert b"\n" not in rest and b"\r" not in rest, m.data


def test_case_A14_chunks_out_of_order(it):
    d, mx = it
    n = len(mx.messages)
    evil = b"MAIL FROM:<evil@sender.test>\r\nRSET\r\n"
    with Raw(d.port) as c:
        bdat(c, evil, True)
        assert c.reply().startswith("503")
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        c.ok("RCPT TO:<u@a.test>")
        bdat(c, b"Subject: open\r\n\r\n")
        assert c.reply().startswith("250")
        for line in ("DATA", "MAIL FROM:<s@sender.test>", "RCPT TO:<v@a.test>"):
            assert c.cmd(line).startswith("503 5.5.1"), line
        bdat(c, b"done\r\n", True)
        assert "queued as" in c.reply()
        c.ok("MAIL FROM:<s@sender.test>")
        assert c.cmd("RCPT TO:<u@other.test>").startswith("554")
        bdat(c, evil, True)
        assert c.reply().startswith("503")
        c.ok("MAIL FROM:<s@sender.test>")
        c.ok("RCPT TO:<u@a.test>")
        bdat(c, b"x" * LIMIT)
        assert c.reply().startswith("250")
        bdat(c, b"y", True)
        assert c.reply().startswith("552 5.3.4")
        c.ok("MAIL FROM:<s@sender.test>")
    wait_for(lambda: len(mx.messages) > n)
    assert mx.messages[n].data.endswith(b"Subject: open\r\n\r\ndone\r\n")
    assert mx.messages[n].to == ["u@a.test"] and len(mx.messages) == n + 1


@pytest.mark.parametrize("line", ["BDAT", "BDAT -1", "BDAT 99999999999999999999", "BDAT 5 FIRST",
                                  "BDAT x", "BDAT 5 LAST 6", "BDAT %0600d" % 1])
def test_case_A14_a_length_that_is_none_closes(it, line):
    """What follows may be a chunk: it is not taken for commands."""
    d, _ = it
    with Raw(d.port) as c:
        c.begin()
        c.send(line + "\r\nNOOP\r\nQUIT\r\n")
        assert re.match("5(00|01|52) ", c.reply()) and c.at_end()


def test_case_A21_a_chunk_that_does_not_come(it):
    d, _ = it
    with Raw(d.port) as c:
        c.begin()
        c.send(b"BDAT 100 LAST\r\nhalf")
        assert c.reply().startswith("421 4.4.2") and c.at_end()


def test_case_A15_more_than_declared_and_more_than_the_limit(it):
    d, _ = it
    body = text("big", "x" * 70 + "\n")
    got, m = deliver(it, stuff(body), args=" SIZE=5")
    assert m is not None, "more than declared is fine"
    with Raw(d.port) as c:
        c.begin()
        c.ok("DATA", "354")
        c.send(stuff(body + (b"y" * 76 + b"\r\n") * 2000))
        assert c.reply().startswith("552 5.3.4")
        c.ok("NOOP")
        c.ok("MAIL FROM:<s@sender.test>")


def test_case_A19_received_line(it):
    d, mx = it
    old = b"Received: from x by y; Sun, 22 Nov 2026 10:00:00 +0000\r\nX-Trace: 1\r\n"
    got, m = deliver(it, stuff(old + b"Subject: t\r\n\r\nx\r\n"))
    assert got == old + b"Subject: t\r\n\r\nx\r\n"
    ours = m.data[:len(m.data) - len(got)]
    assert re.match(rb"Received: from client\.test \(.*\[127\.0\.0\.1\]\)\s+by mx2\.backup\.test", ours)
    assert re.search(rb"with ESMTP\s", ours) and re.search(rb"\sid [0-9A-F]+", ours)
    assert re.search(rb";\s+\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n$", ours)
    assert b"for <u@a.test>" in ours
    assert max(map(len, ours.split(b"\r\n"))) <= 78 + 20
    with Raw(d.port) as c:
        n = len(mx.messages)
        c.begin(rcpt=["u@a.test", "v@a.test"])
        c.ok("DATA", "354")
        c.send(b"Subject: two\r\n\r\n.\r\n")
        c.reply()
    wait_for(lambda: len(mx.messages) > n)
    assert b"for <" not in mx.messages[n].data


def test_case_A20_null_sender_is_relayed_as_such(it):
    d, mx = it
    n = len(mx.messages)
    send(d.port, "null", sender="")
    wait_for(lambda: len(mx.messages) > n)
    assert mx.messages[n].sender == ""


def test_case_A21_idle_is_cut_with_421(it):
    d, _ = it
    begin = time.monotonic()
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        assert c.reply().startswith("421 4.4.2") and c.at_end()
    assert 2 < time.monotonic() - begin < 8
    with Raw(d.port) as c:  # in the middle of a message, too
        c.begin()
        c.ok("DATA", "354")
        c.send(b"Subject: half\r\n")
        assert c.reply().startswith("421 4.4.2") and c.at_end()


EODS = {
    "LF.LF": b"\n.\n", "CR.CR": b"\r.\r", "CR.LF": b"\r.\n", "LF.CR": b"\n.\r",
    "LF.CRLF": b"\n.\r\n", "CRLF.LF": b"\r\n.\n", "CR.CRLF": b"\r.\r\n", "CRLF.CR": b"\r\n.\r",
    "CRLF NUL.CRLF": b"\r\n\0.\r\n", "CRLF.NUL CRLF": b"\r\n.\0\r\n", "CRCRLF.CRCRLF": b"\r\r\n.\r\r\n",
}
ENVELOPE = (b"MAIL FROM:<evil@sender.test>\r\nRCPT TO:<victim@a.test>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nsmuggled\r\n.\r\n")


@pytest.mark.parametrize("name", sorted(EODS))
def test_case_B1_B3_smuggling(it, name):
    """One message, and what goes to the primary has no bare CR or LF."""
    d, mx = it
    n = len(mx.messages)
    with Raw(d.port) as c:
        c.begin()
        c.ok("DATA", "354")
        c.send(b"Subject: outer\r\n\r\nbefore" + EODS[name] + ENVELOPE)
        replies = [c.reply()]
        if replies[0].startswith("250"):
            wait_for(lambda: len(mx.messages) > n, 10, "delivered")
        c.sock.settimeout(0.3)
        try:
            more = c.reply()
            raise AssertionError("a second reply: " + more)
        except socket.timeout:
            pass
    # The envelope inside is text of the one message, or all was refused.
    assert re.match("250|5", replies[0])
    got = mx.messages[n:]
    assert len(got) == (1 if replies[0].startswith("250") else 0)
    for m in got:
        assert m.to == ["u@a.test"]
        assert b"MAIL FROM:<evil@sender.test>" in m.data
        rest = m.data.replace(b"\r\n", b"")
        assert b"\n" not in rest and b"\r" not in rest, m.data


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "TLS"])
def test_case_B1_B3_smuggling_byte_by_byte(it, tls):
    """However it was cut, and inside TLS: one message, one reply."""
    d, mx = it
    n = len(mx.messages)
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        if tls:
            c.starttls()
            c.ok("EHLO client.test")
        for name in sorted(EODS):
            c.ok("MAIL FROM:<s@sender.test>")
            c.ok("RCPT TO:<u@a.test>")
            c.ok("DATA", "354")
            for b in b"Subject: outer\r\n\r\nbefore" + EODS[name]:
                c.send(bytes([b]))
            c.send(ENVELOPE)
            assert c.reply().startswith("250 2.0.0 Ok: queued"), name
        c.ok("QUIT", "221")
        assert c.at_end()
    wait_for(lambda: len(mx.messages) >= n + len(EODS), 10)
    assert len(mx.messages) == n + len(EODS)
    for m in mx.messages[n:]:
        rest = m.data.replace(b"\r\n", b"")
        assert m.to == ["u@a.test"] and b"MAIL FROM:<evil@sender.test>" in m.data
        assert b"\n" not in rest and b"\r" not in rest, m.data


def test_nothing_is_obeyed_behind_QUIT(it):
    d, mx = it
    n = len(mx.messages)
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.send(b"QUIT\r\n" + ENVELOPE)
        assert c.reply().startswith("221") and c.at_end()
    assert d.metrics().queued("a.test") == 0 and len(mx.messages) == n


def test_8bit_that_nobody_declared(it):
    """Taken as it is, and declared to the primary."""
    d, mx = it
    n = len(mx.messages)
    body = "Subject: x\r\n\r\nä\r\n".encode("latin-1")
    got, m = deliver(it, stuff(body))
    assert got == body and "BODY=8BITMIME" in mx.messages[n].mail_args


def test_case_B4_NUL_in_the_message_is_kept_or_refused(it):
    body = b"Subject: a\0b\r\n\r\nx\0y\r\n"
    got, m = deliver(it, stuff(body))
    assert m is None and got.startswith("5") or got == body


def test_case_B5_bare_line_feeds_in_commands(it):
    d, _ = it
    with Raw(d.port) as c:
        c.send(b"EHLO client.test\n")
        first = c.reply()
        c.send(b"NOOP\n")
        second = c.reply()
        assert (first[:3], second[:3]) in (("250", "250"), ("500", "500"))
        if first.startswith("500"):
            c.ok("EHLO client.test")
        c.starttls()
        c.send(b"EHLO client.test\n")
        assert c.reply()[:3] == first[:3], "the same inside TLS"


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "CONNECT x:25 HTTP/1.1", "POST /x HTTP/1.0",
                                  "Subject: x"])
def test_case_B8_not_smtp_is_closed(it, line):
    d, _ = it
    with Raw(d.port) as c:
        c.send(line + "\r\nHost: x\r\n\r\nMAIL FROM:<s@x.test>\r\n")
        assert re.match("221|421", c.reply()) and c.at_end()


def test_case_B9_talk_before_the_greeting_does_not_desync(it):
    d, _ = it
    with Raw(d.port, greet=False) as c:
        c.send("EHLO early.test\r\nNOOP\r\n")
        got = c.reply()
        if got.startswith("220"):
            assert c.reply().startswith("250") and c.reply().startswith("250 2.0.0")
        else:
            assert got[0] in "45"


def test_case_B13_headers_without_end(it):
    d, mx = it
    rss = d.rss()
    for body in (b"".join(b"X-%d: y\r\n" % i for i in range(8000)) + b"\r\nx\r\n",
                 b"X: " + b"y" * 90000 + b"\r\n\r\nx\r\n"):
        got, m = deliver(it, stuff(body))
        assert m is None and got.startswith("5") or got == body
    assert d.rss() - rss < 64 * 1024 * 1024


def test_case_E5_loops(it):
    """99 Received lines pass, 100 do not; twice ours is a loop."""
    line = b"Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n"
    got, m = deliver(it, stuff(line * 99 + b"\r\nx\r\n"))
    assert m is not None
    got, m = deliver(it, stuff(line * 101 + b"\r\nx\r\n"))
    assert m is None and got.startswith("554 5.4.6"), got
    ours = b"Received: from a (a [1.2.3.4])\r\n\tby mx2.backup.test with ESMTP id 1; x\r\n"
    got, m = deliver(it, stuff(ours * 1 + b"Subject: once\r\n\r\nx\r\n"))
    assert m is not None
    got, m = deliver(it, stuff(ours * 2 + b"Subject: twice\r\n\r\nx\r\n"))
    assert m is None and got.startswith("554 5.4.6"), got
    got, m = deliver(it, stuff(b"Subject: body\r\n\r\n" + ours * 3))
    assert m is not None, "in the body they mean nothing"


def test_too_many_recipients(it):
    d, mx = it
    n = len(mx.messages)
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        for i in range(100):
            c.ok("RCPT TO:<u%d@a.test>" % i)
        assert c.cmd("RCPT TO:<over@a.test>").startswith("452 4.5.3")
        c.ok("DATA", "354")
        c.send(stuff(text("hundred")))
        assert c.reply().startswith("250")
    wait_for(lambda: sum(len(m.to) for m in mx.messages[n:]) == 100)


def test_a_recipient_twice_is_delivered_once(it):
    d, mx = it
    n = len(mx.messages)
    with Raw(d.port) as c:
        c.begin(rcpt=["u@a.test", "u@a.test", "u@A.test"])
        c.ok("DATA", "354")
        c.send(stuff(text("twice")))
        c.reply()
    wait_for(lambda: len(mx.messages) > n)
    assert len(mx.messages[n].to) == 1


def test_case_A17_utf8_to_a_primary_that_can(it):
    d, mx = it
    n = len(mx.messages)
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<grüß@sender.test> SMTPUTF8 BODY=8BITMIME")
        c.ok("RCPT TO:<müller@a.test>")
        c.ok("DATA", "354")
        c.send(stuff(text("grüße")))
        assert c.reply().startswith("250")
    wait_for(lambda: len(mx.messages) > n)
    m = mx.messages[n]
    assert m.sender == "grüß@sender.test" and m.to == ["müller@a.test"]
    assert "SMTPUTF8" in m.mail_args and "BODY=8BITMIME" in m.mail_args


def test_case_A17_utf8_to_a_primary_that_cannot(stack):
    """It never could: one report, 5.6.7, and nothing of it is sent there. What only
    was allowed to be UTF-8, or is in the body alone, goes."""
    mx, sink = stack.fakemx(misbehave=["no-utf8"]), stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       dsn='smarthost = "127.0.0.1:%d"' % sink.port)
    d.wait_state("a.test", "up")
    send_bytes(d.port, text("sender"), "grüß@sender.test", args=" SMTPUTF8 BODY=8BITMIME")
    send_bytes(d.port, text("rcpt"), rcpts=["müller@a.test"], args=" SMTPUTF8")
    send_bytes(d.port, text("grüße"), args=" SMTPUTF8 BODY=8BITMIME")
    send_bytes(d.port, text("body", "grüße\n"), args=" SMTPUTF8 BODY=8BITMIME")
    d.wait_empty("a.test")
    wait_for(lambda: len(sink.messages) == 3, 20, "three reports")
    assert subjects(m.data for m in mx.messages) == ["body"]
    assert "SMTPUTF8" not in mx.messages[0].mail_args
    said = [e["line"] for e in mx.events if e["event"] == "command"]
    assert not [x for x in said if not x.isascii()], said
    for m in sink.messages:
        dsn = Dsn(m.data)
        (addr, fields), = dsn.recipients.items()
        assert fields["action"] == "failed" and fields["status"].startswith("5.6.7"), fields
        assert ("SMTPUTF8" in m.mail_args) == (not m.to[0].isascii())
        original = m.data.split(b"Undelivered message", 1)[1].split(b"\r\n\r\n")[1]
        assert dsn.original.get_content_type() == (  # RFC 6533 4, 6532 3.7
            "message/rfc822" if original.isascii() else "message/global"), m.data
    assert sum(b"message/global" in m.data for m in sink.messages) == 2
    assert sorted(m.to[0] for m in sink.messages) == ["grüß@sender.test"] + ["s@sender.test"] * 2


def test_case_D8_too_many_errors_and_too_many_idle_commands(it):
    d, _ = it
    for line, most in (("XYZZY", 25), ("NOOP", 110), ("RSET", 110), ("VRFY x", 110)):
        with Raw(d.port) as c:
            c.ok("EHLO client.test")
            for i in range(most):
                got = c.cmd(line)
                if got.startswith("421"):
                    break
            assert got.startswith("421 4.7.0"), line
            assert i >= 15 and c.at_end()


def test_case_B16_lines_without_sense_do_no_harm(it):
    """Random lines on many connections: each gets one reply at most, and only
    a session in DATA may swallow some."""
    d, _ = it
    words = [b"MAIL FROM:", b"RCPT TO:", b"<", b">", b"@", b"a.test", b"SIZE=", b"\0", b"\xff",
             b"EHLO ", b"EHLO x\r\n", b"DATA", b" ", b"\r", b"\n", b"\r\n", b"BDAT ", b"x" * 300,
             b"\"", b"\\", b"[", b"MAIL FROM:<s@x.test>\r\n", b"RCPT TO:<u@a.test>\r\n",
             b"DATA\r\n", b".\r\n", b"RSET\r\n", b" SMTPUTF8", b" NOTIFY=", b"4", b" LAST",
             b"STARTTLS\r\n"]
    bad = []

    def talk(seed):
        rnd = random.Random(seed)
        for _ in range(25):
            data = b"".join(rnd.choice(words) for _ in range(rnd.randrange(60))) + b"\r\n"
            n = 0
            try:
                with Raw(d.port, timeout=10) as c:
                    c.send(data + b"QUIT\r\n.\r\nQUIT\r\n")
                    c.sock.shutdown(socket.SHUT_WR)
                    while True:
                        c.reply()
                        n += 1
            except AssertionError as e:
                bad.append((seed, str(e)))
            except OSError:
                pass
            if n > data.count(b"\n") + 3:
                bad.append((seed, "%d replies to %r" % (n, data)))
    threads = [threading.Thread(target=talk, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    assert not bad, bad[:3]
    send(d.port, "still served")


def test_case_D9_near_the_limit_it_gets_stricter_and_relaxes_again(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, smtpd="max_sessions = 20")

    def errors(most):
        with Raw(d.port) as c:
            c.ok("EHLO client.test")
            got = [c.cmd("XYZZY")[:3] for _ in range(most)]
            return got, c.cmd("NOOP")
    assert errors(8) == (["500"] * 8, "250 2.0.0 Ok")
    held = [Raw(d.port) for _ in range(18)]
    got, last = errors(5)
    assert last.startswith("421 4.7.0"), (got, last)
    for c in held:
        c.close()
    wait_for(lambda: errors(8)[1].startswith("250"), 10, "it relaxes")


def test_case_D5_many_large_messages_at_once(stack):
    """They stream: forty of 4 MB take no 160 MB."""
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, build=PLAIN)
    chunk = (b"x" * 76 + b"\r\n") * 840
    replies, peak = [], [0]

    def one():
        with Raw(d.port, timeout=60) as c:
            c.begin()
            c.ok("DATA", "354")
            for _ in range(64):
                c.send(chunk)
            peak[0] = max(peak[0], d.rss())
            c.send(b".\r\n")
            replies.append(c.reply())
    threads = [threading.Thread(target=one) for _ in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert len([r for r in replies if r.startswith("250")]) == 40, replies[:3]
    assert peak[0] < 100 * 1024 * 1024, peak
