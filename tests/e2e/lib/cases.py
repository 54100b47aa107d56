# SPDX-License-Identifier: ISC
"""The black-box cases of the daemon: how tests name them, and the table of what
became of each. A test has its cases in its name or its parameter's:
`test_case_C4_C5_full_disk`, `test_conversation[case_A2_HELO_bare]`; `-k case_C5_`
finds it. With MXWATCH_CASES=FILE each outcome is written there, a line each, and
`cases.py FILE ...` prints the table."""
import glob
import os
import re
import sys

CASES = """
A1  no keyword that EHLO lists is refused later with 500 or 502
A2  HELO bare 501; commands out of order 503; arguments where there are none 501
A3  a second MAIL 503, and the first transaction is intact
A4  postmaster is taken in any case, with and without a domain
A5  VRFY 252, EXPN 502 or 252
A7  command lines: 512 octets are taken, 999 and 10 MB are not; memory stays flat
A8  lines of DATA from 998 octets to 10 MB: exact or 5xx, never folded
A9  bodies of dots and without a last line end are stored and sent on exactly
A10 pipelined in one segment and octet by octet: the same replies
A12 BDAT in one chunk, in several with an empty last one, two mails in a row
A14 DATA within BDAT 503; BDAT without a length that can be read 5xx and closed
A15 SIZE above the limit 552, without sense 501; more than the limit 552 when read
A16 unknown parameter 555, the same twice 501, BINARYMIME 5xx
A17 UTF-8 without SMTPUTF8 553 5.6.7; with it kept to the primary, or 5.6.7
A19 one Received line on top, the others untouched, no "for" of several
A20 the null sender is taken, stored and relayed
A21 idle: 421 4.4.2 and closed, within DATA and BDAT too
B1  an end of data that is none does not end it
B3  a second envelope within: one message, and no bare CR or LF goes on
B4  NUL anywhere: 5xx or kept, never cut there
B5  LF alone behind commands: the same choice everywhere, within TLS too
B6  what stands behind STARTTLS in clear is not answered within TLS
B8  HTTP and header lines as commands: 221 or 421, and closed
B9  who talks before the greeting does not get out of step
B10 octets above 127 in a command 501 5.5.2, and the session goes on
B11 source routes, %, quotes, literals, long names: stripped or 5xx
B13 10,000 header lines, one of 1 MB, 10,000 Received: bounded, or 5xx
B14 mail for others 550 or 554 5.7.1
B16 random lines: no crash, a reply for each line at most
C1  killed with 1,000 messages under way: what had its 250 is there, all whole
C2  power cut, what was not synced lost or torn: the same
C4  disk or index full: 452 4.3.1, the queue can be read, and it recovers
C5  below the reserve: 452, told in the health, delivery goes on, it recovers
C6  the client resets before our 250: whole or nothing, one duplicate at most
C8  restart with many queued: it listens within 5 s, and there is no burst
C9  flipped or cut database: a diagnosis, no crash; salvage saves what is whole
C10 a second daemon on the spool ends with a message, the first is unharmed
C11 a stopped reader of the queue makes no file grow
C13 TERM under load: ends within 30 s, nothing is lost
D1  1,000 slow senders are cut, an ordinary client does not notice
D2  very many idle clients: 421 4.3.2, and delivery and HTTP go on
D3  too many of one client 421 4.7.0, others and the trusted are served
D4  out of descriptors: no spinning, and it recovers
D5  large messages at once stream through little memory
D8  idle commands and errors without end: 421
D9  near the limit of sessions it gets stricter, and relaxes
K1  a broken file changes nothing and is named; 100 reloads under sessions
K2  domain removed with mail queued: delivered, new recipients refused
K3  spellings are one domain; values without sense are refused
K4  a spool that cannot be used, missing, another's, NFS: refused with the reason
"""
NAME = re.compile(r"case((?:_[A-K]\d+)+)(?![A-Za-z0-9])")
E2E = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def cases(text):
    """The cases that a test's name, or a source, has, in order."""
    return [c for got in NAME.findall(text) for c in got[1:].split("_")]


def note(report):
    """Of pytest's reports of a test: one outcome, and a failing teardown."""
    path = os.environ.get("MXWATCH_CASES")
    if not path or (report.passed and report.when != "call"):
        return
    with open(path, "a", encoding="utf-8") as f:
        for c in cases(report.nodeid.split("::", 1)[-1]):
            f.write("%s\t%s\t%s\n" % (c, report.outcome, report.nodeid))


def written():
    """{case: a test that there is}: of those that did not run."""
    found = {}
    for path in sorted(glob.glob(os.path.join(E2E, "test_*.py"))):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        names = re.findall(r"^def (\w+)", text, re.M) + \
            ["case_" + c for c in re.findall(r'^    "([A-K]\d+) [^"\n]*": \[', text, re.M)]
        for name in names:
            for c in cases(name):
                found.setdefault(c, os.path.basename(path) + "::" + name)
    return found


def state(runs):
    """(the word for a case, the test to name) of its [(outcome, test)]."""
    for word in ("failed", "passed"):
        of_word = [test for outcome, test in runs if outcome == word]
        if of_word:
            return word, of_word[0]
    return "not run", runs[0][1]  # all were skipped


def table(paths):
    runs, out, count = {}, [], {}
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for line in f:
                case, outcome, test = line.rstrip("\n").split("\t")
                test = re.sub(r"^[^:]*/", "", test)
                runs.setdefault(case, []).append((outcome, test))
    there = written()
    for line in CASES.strip().split("\n"):
        case, what = line.split(None, 1)
        if case in runs:
            word, test = state(runs[case])
            more = len({t for _, t in runs[case]}) - 1
            test += " +%d" % more if more else ""
        else:
            word, test = ("not run", there[case]) if case in there else ("no test", "-")
        count[word] = count.get(word, 0) + 1
        out.append("case_%-4s%-8s %-81s %s" % (case, word, what, test))
    return out, count


if __name__ == "__main__":
    lines, n = table(p for p in sys.argv[1:] if os.path.exists(p))
    print("\n".join(lines))
    print("cases: " + ", ".join("%d %s" % (n.get(w, 0), w) for w in
                                ("passed", "failed", "not run", "no test")))
