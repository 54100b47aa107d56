# SPDX-License-Identifier: ISC
"""Both sides of a soak: primaries that are moody, and clients that send well, slowly,
or break off."""
import glob
import hashlib
import os
import random
import re
import socket
import struct
import threading
import time

from .fakemx import FakeMx
from .smtp import Raw, stuff
from .soak_book import UNDER_WAY

# What primaries do to each other's backups. `lost-at-dot` keeps the message and closes.
MOODS = [["slow=0.3"], ["slow=1"], ["banner-421"], ["banner-554"], ["close-at-ehlo"],
         ["close-at-mail"], ["close-at-rcpt"], ["close-at-body"], ["reset-in-data"],
         ["close-at-dot"], ["lost-at-dot"], ["421-after-3"], ["421-after-1"], ["greylist"],
         ["rcpt-451=*"], ["rcpt-450=*"], ["mail-451"], ["data-451"], ["dot-451"],
         ["rcpts-max=1"], ["silent-at-dot"], ["silent-at-banner"], ["silent-at-mail"],
         ["reply-garbage"], ["reply-999=rcpt"], ["no-ext"], ["ehlo-502"],
         ["silent-at-body"], ["close-at-bdat"], ["slow=0.05"]]
TLS_MOODS = MOODS + [["starttls-454"], ["starttls-close"], ["silent-at-starttls"]]
HEADER = re.compile(rb"(?m)^X-Soak: (\S+) ([0-9a-f]{40})\r$")
DELIVERED_TO = re.compile(rb"(?m)^Delivered-To: (\S+)\r$")


def read(data):
    """(name, whether it is whole) of a message with CRLF; None: it is none of ours."""
    head, _, body = data.partition(b"\r\n\r\n")
    got = HEADER.search(head + b"\r\n")
    if got is None:  # a notification
        return None
    return got.group(1).decode(), hashlib.sha1(body).hexdigest().encode() == got.group(2)


class Seen:
    """One session at a primary."""

    def __init__(self, life):
        self.life, self.takings, self.quit = life, [], False


class Sink(FakeMx):
    """A primary that enters into the book what it takes, and keeps nothing. `offers`:
    what it is like when it is well, in the words of fakemx."""

    def __init__(self, book, offers=(), **kw):
        super().__init__(misbehave=offers, **kw)
        self.book, self.offers = book, list(offers)
        self.by_peer = {}

    def event(self, what, peer=None, line="", **more):
        if what == "connect":
            self.by_peer[peer] = Seen(self.book.life)
        elif what == "command" and line.upper().startswith("QUIT"):
            self.by_peer[peer].quit = True
        elif what == "disconnect":
            s = self.by_peer.pop(peer)
            for t in [] if s.quit else s.takings[-UNDER_WAY:]:
                t.sure = False

    def take(self, m):
        s = self.by_peer[m.client_port]
        got = read(m.data)
        if got:
            s.takings.append(self.book.takes(got[0], m.to, s.life, got[1]))

    def code_for(self, addr):
        return "550" if addr.startswith("nobody@") else None

    def is_well(self):
        return self.listener is not None and self.misbehave == self.offers

    def mood(self, rnd):
        self.misbehave[:] = self.offers + rnd.choice(TLS_MOODS if self.cert else MOODS)

    def calm(self):
        """As a server that was restarted: who hangs in a session is let go."""
        if self.misbehave != self.offers:
            self.stop()
            self.misbehave[:] = self.offers
        if self.listener is None:
            self.start()


class RealSink:
    """Postfix among the primaries: `pf` is a Primary that is started. Its Maildir says
    what it took, and when; what it took near to a kill of ours or a stop of its own may
    come twice."""
    NEAR = 10  # seconds

    def __init__(self, book, pf):
        self.book, self.pf = book, pf
        self.port = pf.port
        self.misbehave = []
        self.broken = []  # times

    def is_well(self):
        return self.pf.running

    def stop(self):
        self.pf.stop()
        self.broken.append(time.time())

    def calm(self):
        if not self.pf.running:
            self.pf.start()

    mood = None

    def collect(self):
        """What has arrived goes into the book, and away."""
        for path in glob.glob(os.path.join(self.pf.dir, "mail", "all", "new", "*")):
            with open(path, "rb") as f:
                data = f.read().replace(b"\n", b"\r\n")
            at = os.path.getmtime(path)
            os.unlink(path)
            broken = self.broken + list(self.book.killed.values())
            got, to = read(data), DELIVERED_TO.search(data)
            if got is None:
                continue
            t = self.book.takes(got[0], [to.group(1).decode()], self.book.life, got[1])
            t.sure = not any(abs(x - at) < self.NEAR for x in broken)


def message(name, rnd):
    """Bytes with CRLF: mostly small, now and then above the 256 KB from which a body
    has a segment of its own."""
    size = rnd.choice([300, 1000, 3000, 3000, 6000, 20000])
    if rnd.random() < 0.01:
        size = 300000
    body = b"".join(b".%d %s\r\n" % (i, b"x" * 70) for i in range(size // 76 + 1))
    return (b"Subject: %s\r\nX-Soak: %s %s\r\n\r\n%s" % (
        name.encode(), name.encode(), hashlib.sha1(body).hexdigest().encode(), body))


class Cut(Exception):
    """The client breaks off."""


class Sender(threading.Thread):
    """Sends one message after the other while it may; `world` says to whom. `ways` are
    what it does, drawn each time: plain, chunks (BDAT), trickle, cut (in the content),
    vanish (behind the final dot)."""

    def __init__(self, world, name, seed, ways, pause):
        super().__init__(daemon=True)
        self.world, self.book, self.name = world, world.book, name
        self.rnd = random.Random("%s-%s" % (seed, name))
        self.ways, self.pause = ways, pause
        self.go, self.over = threading.Event(), threading.Event()
        self.idle = threading.Event()
        self.n = 0
        self.start()

    def run(self):
        while not self.over.is_set():
            if not self.go.is_set():
                self.idle.set()
                self.go.wait(0.2)
                continue
            self.idle.clear()
            try:
                with Raw(self.world.port, timeout=30) as c:
                    self.session(c)
            except (OSError, ConnectionError, Cut):
                self.over.wait(0.2)
            except AssertionError as e:
                self.book.refused(str(e))
                self.over.wait(0.2)
        self.idle.set()

    def session(self, c):
        c.ok("EHLO client.test")
        if self.rnd.random() < 0.2:
            c.starttls()
            c.ok("EHLO client.test")
        for _ in range(self.rnd.choice([1, 1, 1, 5])):
            if not self.go.is_set():
                break
            self.one(c)
            self.over.wait(self.pause * self.rnd.uniform(0.5, 1.5))
        c.cmd("QUIT")

    def one(self, c):
        self.n += 1
        name = "%s-%d" % (self.name, self.n)
        rcpts = self.world.recipients(self.rnd, name)
        # A refusal of nobody@ makes no notification.
        c.ok("MAIL FROM:<%s>" % ("" if rcpts[0].startswith("nobody@") else
                                 "s%d@sender.test" % self.rnd.randrange(40)))
        took = [r for r in rcpts if self.is_taken(c.cmd("RCPT TO:<%s>" % r))]
        if not took:
            c.ok("RSET")
            return
        self.book.open(name, took)
        getattr(self, self.rnd.choice(self.ways))(c, name, message(name, self.rnd))

    def is_taken(self, reply):
        if not reply.startswith("250"):
            self.book.refused(reply)
        return reply.startswith("250")

    # ---- ways

    def plain(self, c, name, data):
        c.ok("DATA", "354")
        self.book.sent(name)
        c.send(stuff(data))
        self.book.answered(name, c.reply())

    def chunks(self, c, name, data):
        at = self.rnd.randrange(1, len(data))
        c.send(b"BDAT %d\r\n" % at + data[:at])
        assert c.reply().startswith("250"), "BDAT was refused"
        self.book.sent(name)
        c.send(b"BDAT %d LAST\r\n" % (len(data) - at) + data[at:])
        self.book.answered(name, c.reply())

    def trickle(self, c, name, data):
        c.ok("DATA", "354")
        data = stuff(data)
        step = len(data) // 8
        for at in range(0, 7 * step, step):
            c.send(data[at:at + step])
            self.over.wait(self.rnd.uniform(0.05, 0.4))
        self.book.sent(name)
        c.send(data[7 * step:])
        self.book.answered(name, c.reply())

    def reset(self, c):
        if self.rnd.random() < 0.5:
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
        raise Cut

    def cut(self, c, name, data):
        c.ok("DATA", "354")
        data = stuff(data)
        c.send(data[:self.rnd.randrange(len(data) - 5)])
        self.reset(c)

    def vanish(self, c, name, data):
        c.ok("DATA", "354")
        self.book.sent(name)
        c.send(stuff(data))
        self.reset(c)
