# SPDX-License-Identifier: ISC
"""What is kept of a message's bytes: the same ones are given to a Postfix and to
mxwatchd before a primary that records, by DATA and in chunks of one to three octets.
Beneath the Received line both keep the same, or the table says why not. Whatever came
in, what goes to the primary has CR and LF only as CRLF."""
import subprocess

import pytest

from lib.net import free_port
from lib.primary import split_trace
from lib.smtp import Raw
from lib.wait import wait_for

H = b"From: s@sender.test\r\nSubject: x\r\n"
B = b"\r\nbody\r\n"

# What we keep is what Postfix keeps.
SAME = {
    "all is well": H + b"X: a\r\n\tfolded\r\n" + B + b"..two\r\n\r\n",
    "CRCRLF everywhere": (H + b"X: a\r\n folded\r\n" + B).replace(b"\r\n", b"\r\r\n"),
    "CRCRLF in the header": (H + b"X: a\r\n").replace(b"\r\n", b"\r\r\n") + B,
    "CRCRLF in the body": H + B.replace(b"y\r\n", b"y\r\r\n..x\r\r\n"),
    "CRCRCRLF": H + b"X: a\r\r\r\n" + B,
    "CRCRLF as the empty line": H + b"\r\r\nbody\r\n",
    "CR in a field": H + b"X: a\rb" + b"\r\n" + B,
    "CR and a field": H + b"X: a\rBcc: b" + b"\r\n" + B,
    "CR before a field": H + b"\rX: a\r\n" + B,
    "CR and a blank": H + b"\r \r\nX: a\r\n" + B,
    "CR in the body": H + B + b"a\rb\r\n\rc\r\n",
    "CRLFCR": H + b"\r\nbody\r\n\rmore\r\n",
    "LF but at the end": (H + b"X: a\r\n folded\r\n" + B).replace(b"\r\n", b"\n") + b"end\r\n",
    "LF in the header": (H + b"X: a\r\n").replace(b"\r\n", b"\n") + B,
    "LF as the empty line": H + b"\nbody\r\n",
    "LF and dots": H + B + b"a\n..b\n...c\n.d\ne\r\n",
    "NUL in the body": H + B + b"a\0b\r\n",
    "NUL in a name": H + b"X\0: a\r\n" + B,
    "8 bit": H + b"X: \xc3\xbc\xff\r\n" + B + b"\xc3\xbc\xfe\r\n",
    "8 bit in a name": H + b"X\xc3\xbc: a\r\n" + B,
    "8 bit, no field": H + b"\xc3\xbcber\r\nX: a\r\n" + B,
    "blank first": b" X: a\r\n" + H + B,
    "tab first": b"\tX: a\r\n" + H + B,
    "blanks first": b" \t\r\n" + H + B,
    "blank first, LF": b" X: a\n" + H + B,
    "From first": b"From x@y Mon Jan 1\r\n" + H + B,
    ">>From first": b">>From x@y Mon Jan 1\r\n" + H + B,
    "From twice": b"From x\r\nFrom y\r\n" + H + B,
    "From and a blank": b"From x\r\n X: a\r\n" + H + B,
    "From later": H + b"From x\r\nX: a\r\n" + B,
    "From alone": b"From x\r\n" + B,
    "From and a tab": b"From\tx\r\n" + H + B,
    "no colon first": b"hello there\r\n" + H + B,
    "body only": b"hello\r\nthere\r\n",
    "a word": b"hello\r\n",
    "nothing": b"",
    "an empty line": b"\r\n",
    "CRCRLF alone": b"\r\r\n",
    "LF first": b"\n\r\n",
    "header only": H,
    "header and its end": H + b"\r\n",
    "the end is missing": H + b"hello there\r\nX: a\r\n" + B,
    "the end is missing, blanks": H + b" \t\r\nhello\r\n",
    "two words and a colon": H + b"X y: a\r\nX: a\r\n" + B,
    "a colon first": H + b": a\r\nX: a\r\n" + B,
    "a control in a name": H + b"X\x01: a\r\n" + B,
    "DEL in a name": H + b"X\x7f: a\r\n" + B,
    "a blank line in the header": H + b" \r\nX: a\r\n" + B,
    "a dot in the header": H + b"..\r\nX: a\r\n" + B,
    "a stuffed field": H + b"..X: a\r\n" + B,
    "a dot too few": H + b".X: a\r\n" + B,
    "a long name": H + b"X" * 1500 + b": a\r\n" + B,
    "parts without end": H + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
                         b"\r\n--x\r\nno field\r\n--x--\r\n",
    "CR.CRLF": H + B + b"a\r.\r\nb\r\n",
    "CR.CR": H + B + b"a\r.\rb\r\n",
    "CR.LF": H + B + b"a\r.\nb\r\n",
    "CRLF.CR": H + B + b"a\r\n.\rb\r\n",
    "LF.CR": H + B + b"a\n.\rb\r\n",
    "CRLF NUL.CRLF": H + B + b"a\r\n\0.\r\nb\r\n",
    "CRLF.NUL CRLF": H + B + b"a\r\n.\0\r\nb\r\n",
}

# What is kept here as Postfix 3.7 and 3.8 do, and by the later ones otherwise: to them a CR
# before a CRLF is a blank, and what follows a From line is not looked at like that line.
LATER = {
    "CRCRLF everywhere": H + b"X: a\r\n folded\r\n" + B,
    "CRCRLF in the header": H + b"X: a\r\n" + B,
    "CRCRLF in the body": H + B + b"..x\r\n",
    "CRCRCRLF": H + b"X: a\r\n" + B,
    "CRCRLF as the empty line": H + B,
    "CRCRLF alone": b"\r\n",
    "CRLF.CRCRLF": H + B + b"a\r\n.\r\nb\r\n",
    "From twice": b"X-Mailbox-Line: From x\r\nX-Mailbox-Line: From y\r\n" + H + B,
    "From and a blank": b"X-Mailbox-Line: From x\r\n\r\n X: a\r\n" + H + B,
}

# What we keep by DATA, and why it is not what Postfix keeps.
LESS = "several CRs are one blank: their number says nothing"
TRACE = "it would go on with the Received line"
SIGNED = "what may be signed stays as it is"
DOT = "Postfix leaves out a line that is a dot and not the end: here it stays"
OTHER = {
    "CRs in the body": (LESS, H + B + b"a\r\rb\r\n", H + B + b"a b\r\n"),
    "CR first": (TRACE, b"\rX: a\r\n" + H + B, b"\r\n X: a\r\n" + H + B),
    "NUL in a field": ("Postfix cuts the field off", H + b"X: a\0b\r\n" + B, None),
    "blank before the colon": (SIGNED, H + b"X : a\r\nY\t: b\r\n" + B, None),
    "Bcc, Return-Path": (SIGNED, H + b"Bcc: a\r\nReturn-Path: <b>\r\n" + B, None),
    "a header of 200 KB": (SIGNED, H + b"X: a\r\n" + 2500 * (b" " + 79 * b"b" + b"\r\n") + B, None),
    "LF.LF": (DOT, H + B + b"a\n.\nb\r\n", H + B + b"a\r\n.\r\nb\r\n"),
    "LF.CRLF": (DOT, H + B + b"a\n.\r\nb\r\n", H + B + b"a\r\n.\r\nb\r\n"),
    "CRLF.LF": (DOT, H + B + b"a\r\n.\nb\r\n", H + B + b"a\r\n.\r\nb\r\n"),
    "CRLF.CRCRLF": ("Postfix 3.7 ends the message there",
                    H + B + b"a\r\n.\r\r\nb\r\n", H + B + b"a\r\n.\r\nb\r\n"),
}
WIRE = dict(SAME, **{name: row[1] for name, row in OTHER.items()})
# Where Postfix would end the data it has to be told not to, for what follows.
ENDS = ("LF.LF", "LF.CRLF", "CRLF.LF", "CRLF.CRCRLF")
# In chunks Postfix does not look at the first line: it goes on with its Received line,
# or is no field. Here the way is not seen in what is kept.
FIRST = ("blank first", "tab first", "blanks first", "blank first, LF", "From first",
         ">>From first", "From twice", "From and a blank", "From alone")


def by_data(c, data):
    c.ok("DATA", "354")
    c.send(data + b".\r\n")
    return [c.reply()]


def by_bdat(c, data):
    """Chunks of 1, 2, 3, 1, ... octets, or as many as a hundred are enough for."""
    pieces, at, size = [], 0, max(1, len(data) // 200)
    while at < len(data):
        n = size * (1 + len(pieces) % 3)
        pieces.append(data[at:at + n])
        at += n
    c.send(b"".join(b"BDAT %d\r\n%s" % (len(p), p) for p in pieces) + b"BDAT 0 LAST\r\n")
    return [c.reply() for _ in range(len(pieces) + 1)]


HOW = {"DATA": by_data, "BDAT": by_bdat}
BOXES = {(how, name): "%s%d@a.test" % (how.lower(), i)
         for how in HOW for i, name in enumerate(WIRE)}


def send_all(port, which):
    with Raw(port) as c:
        c.ok("EHLO client.test")
        for how, name in which:
            c.ok("MAIL FROM:<s@sender.test>")
            c.ok("RCPT TO:<%s>" % BOXES[how, name])
            for reply in HOW[how](c, WIRE[name]):
                assert reply.startswith("250"), (how, name, reply)
        c.ok("QUIT")


@pytest.fixture(scope="module")
def kept(module_stack):
    """What the primary got and what Postfix keeps, each {(how, name): bytes}."""
    strict = ("127.0.0.1", free_port())
    pf = module_stack.primary(
        recipients=list(BOXES.values()), extra="smtpd_error_sleep_time = 0",
        services={strict: {"smtpd_forbid_bare_newline": "normalize"}})
    mx = module_stack.fakemx()
    d = module_stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    send_all(d.port, BOXES)
    ends = [("DATA", name) for name in ENDS]
    send_all(pf.port, [x for x in BOXES if x not in ends])
    send_all(strict[1], ends)
    wait_for(lambda: len(mx.messages) >= len(BOXES), 30, "all delivered")
    wait_for(lambda: all(pf.messages(b) for b in BOXES.values()), 30, "Postfix has all")
    ours = {m.to[0]: m.data for m in mx.messages}
    assert len(mx.messages) == len(ours) == len(BOXES)
    return ({x: content(ours[b]) for x, b in BOXES.items()},
            {x: split_trace(pf.messages(b)[0], "primary.test")[2] for x, b in BOXES.items()})


def content(data):
    """What the client gave of it, lines ending in LF; nothing of it may belong to
    the Received line."""
    rest = data.replace(b"\r\n", b"")
    assert b"\r" not in rest and b"\n" not in rest, data
    above, _, below = split_trace(data.replace(b"\r\n", b"\n"), "mx2.backup.test")
    assert above == b""
    return below


def postfix_is_later():
    version = subprocess.run(["postconf", "-dh", "mail_version"], capture_output=True,
                             text=True, check=True).stdout
    return tuple(map(int, version.split(".")[:2])) >= (3, 9)


def is_kept_as_before(kept, how, name):
    """Whether Postfix here is one of those that LATER is about, and then that it holds."""
    if name not in LATER or not postfix_is_later():
        return False
    want = LATER[name].replace(b"\r\n", b"\n")
    assert kept[0][how, name] == (want.replace(b"\n..", b"\n.") if how == "DATA" else want)
    assert kept[0][how, name] != kept[1][how, name], "no longer"
    return True


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", SAME)
def test_as_postfix_keeps_it(kept, how, name):
    ours, theirs = kept
    if is_kept_as_before(kept, how, name):
        return
    assert ours[how, name] == theirs["DATA" if name in FIRST else how, name]
    if name in FIRST:
        assert ours[how, name] != theirs["BDAT", name], "it looks there, too"


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", OTHER)
def test_other_than_postfix_keeps_it(kept, how, name):
    ours, theirs = kept
    why, wire, want = OTHER[name]
    if is_kept_as_before(kept, how, name):
        return
    if how == "BDAT" and name in ENDS:  # there a dot is a dot
        assert ours[how, name] == theirs[how, name]
        return
    assert ours[how, name] == (want or wire).replace(b"\r\n", b"\n"), why
    assert ours[how, name] != theirs[how, name], "no longer: " + why
