# SPDX-License-Identifier: ISC
"""A flush over a long way: messages in one piece with their commands, and
behind each other before they are answered, to a Postfix, to one that does no
CHUNKING, and to an Exim. Wherever the connection is cut, all of them arrive,
and none but those whose reply was lost arrives twice."""
import collections
import json
import re
import time

import pytest

from lib.cutter import CLOSE, HALF, RESET, Cutter
from lib.exim import Exim
from lib.smtp import Raw, send_bytes, stuff, subjects, text
from lib.wait import wait_for

EACH = 10
BODY = "A line of it.\n" * 20 + "end-of-it\n"
DEFAULTS = """\
    delay_warning = {}
    probe { interval = "5s" timeout = "5s" fall = 5 rise = 1 hold = "0s" depth = "ehlo" }
    deliver { connections = 1 idle = "1s" connect = "2s" pipeline_depth = %d }
    retry { first = "1s" max = "2s" }
"""
TAKEN = rb"250 (2\.0\.0 Ok: [^\r]*queued as|OK id=)[^\r]*\r\n"

# side, pattern, and how far into it; None: behind it
ALWAYS = {
    "before MAIL": ("client", rb"MAIL FROM:<s@", 0),
    "in MAIL": ("client", rb"MAIL FROM:<s@", 7),
    "between MAIL and RCPT": ("client", rb"RCPT TO:<u@", 0),
    "in RCPT": ("client", rb"RCPT TO:<u@", 9),
    "in the body": ("client", rb"Subject: ", 40),
    "before its last byte": ("client", rb"end-of-it\r\n", 10),
    "before the reply": ("server", TAKEN, 0),
    "in the reply": ("server", TAKEN, 5),
    "between two replies": ("server", TAKEN, None),
}
CHUNKS = {
    "before RSET": ("client", rb"RSET\r\n", 0),
    "in RSET": ("client", rb"RSET\r\n", 3),
    "between RCPT and BDAT": ("client", rb"BDAT ", 0),
    "in BDAT": ("client", rb"BDAT ", 3),
    "behind BDAT": ("client", rb" LAST\r\n", None),
}
DOTS = {
    "before the dot": ("client", rb"\r\n\.\r\n", 2),
    "behind the dot": ("client", rb"\r\n\.\r\n", None),
    "behind DATA": ("client", rb"\r\nDATA\r\n", None),
    "before 354": ("server", rb"354 ", 0),
    "behind 354": ("server", rb"354 [^\r]*\r\n", None),
}


class Postfix:
    def __init__(self, stack, domains, extra=""):
        self.pf = stack.primary(domains, extra=extra)
        self.port, self.messages = self.pf.port, self.pf.messages


def make(stack, kind, domains):
    if kind == "exim":
        return stack.add(Exim(domains), lambda e: e.close())
    return Postfix(stack, domains, "" if kind == "postfix" else
                   "smtpd_discard_ehlo_keywords = chunking")


class World:
    """A domain for each cut, with its own wire to the one server; each has EACH
    messages, which are let go together."""

    def __init__(self, stack, kind, cuts, depth=2, delay=0.01, how=None):
        self.domains = ["c%02d.test" % i for i in range(len(cuts))]
        self.server = make(stack, kind, self.domains)
        self.wires = [stack.add(Cutter(self.server.port, cut, delay, h), lambda c: c.close())
                      for cut, h in zip(cuts, how or [RESET] * len(cuts))]
        self.d = stack.mxwatchd(
            {n: 'primary = {"127.0.0.1:%d"}' % w.port for n, w in zip(self.domains, self.wires)},
            defaults=DEFAULTS % depth, options='deliver_connections = 100')
        for n in self.domains:
            assert self.d.ctl("hold", n, "--reason", "test")[0] == 0
            fill(self.d.port, n)
        for n in self.domains:
            self.d.wait_state(n, "up")

    def go(self):
        for n in self.domains:
            assert self.d.ctl("release", n)[0] == 0

    def copies(self):
        """{domain: {subject: how often it is there}}"""
        got = collections.defaultdict(collections.Counter)
        for s in subjects(self.server.messages()):
            got[s.split()[-1]][s] += 1
        return got

    def wait_delivered(self):
        for n in self.domains:
            self.d.wait_empty(n, 60)
        wait_for(lambda: all(len(self.copies()[n]) == EACH for n in self.domains), 60,
                 "all are in the mailbox", step=0.3)
        return self.copies()


def fill(port, domain, each=EACH):
    with Raw(port, timeout=60) as c:
        c.ok("EHLO client.test")
        for i in range(each):
            c.ok("MAIL FROM:<s@sender.test>")
            c.ok("RCPT TO:<u@%s>" % domain)
            c.ok("DATA", "354")
            c.send(stuff(text("%d of %s" % (i, domain), BODY)))
            assert c.reply().startswith("250")
        c.cmd("QUIT")


@pytest.mark.parametrize("kind", ["postfix", "postfix-data", "exim"])
def test_cut_anywhere(stack, kind):
    places = {**ALWAYS, **(DOTS if kind == "postfix-data" else CHUNKS)}
    # the first of a connection, and one in the middle of others
    ends = [(1, RESET), (3, RESET)] + ([(3, CLOSE), (3, HALF)] if kind != "exim" else [])
    names = [(p, nth, how) for p in places for nth, how in ends]
    w = World(stack, kind, [(places[p][0], places[p][1], nth, places[p][2])
                            for p, nth, _ in names], how=[how for _, _, how in names])
    w.go()
    copies = w.wait_delivered()
    m = w.d.metrics()
    for (place, nth, how), domain, wire in zip(names, w.domains, w.wires):
        what = "%s of number %d, %s: %s" % (place, nth, how, copies[domain])
        assert wire.done.is_set(), "never cut, %d connections: %s" % (wire.connections, what)
        assert max(copies[domain].values()) <= 2, what
        # Those that were under way, and the one whose reply was on the wire.
        twice = sum(copies[domain].values()) - EACH
        assert twice <= (1 if kind == "postfix-data" else 3), what
        if nth == 1 and place in ALWAYS and places[place][0] == "client":
            assert twice == 0, what
        assert m.get("delivery_recipients_delivered_total", domain=domain) == EACH, what
    assert m.sum("delivery_recipients_bounced_total") == 0
    deepest = [wire.deepest for wire in w.wires]
    assert max(deepest) == (0 if kind == "postfix-data" else 2), deepest
    assert max(wire.behind for wire in w.wires) == 2


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_depth(stack, depth):
    w = World(stack, "postfix", [None], depth, delay=0.05)
    w.go()
    assert sum(w.wait_delivered()["c00.test"].values()) == EACH
    assert w.wires[0].deepest == depth


def test_depth_without_chunking(stack):
    for depth in (1, 4):
        w = World(stack, "postfix-data", [None], depth, delay=0.05)
        w.go()
        copies = w.wait_delivered()["c00.test"]
        assert sum(copies.values()) == EACH and max(copies.values()) == 1
        assert w.wires[0].behind == min(depth, 2)
        w.d.stop()


@pytest.mark.parametrize("kind", ["postfix", "postfix-data"])
def test_results_of_a_burst(stack, kind):
    """A recipient's refusal in front of, behind and between others."""
    w = World(stack, kind, [None], 4, delay=0.02)
    w.server.pf.set_access({"no@c00.test": "550 5.1.1 no such user",
                            "busy@c00.test": "451 4.2.0 busy"})
    for i in range(3):
        send_bytes(w.d.port, text("refused %d" % i), rcpts=["no@c00.test"])
        send_bytes(w.d.port, text("some %d c00.test" % i),
                   rcpts=["u@c00.test", "no@c00.test", "busy@c00.test"])
    w.go()
    want = {"some %d c00.test" % i for i in range(3)}
    wait_for(lambda: want <= set(subjects(w.server.messages())), 30, "the others are there")
    wait_for(lambda: len(w.copies()["c00.test"]) == EACH + 3, 30, "all are there")
    assert max(w.copies()["c00.test"].values()) == 1
    assert not [s for s in subjects(w.server.messages()) if s.startswith("refused")]
    m = w.d.metrics()
    assert m.get("delivery_recipients_bounced_total", domain="c00.test", status="5.1") == 6
    w.server.pf.set_access({})
    w.d.wait_empty("c00.test", 30)
    wait_for(lambda: sum(w.copies()["c00.test"].values()) == EACH + 6, 20, "those that waited")


def test_a_server_that_stumbles_gets_data(stack):
    """A wire that never lets BDAT through: DATA from then on, after a restart,
    too, and no attempt is lost."""
    w = World(stack, "postfix", [("client", rb"BDAT ", 1, 0)])
    w.go()
    assert max(w.wait_delivered()["c00.test"].values()) == 1
    assert w.d.log().count("event=chunking_given_up") == 1
    assert not re.search(r"deliver .*event=lost", w.d.log())
    assert w.wires[0].deepest == 1, "what was cut off"
    w.wires[0].deepest = 0
    w.d.restart()
    # Before anything has gone there again.
    wait_for(lambda: "failed with BDAT" in w.d.ctl("why", "c00.test")[1], 20, "it is shown")
    fill(w.d.port, "c00.test", 3)
    w.d.wait_empty("c00.test", 30)
    assert w.wires[0].deepest == 0
    assert w.d.metrics().get("delivery_transactions_total", way="data") == 3
    assert "failed with BDAT" in w.d.ctl("why", "c00.test")[1]
    off = json.loads(w.d.ctl("--json", "why", "c00.test")[1].splitlines()[0])
    off = off["primaries"][0]["delivery"]["chunking_off_until"]
    assert 23 * 3600 < off - time.time() < 25 * 3600
    # An operator who flushes has it tried again, also right behind a start, when
    # nobody has met it yet, and whether something waits or not.
    w.d.restart()
    wait_for(lambda: "failed with BDAT" in w.d.ctl("why", "c00.test")[1], 20, "it is shown")
    assert w.d.ctl("flush", "c00.test", "--no-wait")[0] == 0
    assert "failed with BDAT" not in w.d.ctl("why", "c00.test")[1]
    w.d.restart()
    w.d.wait_state("c00.test", "up")
    assert "failed with BDAT" not in w.d.ctl("why", "c00.test")[1]
    fill(w.d.port, "c00.test", 3)
    wait_for(lambda: w.d.metrics().sum("delivery_transactions_total") == 3, 30, "they are sent")
    assert w.d.metrics().get("delivery_transactions_total", way="data") == 0
    assert w.wires[0].deepest >= 1
    m = w.d.metrics()
    assert sum(m.get("delivery_transactions_total", way=way)
               for way in ("bdat", "bdat_behind")) >= 3


def test_reload_and_shutdown_in_flight(stack):
    """What is under way is heard out; nothing is lost, nothing comes twice."""
    w = World(stack, "postfix", [None], 4, delay=0.1)
    w.go()
    wait_for(lambda: w.wires[0].deepest >= 3, 20, "several are under way", step=0.01)
    w.d.reload()
    w.d.restart()
    assert max(w.wait_delivered()["c00.test"].values()) == 1
