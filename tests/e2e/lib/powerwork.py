# SPDX-License-Identifier: ISC
"""A daemon that works under powercut.py, and others that begin with what a power
cut leaves of its spool, at points taken from all over that work."""
import concurrent.futures
import os
import random
import re
import shutil
import threading

from .mxwatchd import FAST, PLAIN, Mxwatchd
from .powercut import LUCK, Trace, preload
from .smtp import Raw, stuff, text
from .wait import wait_for

QUICK = FAST.replace('"200ms"', '"100ms"').replace("fall = 2 rise = 2", "fall = 1 rise = 1")
DOMAINS = ("a.test", "b.test")
SEED = int(os.environ.get("SEED", "1"))


def sections(mx):
    return {name: 'primary = {"127.0.0.1:%d"}' % mx.port for name in DOMAINS}


class Work:
    """A daemon that takes, delivers and restarts, and what was promised when: times
    are the length of the file of notes."""

    def __init__(self, stack):
        self.stack = stack
        self.mx = stack.fakemx(start=False)
        self.d = stack.mxwatchd(sections(self.mx), start=False, build=PLAIN, defaults=QUICK,
                                queue='segment_size = "64K"')
        self.root = os.path.join(self.d.dir, "disk")
        self.notes = os.path.join(self.d.dir, "notes")
        self.d.spool = os.path.join(self.root, "spool")
        os.mkdir(self.root)
        self.d.env.update(preload(self.d.dir, self.root, self.notes))
        self.d.write()
        self.bodies = {}
        self.acked, self.came = [], []  # (time, subject, recipient)
        self.lock = threading.Lock()
        take = self.mx.take

        def noted(m):
            now = self.now()
            self.came += [(now, subject_of(m.data), to) for to in m.to]
            take(m)
        self.mx.take = noted

    def now(self):
        return os.path.getsize(self.notes)

    def sender(self, rnd, names):
        """One connection, a message after the other: mostly small, some that have a
        file of their own, some for both domains."""
        with Raw(self.d.port, timeout=60) as c:
            for name in names:
                rcpts = ["u@" + x for x in rnd.choice([DOMAINS, DOMAINS[:1], DOMAINS[1:]])]
                size = rnd.choice([10, 300, 4000, 20000] * 3 + [300000])
                data = self.bodies[name] = text(name, rnd.choice("abc") * 70 + "\n" +
                                                "%064x\n" % rnd.getrandbits(256) * (size // 65))
                c.begin(rcpt=rcpts)
                c.ok("DATA", "354")
                c.send(stuff(data))
                assert c.reply().startswith("250")
                with self.lock:
                    self.acked += [(self.now(), name, r) for r in rcpts]

    def send(self, tag, n, threads=3):
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            runs = [pool.submit(self.sender, random.Random("%d%s%d" % (SEED, tag, t)),
                                ["%s-%d-%d" % (tag, t, i) for i in range(n // threads)])
                    for t in range(threads)]
            for r in runs:
                r.result()

    def run(self, n):
        self.d.start()
        self.d.wait_state("a.test", "down")
        self.send("first", n)
        self.d.restart()
        self.send("second", n)
        self.mx.start()
        self.send("third", n)  # while others leave
        for name in DOMAINS:
            self.d.wait_empty(name)
        self.mx.stop()
        self.send("fourth", n // 2)
        self.d.stop()
        self.trace = Trace(self.notes, self.root)
        unseen = {name for name, _ in self.trace.differs(os.path.join(self.d.dir, "same"))}
        assert not unseen, "changed without a note: %s" % unseen
        return self

    def points(self, rnd, n):
        """Half of them where a client has just had its 250, half anywhere."""
        ops = len(self.trace.ops)
        after = rnd.sample(sorted({self.trace.at(t) for t, _, _ in self.acked}), n // 2)
        return sorted(after + [rnd.randrange(ops + 1) for _ in range(n - n // 2)])

    def cut(self, number, now, luck, seed, build):
        """What is wrong after a power cut there: None, or a sentence."""
        ops = self.trace.ops
        time = ops[now].start if now < len(ops) else self.now()
        mx = self.stack.fakemx()
        d = self.stack.add(Mxwatchd(sections(mx), build=build, defaults=QUICK,
                                    name="cut%d" % number), lambda d: d.close())
        left = os.path.join(d.dir, "left")
        d.spool = os.path.join(left, "spool")
        self.trace.rebuild(left, now, luck, seed)
        d.write().start()
        loaded = d.wait_log(r"event=loaded messages=(\d+) damaged=(\d+)")
        assert loaded.group(2) == "0"
        for name in DOMAINS:
            d.wait_empty(name)
        got = {(subject_of(m.data), to) for m in mx.messages for to in m.to}
        for m in mx.messages:
            body = self.bodies[subject_of(m.data)]
            assert m.data.endswith(b"\r\n" + body) and m.data.startswith(b"Received: "), \
                "not whole: %r" % m.data[:300]
        lost = {(s, to) for t, s, to in self.acked if t <= time} - got - \
            {(s, to) for t, s, to in self.came if t <= time}
        assert not lost, "lost: %s" % sorted(lost)[:5]
        d.stop()
        told = re.search(r"^\S+ error .*", d.log(), re.M)
        assert not told, told.group()
        shutil.rmtree(left)
        mx.stop()
        return len(got)

    def cuts(self, n, build=PLAIN, workers=3):
        """Cuts the power n times; how many messages were left, in all."""
        rnd = random.Random(SEED)
        points = self.points(rnd, n)
        lucks = [rnd.choice(LUCK) if i % 2 else "tears" for i in range(n)]

        def one(i):
            luck = lucks[i]
            try:
                return self.cut(i, points[i], luck, SEED + i, build)
            except (AssertionError, RuntimeError) as e:
                raise AssertionError("SEED=%d, operation %d of %d, a disk that %s: %s" % (
                    SEED, points[i], len(self.trace.ops), luck, e)) from e
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return sum(pool.map(one, range(n)))


def subject_of(data):
    return re.search(rb"(?m)^Subject: ([^\r\n]*)", data).group(1).decode()
