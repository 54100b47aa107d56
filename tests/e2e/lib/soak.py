# SPDX-License-Identifier: ISC
"""A soak: fifty domains on a few primaries, mail coming in all the time, and trouble of
every kind, drawn from a seed; in rounds, each of which ends in a calm. Then everything
has to be where it was: the queue empty, the books balanced, memory, descriptors and
spool no larger than after the first rounds.

    s = Soak(stack, seed=7)
    s.round(40, kills=False)
    s.finish()

In the rounds without kills one process lives on, whose growth is a leak."""
import os
import random
import re
import sys
import time

from .mxwatchd import BUILD
from .net import Workdir, certificate, free_port
from .soak_book import Book
from .soak_peers import RealSink, Sender, Sink
from .wait import wait_for

DOMAINS, MOVERS, PRIMARIES = 50, 3, 8
MB = 1 << 20
TWICE_MAX = 60  # what one kill may deliver again: all connections, twice what each does

DEFAULTS = """\
    delay_warning = {}
    probe { interval = "1s" timeout = "3s" fall = 2 rise = 1 hold = "0s" depth = "ehlo" }
    deliver { connections = %d idle = "1s" connect = "2s" }
    retry { first = "1s" max = "2s" }
    lifetime = "%dh"
    vault { keep = "3s" }
"""
# Counters of mail by recipient: a process has counted in what it has counted out.
IN, OUT = "smtpd_recipients_accepted_total", (
    "delivery_recipients_delivered_total", "delivery_recipients_bounced_total",
    "delivery_recipients_expired_total")


def is_sanitized():
    with open(os.path.join(BUILD, "config.status"), errors="replace") as f:
        return "--enable-sanitizers" in f.read()


class Measure:
    """What a process and its spool take at a calm."""

    def __init__(self, d):
        with open("/proc/%d/status" % d.proc.pid) as f:
            self.anon = int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1)) * 1024
        self.fds = d.fds()
        self.pid = d.proc.pid
        self.seg, self.db = folder(d.spool, "seg"), folder(d.spool, "db")

    def __str__(self):
        return "anon %.1f MB, %d descriptors, segments %.2f MB, database %.2f MB" % (
            self.anon / MB, self.fds, self.seg / MB, self.db / MB)


def folder(*path):
    """Bytes on the disk."""
    n = 0
    for e in os.scandir(os.path.join(*path)):
        try:
            n += e.stat().st_blocks * 512
        except FileNotFoundError:  # removed meanwhile
            pass
    return n


class Soak:
    """`pause`: seconds between two messages of a sender. `postfix`: one of the primaries
    is a real one."""

    def __init__(self, stack, seed, senders=4, pause=0.25, postfix=False):
        self.rnd = random.Random(seed)
        self.stack, self.seed = stack, seed
        self.book = Book()
        self.names = ["d%02d.test" % i for i in range(DOMAINS)]
        self.movers = ["m%d.test" % i for i in range(MOVERS)]
        self.gone = set()  # movers that are not configured now
        self.connections, self.lifetime, self.on_hold = 4, 30, set()
        self.certificate = certificate(stack.add(Workdir("soak"), Workdir.remove).path)
        self.sinks = self.primaries(postfix)
        self.calms, self.counted, self.events = [], None, {}
        self.log_seen = 0
        self.last = None  # the metrics before, of this process
        env = {"ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1:quarantine_size_mb=4"}
        self.d = stack.mxwatchd(self.domains(), defaults=self.defaults(), start=False, env=env,
                                queue='segment_size = "1M"',
                                smtpd='tls_cert = "%s" tls_key = "%s"' % self.certificate,
                                options="metrics { per_domain = no }")
        self.begin = time.monotonic()
        self.start()
        self.port = self.d.port
        ways = ["plain"] * 5 + ["chunks"] * 2
        self.senders = [Sender(self, "s%d" % i, seed, ways, pause) for i in range(senders)]
        self.senders += [Sender(self, "t%d" % i, seed, ["trickle"], pause) for i in range(3)]
        self.senders += [Sender(self, "c0", seed, ["cut", "vanish"], 4 * pause)]

    def say(self, text):
        print("soak %4ds: %s" % (time.monotonic() - self.begin, text), file=sys.stderr, flush=True)

    # ---- the world

    def primaries(self, postfix):
        """Half of them offer CHUNKING, some STARTTLS."""
        cert, key = self.certificate
        sinks = []
        for i in range(PRIMARIES):
            tls = dict(cert=cert, key=key) if i in (1, 4, 6) else {}
            s = Sink(self.book, ["chunking"] if i % 2 else [], port=free_port(), **tls)
            sinks.append(self.stack.add(s, lambda m: m.stop()).start())
        if postfix:
            all_names = self.names + self.movers
            sinks[-1] = RealSink(self.book, self.stack.primary(
                all_names, access={"nobody@" + n: "550 5.1.1 nobody" for n in all_names}))
        return sinks

    def primary_of(self, i):
        """Large primaries and small ones: half of the domains are at the first two."""
        return self.sinks[i % 2 if i % 4 < 2 else 2 + i % (PRIMARIES - 2)]

    def domains(self):
        names = self.names + [m for m in self.movers if m not in self.gone]
        return {n: 'primary = {"127.0.0.1:%d"}' %
                self.primary_of((self.names + self.movers).index(n)).port for n in names}

    def defaults(self):
        return DEFAULTS % (self.connections, self.lifetime)

    def recipients(self, rnd, name):
        """One, or several, which may be of two domains; now and then somebody who does
        not exist."""
        domains = rnd.sample(self.names + self.movers, 2)
        if rnd.random() < 0.03:
            return ["nobody@" + rnd.choice(self.names)]
        n = rnd.choice([1, 1, 1, 2, 3])
        return ["u%d@%s" % (i, domains[i % 2]) for i in range(n)]

    # ---- the daemon

    def start(self):
        self.book.begins()
        self.last = None
        self.d.start()
        self.log_seen = 0

    def kill(self):
        self.check_log()
        self.book.kills()
        self.d.kill9()
        self.start()

    def term(self):
        self.check_log()
        self.d.stop(40)
        self.start()

    def reload(self):
        """Another number of connections, another lifetime, domains that come and go."""
        self.connections, self.lifetime = self.rnd.randint(2, 8), self.rnd.randint(100, 900)
        for m in self.movers:
            if self.rnd.random() < 0.5:
                self.gone.symmetric_difference_update({m})
        self.d.write(domains=self.domains(), defaults=self.defaults())
        if self.rnd.random() < 0.5:
            self.d.hup()
        else:
            rc, text = self.d.ctl("reload")
            assert rc in (0, 1), text

    # ---- trouble

    def outage(self):
        up = [s for s in self.sinks if s.is_well()]
        if len(up) > PRIMARIES // 2:
            self.rnd.choice(up).stop()

    def mood(self):
        sane = [s for s in self.sinks if s.is_well() and s.mood]
        if len(sane) > 2:
            self.rnd.choice(sane).mood(self.rnd)

    def mend(self):
        sick = [s for s in self.sinks if not s.is_well()]
        if sick:
            self.rnd.choice(sick).calm()

    def operator(self):
        name = self.rnd.choice(self.names)
        verb = self.rnd.choice(["flush", "hold", "release", "queue", "why", "status"])
        self.d.ctl(verb, name, *(["--no-wait"] if verb == "flush" else []))
        if verb == "hold":
            self.on_hold.add(name)
        elif verb == "release":
            self.on_hold.discard(name)

    def trouble(self, kills):
        what = ["outage", "mood", "mood", "mood", "mend", "mend", "mend", "operator",
                "reload"] + (["kill"] * 3 if kills else [])
        what = self.rnd.choice(what)
        if what == "kill" and self.rnd.random() < 0.25:
            what = "term"
        self.events[what] = self.events.get(what, 0) + 1
        begin = time.monotonic()
        getattr(self, what)()
        if time.monotonic() - begin > 5:
            self.say("%s took %d s" % (what, time.monotonic() - begin))

    def round(self, seconds, kills):
        for s in self.senders:
            s.go.set()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.trouble(kills)
            self.check_running()
            time.sleep(self.rnd.uniform(0.3, 2))
        self.calm()

    # ---- what has to hold

    def check_log(self):
        """No error, for all the trouble is that of others, nor a word of a sanitizer."""
        self.d.check_log()
        log = self.d.log()
        new, self.log_seen = log[self.log_seen:], len(log)
        for line in new.splitlines():
            if re.match(r"\S+ error ", line):
                self.book.strange.append("log: " + line)

    def check_running(self):
        assert self.d.proc.poll() is None, "mxwatchd ended: " + self.d.log()[-3000:]
        self.check_log()
        m = self.d.metrics(fresh=False)
        for name in (IN,) + OUT:
            assert self.last is None or m.sum(name) >= self.last.sum(name), name + " fell"
        for name in ("spool_errors_total", "spool_damaged_total"):
            assert m.sum(name) == 0, name
        self.last = m
        assert not self.book.strange, self.book.strange[:5]
        assert self.d.fds() < 400

    def calm(self):
        """Nobody sends, all primaries are well: soon nothing is queued."""
        for s in self.senders:
            s.go.clear()
        for s in self.senders:
            wait_for(s.idle.is_set, 60, "a client has its reply")
        for s in self.sinks:
            s.calm()
        for name in sorted(self.on_hold):
            self.d.ctl("release", name)
        self.on_hold.clear()
        wait_for(self.is_empty, 120, "nothing is queued", step=0.5)
        self.settle()

    def is_empty(self):
        m = self.d.metrics()
        n = m.sum("queue_messages") + m.sum("queue_reports_messages")
        assert n == 0, "%d queued" % n
        assert m.get("smtpd_sessions") == 0 and m.get("delivery_connections") == 0
        return True

    def settle(self):
        wait_for(lambda: folder(self.d.spool, "seg") < 3 * MB, 30, "segments are given back")
        self.check_running()
        wait_for(self.is_balanced, 20 if self.real() else 0, "SEED=%s" % self.seed, step=0.5)
        self.check_counters()
        self.calms.append(Measure(self.d))
        self.say("calm: %s; %s" % (self.calms[-1], dict(self.book.count())))

    def real(self):
        return [s for s in self.sinks if isinstance(s, RealSink)]

    def is_balanced(self):
        """Postfix has taken it before it is in the Maildir."""
        for s in self.real():
            s.collect()
        faults = self.book.faults()
        assert not faults, "%d faults: %s" % (len(faults), "\n".join(faults[:10]))
        return True

    def check_counters(self):
        """Between two calms of one process what came in went out, and the clients and
        the primaries have the same figures."""
        m = self.d.metrics()
        now = self.book.count()
        now.update(pid=self.d.proc.pid, came=int(m.sum(IN)), went=int(sum(map(m.sum, OUT))),
                   delivered=int(m.sum(OUT[0])))
        before, self.counted = self.counted, now
        if before is None or before["pid"] != now["pid"]:
            return
        n = {k: now[k] - before[k] for k in now if k != "pid"}
        assert n["came"] == n["went"], n
        assert n["promised"] <= n["came"] <= n["promised"] + n["maybe"], n
        assert n["delivered"] <= n["taken"], n

    def check_flat(self):
        """Each process by itself, from its second calm on; the spool over all."""
        for pid in {c.pid for c in self.calms}:
            mine = [c for c in self.calms if c.pid == pid][1:]
            if len(mine) < 2:
                continue
            slack = (40 if is_sanitized() else 3) * MB
            first, last = mine[0], mine[-1]
            assert last.anon <= first.anon * 1.15 + slack, "memory: %s, then %s" % (first, last)
            assert last.fds <= first.fds + 4, "descriptors: %s, then %s" % (first, last)
        first, last = self.calms[0], self.calms[-1]
        assert last.db <= 2 * first.db + 4 * MB, "database: %s, then %s" % (first, last)

    def finish(self):
        for s in self.senders:
            s.over.set()
            s.go.set()
            s.join(40)
        killed, cut = self.book.duplicates()
        self.say("%s; replies %s" % (self.events, dict(self.book.replies)))
        self.say("twice: %d for %d kills (at most %d), %d for broken connections" % (
            sum(killed.values()), len(self.book.killed), max(killed.values(), default=0), cut))
        self.check_flat()
        most = max(killed.values(), default=0)
        assert most <= TWICE_MAX, "a kill made %d deliveries twice" % most
        self.d.stop(40)
