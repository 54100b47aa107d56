# SPDX-License-Identifier: ISC
"""A cluster under load whose nodes, engine and ways are killed, stopped, cut and moved
about, as a seed says; and the books: who was promised what, what came of it, and which
trouble may have made a delivery twice.

    k = Kills(stack, seed=7)
    k.round(3)
    k.finish()

A round begins some troubles, one after the other, ends them in another order, and then
there is a calm in which everything that was acknowledged has to be delivered, and the
engine, the nodes and their spools have to be as if nothing had been."""
import collections
import random
import signal
import subprocess
import sys
import threading
import time

from .fakemx import FakeMx
from .smtp import Raw, stuff
from .soak_peers import message, read
from .wait import wait_for

LEASE = 3  # seconds, as lib/engine.py has it
CONNECTIONS, DEPTH = 4, 2
PRIMARIES = 4
# CLUSTER.md: the open connections of the node, and what each has under way.
BOUND = CONNECTIONS * DEPTH * PRIMARIES
# Seconds around a trouble in which its first deliveries count as touched by it.
NEAR = 2
DEFAULTS = """\
    delay_warning = {}
    probe { interval = "500ms" timeout = "2s" fall = 2 rise = 1 hold = "0s" depth = "ehlo" }
    deliver { connections = %d idle = "1s" connect = "2s" pipeline_depth = %d }
    retry { first = "1s" max = "2s" }
""" % (CONNECTIONS, DEPTH)


class Taking:
    __slots__ = ("at", "node", "primary", "cut", "session")

    def __init__(self, at, node, primary, session):
        self.at, self.node, self.primary, self.session = at, node, primary, session
        self.cut = False  # its session ended without a QUIT, behind it


class Sink(FakeMx):
    """A primary that enters into the book what it takes, and keeps nothing."""

    def __init__(self, book, index, **kw):
        super().__init__(**kw)
        self.book, self.index = book, index
        self.last = {}

    def event(self, what, peer=None, line="", **more):
        if what == "connect":
            self.last[peer] = []
        elif what == "command" and line.upper().startswith("QUIT"):
            self.last[peer] = []
        elif what == "disconnect":
            for t in self.last.pop(peer, [])[-DEPTH - 1:]:
                t.cut = True

    def take(self, m):
        got = read(m.data)
        if got is None:
            return
        t = Taking(time.monotonic(), m.helo.split(".")[0], self.index, m.client_port)
        self.last.setdefault(m.client_port, []).append(t)
        self.book.takes(got[0], m.to, t, got[1])


class Book:
    def __init__(self):
        self.lock = threading.Lock()
        self.promised = {}  # (name, recipient): time of the 250
        self.taken = collections.defaultdict(list)
        self.broken = []
        self.replies = collections.Counter()

    def acks(self, name, rcpts):
        with self.lock:
            for r in rcpts:
                self.promised[name, r] = time.monotonic()

    def takes(self, name, rcpts, taking, whole):
        with self.lock:
            if not whole:
                self.broken.append(name)
            for r in rcpts:
                self.taken[name, r].append(taking)

    def replied(self, what):
        with self.lock:
            self.replies[what] += 1

    def missing(self):
        with self.lock:
            return [k for k in self.promised if k not in self.taken]

    def twice(self):
        """(message, the delivery that was not the last, the one behind it)"""
        with self.lock:
            return [(k, a, b) for k, t in self.taken.items() for a, b in zip(t, t[1:])]


class Client(threading.Thread):
    """Sends to whichever node, for one domain or two."""

    def __init__(self, world, name, pause):
        super().__init__(daemon=True)
        self.world, self.book, self.name, self.pause = world, world.book, name, pause
        self.rnd = random.Random("%s-%s" % (world.seed, name))
        self.go, self.over, self.idle = (threading.Event() for _ in range(3))
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
                with Raw(self.rnd.choice(self.world.nodes.n).port, timeout=15) as c:
                    c.ok("EHLO client.test")
                    for _ in range(self.rnd.randrange(1, 20)):
                        if not self.go.is_set():
                            break
                        self.one(c)
                        self.over.wait(self.pause)
                    c.cmd("QUIT")
            except (OSError, ConnectionError) as e:
                self.book.replied(type(e).__name__)
                self.over.wait(0.1)
            except AssertionError as e:
                self.book.replied(str(e)[-60:])
                self.over.wait(0.1)
        self.idle.set()

    def one(self, c):
        self.n += 1
        name = "%s-%d" % (self.name, self.n)
        domains = self.rnd.sample(self.world.domains, self.rnd.choice([1, 1, 1, 2]))
        rcpts = ["u@" + d for d in domains]
        c.ok("MAIL FROM:<s@sender.test>")
        for r in rcpts:
            c.ok("RCPT TO:<%s>" % r)
        c.ok("DATA", "354")
        data = message(name, self.rnd)
        self.world.large += len(data) > 256 << 10
        c.send(stuff(data))
        reply = c.reply()
        self.book.replied(reply[:9])
        if reply.startswith("250"):
            self.book.acks(name, rcpts)


class Trouble:
    """One thing that goes wrong, from begin() to end(). `nodes`: those that may deliver
    twice for it; `primary`: the one whose deliveries it may cut."""

    def __init__(self, kind, subject, begin, end, nodes=(), primary=None):
        self.kind, self.subject = kind, subject
        self._begin, self._end = begin, end
        self.nodes, self.primary = set(nodes), primary
        self.since = self.until = None
        self.twice = 0
        self.reach = 0  # from then on what was delivered may not have been noted

    def __str__(self):
        return "%s %s" % (self.kind, self.subject)

    def begin(self):
        self.since = time.monotonic()
        self._begin()

    def end(self):
        self._end()
        self.until = time.monotonic()

    def may_have(self, t):
        near = self.reach - NEAR <= t.at <= self.until + NEAR
        return near and (t.node in self.nodes or (self.primary == t.primary and t.cut))


class Kills:
    def __init__(self, stack, seed, nodes=3, domains=8, clients=6, pause=0.02, standby=True):
        self.rnd = random.Random(seed)
        self.stack, self.seed = stack, seed
        self.book = Book()
        self.domains = ["d%d.test" % i for i in range(domains)]
        self.sinks = [stack.add(Sink(self.book, i, misbehave=["chunking"] if i % 2 else []),
                                lambda m: m.stop()).start() for i in range(PRIMARIES)]
        self.engine = stack.engine(standby=standby)
        self.nodes = stack.nodes(
            {d: 'primary = {"127.0.0.1:%d"}' % self.sinks[i % PRIMARIES].port
             for i, d in enumerate(self.domains)}, nodes, engine=self.engine, links=True,
            defaults=DEFAULTS)
        self.nodes.wait_owned(self.domains)
        self.begin = time.monotonic()
        self.still, self.left = set(), set()  # nodes
        self.large = 0  # messages whose content goes to the engine before they are whole
        self.past, self.figures = [], collections.Counter()
        self.clients = [Client(self, "c%d" % i, pause) for i in range(clients)]

    def say(self, text):
        print("kills %4ds: %s" % (time.monotonic() - self.begin, text), file=sys.stderr,
              flush=True)

    # ---- troubles

    def kill_node(self, d):
        takeover = self.rnd.random() < 0.4

        def begin():
            d.check_log()
            d.kill9()
            if takeover:
                self.ask(d, "cluster", "takeover", d.name)
        return Trouble("kill" + (" and takeover" if takeover else ""), d.name, begin,
                       lambda: self.start(d), [d.name])

    def stop_node(self, d):
        def begin():
            self.still.add(d)
            d.proc.send_signal(signal.SIGSTOP)
            if self.rnd.random() < 0.7:  # else for less than a lease, perhaps
                self.sleep(LEASE + 2)

        def end():
            d.proc.send_signal(signal.SIGCONT)
            self.still.discard(d)
        return Trouble("stand still", d.name, begin, end, [d.name])

    def term_node(self, d):
        return Trouble("stop", d.name, lambda: d.stop(90), lambda: self.start(d))

    def release_node(self, d):
        def begin():
            self.left.add(d)
            self.ask(None, "cluster", "release", d.name)
        return Trouble("release", d.name, begin,
                       lambda: self.ask(None, "cluster", "join", d.name))

    def bad_link(self, d):
        i = self.nodes.n.index(d) * 2
        links = self.nodes.links[i:i + 2]
        bad = self.rnd.choice(["drop", "slow", "deaf", "cut", "half"])

        def begin():
            for link in links:
                if bad in ("cut", "half"):
                    getattr(link, bad)()
                else:
                    link.mode = bad

        def end():
            for link in links:
                link.mode = "good"
                if bad in ("drop", "deaf"):
                    link.cut()
        return Trouble("link " + bad, d.name, begin, end, [d.name])

    def engine_trouble(self):
        e = self.engine
        kind = self.rnd.choice(["promote", "promote", "kill", "kill standby", "hang"])
        rewind = self.rnd.random() < 0.5
        begin, end = {
            "kill": (lambda: e.leader.kill(), lambda: e.leader.start()),
            "kill standby": (lambda: e.standby.kill(), lambda: e.standby.start()),
            "hang": (lambda: e.leader.signal(signal.SIGSTOP),
                     lambda: e.leader.signal(signal.SIGCONT)),
            "promote": (e.failover, lambda: e.heal(rewind)),
        }[kind]
        return Trouble("engine", kind, begin, end)

    def down(self, sink):
        return Trouble("down", "primary %d" % sink.index, sink.stop, sink.start,
                       primary=sink.index)

    def move(self, domain):
        def go():
            self.ask(None, "cluster", "move", domain, self.rnd.choice(self.nodes.n).name)
        return Trouble("move", domain, go, go)

    def ask(self, but, *words):
        """At one that runs; what it answers may be that it cannot."""
        there = [d for d in self.nodes.n if d is not but and d not in self.still and d.proc]
        if there:
            try:
                self.rnd.choice(there).ctl_run(*words, timeout=15)
            except subprocess.TimeoutExpired as e:  # the engine stands still
                self.say("%s: %s" % (" ".join(words), type(e).__name__))

    @staticmethod
    def start(d):
        d.spawn()

    def draw(self, n):
        out = [self.engine_trouble()] if self.rnd.random() < 0.6 else []
        nodes = self.rnd.sample(self.nodes.n, len(self.nodes.n))
        while len(out) < n:
            what = self.rnd.choice(["kill_node", "kill_node", "stop_node", "bad_link", "bad_link",
                                    "term_node", "release_node", "down", "move"])
            if what == "down":
                subject = self.rnd.choice(self.sinks)
            elif what == "move":
                subject = self.rnd.choice(self.domains)
            elif nodes:
                subject = nodes.pop()
            else:
                continue
            t = getattr(self, what)(subject)
            if not any(str(t) == str(o) for o in out):
                out.append(t)
        self.rnd.shuffle(out)
        return out

    def sleep(self, seconds):
        time.sleep(seconds)  # the trouble lasts; nothing is waited for

    # ---- rounds

    def round(self, n):
        troubles = self.draw(n)
        self.say("; ".join(map(str, troubles)))
        for c in self.clients:
            c.go.set()
        self.sleep(0.5)
        for t in troubles:
            t.begin()
            self.sleep(self.rnd.choice([0, 0.2, 1]))
        self.sleep(self.rnd.choice([0.5, 2, LEASE + 2]))
        self.rnd.shuffle(troubles)
        for t in troubles:
            t.end()
            self.sleep(self.rnd.choice([0, 0.2, 1]))
        self.past += troubles
        self.calm()

    def calm(self):
        for c in self.clients:
            c.go.clear()
        for c in self.clients:
            wait_for(c.idle.is_set, 60, "a client has its reply")
        for d in self.nodes.n:
            d.wait_ready(60)
        if self.engine.b:
            self.engine.wait_sync(40)
        for d in self.left:  # who was asked may have been killed
            wait_for(lambda d=d: d.ctl("cluster", "join")[0] == 0, 20, "it may join", step=0.3)
        self.left.clear()
        wait_for(self.is_delivered, 90, "SEED=%s: all that was taken is delivered" % self.seed,
                 step=0.3)
        wait_for(self.is_empty, 60, "SEED=%s: the tables are empty" % self.seed, step=0.3)
        wait_for(self.is_agreed, 60, "SEED=%s: the nodes agree" % self.seed, step=0.3)
        for d in self.nodes.n:
            d.check_log()
        self.judge()

    def is_delivered(self):
        missing = self.book.missing()
        assert not missing, "%d missing: %s" % (len(missing), missing[:5])
        assert not self.book.broken, self.book.broken[:5]
        return True

    def is_empty(self):
        """Content that no message has is left by those whose way was broken off; the keeper
        sweeps it when its day is over."""
        left = {t: self.engine.leader.number("SELECT count(DISTINCT id) FROM mxwatch." + t)
                for t in ("part", "body", "moved")}
        self.figures["content without message"] = left.pop("body")
        assert not any(left.values()), left
        assert self.figures["content without message"] <= self.large, left
        return True

    def is_agreed(self):
        names = {d.name for d in self.nodes.n}
        owners = self.nodes.owners()
        assert set(owners) >= set(self.domains), owners
        for d in self.nodes.n:
            d.refresh()
            c = d.status()["cluster"]
            assert {n["node"] for n in c["nodes"] if n["state"] == "live"} == names, c["nodes"]
            assert c["local"]["messages"] == 0 and not c["fenced"] and not c["left"], c
            mine = sum(n == d.name for n in owners.values())
            assert c["domains"]["ours"] == mine, (c["domains"], owners)
            assert c["domains"]["leaving"] == 0 and c["domains"]["unowned"] == 0, c
            for name in ("spool_damaged_total", "queue_damaged_messages"):
                assert d.metrics(False).sum(name) == 0, name
        return True

    def judge(self):
        """Each second delivery is the fault of a trouble, and none has too many."""
        strange = []
        for t in self.past:
            t.reach = min([t.since] + [
                o.since for o in self.past if o.until + NEAR >= t.since >= o.since and
                (o.kind == "engine" or t.nodes & o.nodes)])
        for key, a, b in self.book.twice():
            t = next((t for t in self.past if t.may_have(a)), None)
            if t is None:
                strange.append("%s: %s at %.2f, %s at %.2f%s" % (
                    key, a.node, a.at - self.begin, b.node, b.at - self.begin,
                    ", cut" if a.cut else ""))
            else:
                t.twice += 1
        for t in self.past:
            self.say("%-26s %.1f to %.1f s%s" % (
                t, t.since - self.begin, t.until - self.begin,
                ": %d twice" % t.twice if t.twice else ""))
            self.figures[t.kind.split()[0]] += 1
            self.figures["twice by " + t.kind] += t.twice
            self.figures["most by " + t.kind] = max(self.figures["most by " + t.kind], t.twice)
        many = ["%s: %d" % (t, t.twice) for t in self.past if t.twice > BOUND]
        with self.book.lock:
            self.figures["taken"] += len(self.book.promised)
            self.book.promised.clear()
            self.book.taken.clear()
        self.past = []
        assert not strange, "SEED=%s: %d twice without a reason: %s" % (
            self.seed, len(strange), strange[:6])
        assert not many, "SEED=%s: too many twice: %s" % (self.seed, many)

    def finish(self):
        for c in self.clients:
            c.over.set()
            c.go.set()
            c.join(40)
        self.say("%s; replies %s" % (
            {k: v for k, v in sorted(self.figures.items()) if v}, dict(self.book.replies)))
