# SPDX-License-Identifier: ISC
"""A queue in PostgreSQL beside the spool of the same daemon and beside Postfix, all on
one disk: intake and a flush of one node, with and without a synchronous standby; and
how long a node that was killed is missed. The servers are the bench's own, of the
class that the end-to-end tests have, but with fsync as an operator has it."""
import os
import signal
import subprocess
import sys
import time

import cpu
import outgoing
import tools
from servers import DOMAIN, Lines, Mxwatchd, Sink, free_port, say, wait_for

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True

MX, POSTFIX = "mxwatchd", "Postfix"
ALONE, BOTH = "engine", "engine + standby"
ROW = "cluster: "  # what --check knows them by
SESSIONS = 50
# (row, bytes, the share of --messages)
INTAKE = ((ROW + "intake 4 KB", 4096, 1), (ROW + "intake 75 KB", 75 << 10, 0.2))
FLUSH, FLUSH_SHARE = ROW + "flush to smtp-sink", 1
# As an operator has it: segments of the log are used again and not made anew, which would
# be as much again to write, while it is measured.
OPTIONS = "fsync = on\nautovacuum_naptime = 60\nmin_wal_size = 1GB"

TAKEN, TAKEN_DOMAINS, TAKEN_ROUNDS = 100000, 333, 3
TAKEOVER = ROW + "takeover of %d messages in %d domains"
CLUSTER = 'cluster {{ engine = "{conninfo}" node = "{node}" lease = "{lease}" ' \
    'require_sync = {sync} }}'
# With nothing that differs between the nodes but where they listen.
NODE = """\
hostname = "{node}.example.net"
spool = "{dir}/spool"
control = "{dir}/control.sock"
user = "root"
log = "{dir}/log"
smtpd {{ listen = {{"127.0.0.1:{port}"}} }}
web {{ listen = {{"127.0.0.1:{web}"}} }}
defaults {{
    lifetime = "30d"
    probe {{ interval = "1s" timeout = "1s" fall = 2 rise = 2 hold = "0s" }}
}}
{more}
{config}
"""


class Database:
    """A PostgreSQL server, with a standby that it waits for or without."""

    def __init__(self, top, standby):
        from lib import engine
        os.makedirs(top, exist_ok=True)
        self.a = engine.Postgres(top, "a", OPTIONS)
        self.b = engine.Postgres(top, "b") if standby else None

    def start(self):
        self.a.create()
        self.a.start()
        self.warm()
        if self.b:
            self.b.follow(self.a)
            self.b.start()
            self.a.reload("synchronous_standby_names = 'b'")
            wait_for("the standby", 30, lambda: self.a.sql(
                "SELECT sync_state FROM pg_stat_replication") == [["sync"]])
        return self

    def warm(self):
        """Its log has been written once, as it has after a day."""
        self.a.sql("CREATE TABLE warm AS SELECT g, repeat('x', 1000) "
                   "FROM generate_series(1, 400000) g")
        self.a.sql("DROP TABLE warm")
        self.a.sql("CHECKPOINT")

    def there(self):
        return [s for s in (self.a, self.b) if s]

    @property
    def conninfo(self):
        return "host=%s user=mxwatch dbname=postgres connect_timeout=5" % self.a.dir

    def used(self):
        return cpu.plus(*(cpu.of_family(s.pids()[0]) for s in self.there()))

    def empty(self):
        """Nothing of before, neither rows nor what is to be written of them."""
        self.a.sql("DROP SCHEMA IF EXISTS mxwatch CASCADE")
        for s in self.there():
            s.sql("CHECKPOINT")

    def stop(self):
        for s in reversed(self.there()):
            if os.path.exists(os.path.join(s.data, "postmaster.pid")):
                s.stop()


class Node(Mxwatchd):
    """mxwatchd over a Database."""

    def __init__(self, a, name, database, node="mx2", lease="30s"):
        super().__init__(a.work, a.build, a.config, "mxwatch-" + name.replace(" ", ""))
        self.name, self.database, self.node, self.lease = name, database, node, lease
        self.conninfo, self.sync = database.conninfo, "yes" if database.b else "no"
        self.more = CLUSTER.format(**vars(self))

    def reset(self):
        self.stop()
        self.database.empty()
        conf = self.write()
        subprocess.run([os.path.join(self.build, "mxwatchctl"), "-c", conf, "cluster", "init"],
                       check=True, stdout=subprocess.DEVNULL)
        super().reset()
        wait_for("the domain to be ours", 30, lambda: attached(self.log()) == 1)


def attached(log):
    """How many domains have been read, of those that a node took."""
    return sum(number(line, "domains") for line in log.splitlines()
               if " event=attached " in line)


def number(line, key):
    """A field of a line of the log; 0: it has none."""
    for word in line.split():
        if word.startswith(key + "="):
            return int(word.partition("=")[2])
    return 0


def measured(a, row, s, n, work):
    """What n messages took and cost; that of the database is a line of its own."""
    database = getattr(s, "database", None)
    parties = [(s.name, s.used)]
    if database:
        parties.append(("PostgreSQL of " + s.name, database.used))
    before = [used() for _, used in parties]
    seconds = work()
    after = [cpu.at_rest(used) for _, used in parties]
    for (who, _), was, now in zip(parties, before, after):
        a.results.timed(row, who, n, seconds, cpu.minus(now, was))


def intake_round(a, row, s, n, size):
    s.reset()
    measured(a, row, s, n, lambda: tools.smtp_source(s.port, n, size, SESSIONS)[0])


def flush_round(a, row, s, n):
    s.reset()
    tools.load(s.port, n, outgoing.SIZE, SESSIONS, "-d")
    before = s.delivered(), s.flushed()
    cpu.at_rest(s.used)

    def work():
        start = time.monotonic()
        s.flush()
        wait_for("the flush", 120, lambda: s.delivered() >= before[0] + n or
                 s.flushed() > before[1], 0.01)
        return time.monotonic() - start
    sink = Sink(s.primary).start()
    try:
        measured(a, row, s, n, work)
    finally:
        sink.stop()


# ---- takeover

class Taken:
    """Two nodes, one of which is killed; the other has nothing until then."""

    def __init__(self, a, database, messages):
        self.a, self.database, self.messages = a, database, messages
        self.domains = min(TAKEN_DOMAINS, messages)
        self.row = TAKEOVER % (messages, self.domains)
        primary = free_port()
        self.nodes = []
        for name in ("mx1", "mx2"):
            node = Node(a, name, database, name, "5s")
            node.text, node.primary = NODE, primary
            node.more += "\n" + "".join(
                'domain "d%06d.example.org" { primary = {"[127.0.0.1]:%d"} }\n' % (i, primary)
                for i in range(self.domains))
            self.nodes.append(node)

    def fill(self, rest):
        """Straight into the rows, due as they come; in later rounds what was delivered."""
        n = self.messages - rest
        spool = os.path.join(self.a.work, "filled")
        say(subprocess.run(
            [self.a.build + "/tests/bench/store_bench", spool, str(n), "1024", "2000",
             str(self.domains), "1", "20", "due"], check=True, text=True,
            env={**os.environ, "STORE_ENGINE": self.database.conninfo},
            stdout=subprocess.PIPE).stdout.strip())
        subprocess.run(["rm", "-rf", spool], check=True)

    def round(self):
        first, second = self.nodes
        first.start()
        wait_for("all to be read", 120, lambda: attached(first.log()) >= self.domains, 0.1)
        fenced = Lines(second.dir + "/log", " event=node_fenced ")
        second.sent = second.delivery_lines()
        was = os.path.exists(second.dir + "/log") and [
            fenced.count(), second.delivered(), attached(second.log())] or [0, 0, 0]
        second.start()
        wait_for("two nodes", 30, lambda: second.metric("cluster_nodes_live") == 2)
        first.proc.send_signal(signal.SIGKILL)
        first.stop()
        killed = time.monotonic()
        sink = Sink(second.primary).start()
        try:
            wait_for("the lease to end", 60, lambda: fenced.count() > was[0], 0.005)
            end, at = time.monotonic(), {}
            wait_for("all to be taken", 120,
                     lambda: self.reached(at, second, was) == 2, 0.02)
        finally:
            sink.stop()
            second.stop()
        self.value("until the lease was over, s", end - killed)
        self.value("then until all are indexed, s", at["indexed"] - end, 5)
        self.value("then until the first is delivered, s", at["first"] - end, 5)

    def reached(self, at, node, was):
        if "first" not in at and node.delivered() > was[1]:
            at["first"] = time.monotonic()
        if "indexed" not in at and attached(node.log()) - was[2] >= self.domains:
            at["indexed"] = time.monotonic()
        return len(at)

    def value(self, what, seconds, most=None):
        row = "%s: %s" % (self.row, what)
        self.a.results.goal(row, "value", (row, MX), most=most)
        self.a.results.add(row, MX, value=seconds)
        say("%s: %.2f" % (what, seconds))

    def stop(self):
        for node in self.nodes:
            node.stop()


def takeover(a, database, messages):
    taken = Taken(a, database, messages)
    database.empty()
    rest = 0
    try:
        for _ in a.results.rounds(min(TAKEN_ROUNDS, a.rounds)):
            taken.fill(rest)
            taken.round()
            rest = database.a.number("SELECT count(*) FROM mxwatch.part")
    finally:
        taken.stop()


# ---- all of it

def goals(a):
    for row, _, _ in INTAKE:
        a.results.goal(row + ", engine over spool", "rate", (row, ALONE), (row, MX), least=0.7)
        a.results.goal(row + ", engine and standby over Postfix", "rate", (row, BOTH),
                       (row, POSTFIX), least=3)
        a.results.goal(row + ", engine and standby over spool", "rate", (row, BOTH), (row, MX))
        a.results.goal(row + ", CPU of mxwatchd, engine over spool", "cpu", (row, ALONE), (row, MX))
    for who in (ALONE, BOTH):
        a.results.goal("%s, %s over spool" % (FLUSH, who), "rate", (FLUSH, who), (FLUSH, MX),
                       least=0.5 if who == ALONE else None)


def databases(a):
    """Both at once: who is not measured has nothing to do."""
    import glob
    if not glob.glob("/usr/lib/postgresql/*/bin"):
        raise SystemExit("bench: cluster: no PostgreSQL is installed")
    return {who: Database(os.path.join(a.work, "pg%d" % i), i == 1)
            for i, who in enumerate((ALONE, BOTH))}


def count(a, s, share):
    """Postfix takes its time, but less of it is nothing to measure."""
    return max(1, int(a.messages * share) if s.name != POSTFIX else min(200, a.few))


def one_round(a, servers):
    for row, size, share in INTAKE:
        for s in servers:
            n = count(a, s, share)
            intake_round(a, row, s, n, size)
        say(row, a.latest(row))
    for s in servers:
        if s.name != POSTFIX:
            flush_round(a, FLUSH, s, count(a, s, FLUSH_SHARE))
    say(FLUSH, a.latest(FLUSH))


def each(a, use):
    """use(nodes, databases), with both running."""
    there, nodes = databases(a), []
    try:
        for who, database in there.items():
            database.start()
            nodes.append(Node(a, who, database))
        use(nodes, there)
    finally:
        for s in [*nodes, *there.values()]:
            s.stop()


def cluster(a):
    goals(a)

    def use(nodes, there):
        for r in a.results.rounds(a.rounds):
            one_round(a, [s for s in a.round(r) if s.name != "smtp-sink"] + nodes)
        for s in nodes:
            s.stop()
        takeover(a, there[ALONE], a.scaled(TAKEN))
    each(a, use)


def measure_costs(a):
    """What check.py compares: the rows of the engine, and of its servers."""
    def use(nodes, _):
        for _ in a.results.rounds(a.rounds):
            one_round(a, nodes)
    each(a, use)
