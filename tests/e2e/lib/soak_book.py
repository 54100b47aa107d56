# SPDX-License-Identifier: ISC
"""The books of a soak: who was promised what, and what came of it.

A message has one entry for each recipient. 250 means it has to be delivered; a reply
of 4xx or 5xx means it must not be; of a client that was cut between its final dot and
the reply nobody knows. A second delivery needs a reason, which lies in the first one:
the daemon that made it was killed before it can have noted it, or the connection broke
so that it may never have seen the 250. A life is the time between two starts."""
import collections
import threading
import time

# What a session has under way when it breaks, in messages: the one that is sent and
# those pipelined behind it (deliver { pipeline }).
UNDER_WAY = 3

# Seconds in which an outcome is on the disk for sure, however busy the machine is.
NOTED = 15

UNSENT, UNKNOWN, ACKED, REFUSED = "unsent", "unknown", "acked", "refused"


class Entry:
    __slots__ = ("state", "why", "rcpts", "taken")

    def __init__(self, rcpts):
        self.state, self.why = UNSENT, ""
        self.rcpts = rcpts
        self.taken = {r: [] for r in rcpts}  # [Taking]


class Taking:
    """One delivery as the primary saw it; `sure`: we must have heard of its 250."""
    __slots__ = ("life", "sure", "at")

    def __init__(self, life):
        self.life, self.sure, self.at = life, True, time.time()


class Book:
    def __init__(self):
        self.lock = threading.Lock()
        self.entries = {}
        self.life = 0
        self.killed = {}  # lives that ended so: when
        self.strange = []  # faults that show at once
        self.replies = collections.Counter()

    # ---- the daemon

    def begins(self):
        with self.lock:
            self.life += 1

    def kills(self):
        with self.lock:
            self.killed[self.life] = time.time()

    # ---- the clients

    def open(self, name, rcpts):
        with self.lock:
            self.entries[name] = Entry(rcpts)

    def sent(self, name):
        """The final dot is about to go out."""
        with self.lock:
            self.entries[name].state = UNKNOWN

    def answered(self, name, reply):
        with self.lock:
            e = self.entries[name]
            e.state = ACKED if reply.startswith("250") else REFUSED
            e.why = reply
            if e.state == REFUSED:
                self.replies[reply.split("\n")[0][:60]] += 1

    def refused(self, reply):
        """Before there was any content."""
        with self.lock:
            self.replies[reply.split("\n")[0][:60]] += 1

    # ---- the primaries

    def takes(self, name, rcpts, life, whole):
        t = Taking(life)
        with self.lock:
            e = self.entries.get(name)
            if e is None or not whole:
                self.strange.append("%s arrived, %s" % (name, "cut" if e else "never sent"))
                return t
            for r in rcpts:
                if r not in e.taken:
                    self.strange.append("%s went to %s, who was not named" % (name, r))
                else:
                    e.taken[r].append(t)
        return t

    # ---- the balance

    def _judge_one(self, name, e, r, out):
        takings = e.taken[r]
        if e.state == ACKED and not takings:
            out.append("lost: %s for %s, to which we said %s" % (name, r, e.why))
        if e.state in (REFUSED, UNSENT) and takings:
            out.append("%s for %s was delivered, though %s %s" % (name, r, e.state, e.why))
        for t in takings[:-1]:
            if t.sure and self.killed.get(t.life, t.at + 2 * NOTED) > t.at + NOTED:
                out.append("%s for %s was delivered twice, and nothing explains it: lives %s"
                           % (name, r, [(x.life, x.sure) for x in takings]))

    def faults(self):
        """What cannot be, now that nothing is queued."""
        with self.lock:
            out = list(self.strange)
            for name, e in self.entries.items():
                for r in e.rcpts:
                    if not r.startswith("nobody@"):
                        self._judge_one(name, e, r, out)
        return out

    def duplicates(self):
        """{life of the first one: how many kills explain}, how many a cut does."""
        killed, cut = collections.Counter(), 0
        with self.lock:
            for e in self.entries.values():
                for takings in e.taken.values():
                    for t in takings[:-1]:
                        if t.sure:
                            killed[t.life] += 1
                        else:
                            cut += 1
        return killed, cut

    def count(self):
        """Messages by state, recipients that were promised, that may have been, and
        deliveries."""
        n = collections.Counter()
        with self.lock:
            for e in self.entries.values():
                n[e.state] += 1
                n["promised"] += len(e.rcpts) if e.state == ACKED else 0
                n["maybe"] += len(e.rcpts) if e.state == UNKNOWN else 0
                n["taken"] += sum(map(len, e.taken.values()))
        return n
