# SPDX-License-Identifier: ISC
"""Several nodes, one queue: mail that one took is delivered by whoever owns its domain,
and by another when that one is gone. Over PostgreSQL servers of the test's own."""
import contextlib
import os
import signal

import pytest

from lib.fakemx import deliveries_at_once
from lib.mxwatchd import FAST
from lib.smtp import Flood, send, subjects
from lib.wait import wait_for

pytestmark = pytest.mark.beside

DOMAINS = ["a.test", "b.test", "c.test", "d.test"]


def spread(stack, count=2, primaries=4, domains=DOMAINS, **kw):
    """A primary for each domain, and nodes that own them."""
    mx = [stack.fakemx(**kw.pop("mx", {})) for _ in range(primaries)]
    nodes = stack.nodes({d: 'primary = {"127.0.0.1:%d"}' % mx[i % primaries].port
                         for i, d in enumerate(domains)}, count, **kw)
    nodes.wait_owned(domains)
    return mx, nodes


def fill(d, domain, n, subject="m"):
    for i in range(n):
        send(d.port, "%s%d" % (subject, i), rcpts=("u%d@%s" % (i, domain),))


def test_mail_goes_by_whoever_owns_its_domain(stack):
    mx, nodes = spread(stack)
    for d in nodes.n:
        for domain in DOMAINS:
            fill(d, domain, 5, "%s-%s-" % (d.name, domain))
    for m in mx:
        wait_for(lambda m=m: len(m.messages) == 10, 20, "all is delivered")
    wait_for(lambda: nodes.engine.a.number("SELECT count(*) FROM mxwatch.part") == 0, 10)


def test_the_mail_of_a_removed_domain_has_its_primary_at_every_node(stack):
    mx, nodes = spread(stack, domains=["a.test", "z.test"])
    owner, other = nodes.owner("a.test"), nodes.other("a.test")
    mx[0].stop()
    for d in nodes.n:
        d.wait_state("a.test", "down")
    fill(owner, "a.test", 3)
    for d in nodes.n:
        assert d.reload(domains={"z.test": 'primary = {"127.0.0.1:%d"}' % mx[1].port})[0] == 0
    for d in nodes.n:
        wait_for(lambda d=d: d.status()["domains"][0].get("removed"), 10, "it is removed")
    owner.kill9()
    mx[0].start()
    wait_for(lambda: len(mx[0].messages) == 3, 40, "all is delivered")
    other.logged('domain=a.test event=gone reason=empty')
    owner.start()
    wait_for(lambda: "a.test" not in [d["domain"] for d in owner.status()["domains"]], 20)
    assert nodes.engine.a.number("SELECT count(*) FROM mxwatch.state"
                                 " WHERE key LIKE 'settings/%' AND value <> ''") == 0


def test_a_node_is_killed_and_its_mail_goes_by_the_other(stack):
    mx, nodes = spread(stack)
    for m in mx:
        m.stop()
    for d in nodes.n:
        for domain in DOMAINS:
            d.wait_state(domain, "down")
    for d in nodes.n:
        for domain in DOMAINS:
            fill(d, domain, 10, "k")
    nodes.n[0].kill9()
    for m in mx:
        m.start()
    for m in mx:
        wait_for(lambda m=m: len(m.messages) == 20, 40, "all is delivered")


def flood(stack, d, domain):
    """No more than these primaries take in that time."""
    return stack.add(Flood(d.port, "u@" + domain, 4, tag=d.name + domain, pause=0.05),
                     lambda f: f.stop())


def rows(nodes, table="part"):
    return nodes.engine.a.number("SELECT count(*) FROM mxwatch." + table)


def counts(messages):
    """How often each subject was delivered."""
    out = {}
    for s in subjects(m.data for m in messages):
        out[s] = out.get(s, 0) + 1
    return out


def test_a_node_that_stands_still_at_the_dot_does_not_send_it(stack):
    """It has sent the envelope and waits for 354 when it is stopped; the other takes the
    domain and delivers; awake again it has lost its place, and its message stays undone."""
    mx, nodes = spread(stack, domains=["a.test"], primaries=1)
    m = mx[0]
    d = nodes.owner("a.test")
    m.misbehave = ["hold-at-data"]
    fill(d, "a.test", 1, "dot")
    wait_for(lambda: [e for e in m.events if e["event"] == "held"], 10, "it is at DATA")
    d.proc.send_signal(signal.SIGSTOP)
    m.misbehave = []
    wait_for(lambda: len(m.messages) == 1, 30, "the other has delivered it")
    d.proc.send_signal(signal.SIGCONT)
    d.logged("event=fenced", 20)
    d.logged("event=joined", 20)
    wait_for(lambda: rows(nodes) == 0, 10)
    assert counts(m.messages) == {"dot0": 1}


def test_a_node_that_stops_gives_its_place_at_once(stack):
    many = ["d%d.test" % i for i in range(14)]  # by chance all are one's: 1 of 8192
    mx, nodes = spread(stack, domains=many, primaries=14)
    first, second = nodes.n
    first.stop()
    # well within a lease
    wait_for(lambda: set(nodes.owners().values()) == {"mx2"}, 2.5, "all are the other's")
    for domain in many:
        fill(second, domain, 3, "r")
    for m in mx:
        wait_for(lambda m=m: len(m.messages) == 3, 20, "all is delivered")
    first.start()
    # and it gets its share again, when a lease has passed
    wait_for(lambda: set(nodes.owners().values()) == {"mx1", "mx2"}, 20, "they share them")


def test_an_engine_that_restarts_loses_nothing(stack):
    mx, nodes = spread(stack, domains=["a.test"], primaries=1)
    taken = 0
    floods = [flood(stack, d, "a.test") for d in nodes.n]
    for _ in range(3):
        for f in floods:
            f.wait_acked(taken + 50, 40)
        taken += 50
        nodes.engine.a.kill()
        nodes.engine.a.start()
    for f in floods:
        f.stop()
    acked = set().union(*(f.acked for f in floods))
    wait_for(lambda: acked <= set(counts(mx[0].messages)), 40, "all that was taken is there")


def test_a_domain_moves_to_the_node_that_sees_its_primary(stack):
    """One node is cut off from a primary that the other reaches."""
    mx, nodes = spread(stack, domains=["a.test"], primaries=1)
    d, other = nodes.owner("a.test"), nodes.other("a.test")
    fill(d, "a.test", 1, "before")
    wait_for(lambda: len(mx[0].messages) == 1, 20)
    mx[0].misbehave = ["only-helo=%s.backup.test" % other.name]
    wait_for(lambda: nodes.owners()["a.test"] == other.name, 30, "it has moved")
    fill(d, "a.test", 3, "after")
    wait_for(lambda: len(mx[0].messages) == 4, 20, "and is delivered from there")


def test_three_nodes_never_have_more_connections_than_one_may(stack):
    """300 domains of one primary, which allows nine connections."""
    many = ["d%03d.test" % i for i in range(300)]
    defaults = FAST.replace("connections = 10", "connections = 9")
    m = stack.fakemx(misbehave=["slow=0.01"])
    nodes = stack.nodes({d: 'primary = {"127.0.0.1:%d"}' % m.port for d in many}, 3,
                        defaults=defaults)
    nodes.wait_owned(many)
    wait_for(lambda: len(set(nodes.owners().values())) == 3, 30, "they share them")
    m.stop()
    for d in nodes.n:
        d.wait_state(many[0], "down")
        d.wait_state(many[-1], "down")
    for i, domain in enumerate(many):
        fill(nodes.n[i % 3], domain, 2, domain + "-")
    since = len(m.events)
    m.start()
    wait_for(lambda: len(m.messages) == 600, 60, "all is delivered")
    assert 3 < deliveries_at_once(m, since) <= 9
    assert set(counts(m.messages).values()) == {1}


def test_a_bad_way_to_the_engine(stack):
    """Cut off, deaf, slow, closed on one side, twenty times: what was taken is delivered,
    and as good as nothing twice."""
    mx, nodes = spread(stack, domains=["a.test", "b.test"], primaries=2, links=True)
    floods = [flood(stack, d, domain) for d in nodes.n for domain in ("a.test", "b.test")]
    for link in nodes.links * 2:
        for bad in ("cut", "half", "slow", "deaf", "drop"):
            if bad in ("cut", "half"):
                getattr(link, bad)()
            else:
                link.mode = bad
                taken = [len(f.acked) for f in floods]
                wait_for(lambda: sum(len(f.acked) > n for f, n in zip(floods, taken)) >= 2, 20)
                link.mode = "good"
                link.cut()
            for f in floods:
                f.wait_acked(len(f.acked) + 10, 40)
    for f in floods:
        f.stop()
    acked = set().union(*(f.acked for f in floods))

    def delivered():
        out = counts(mx[0].messages)
        for s, n in counts(mx[1].messages).items():
            out[s] = out.get(s, 0) + n
        return out
    wait_for(lambda: acked <= set(delivered()), 60, "all that was taken is there")
    wait_for(lambda: rows(nodes) == 0, 20)
    more = {s: n for s, n in delivered().items() if n > 1}
    assert len(more) <= 20, more


def test_an_engine_without_room_takes_what_makes_room(stack):
    """Its file system is full: mail waits or lands here, nothing that was taken is lost, and
    what is delivered makes room."""
    engine = stack.engine(size="160m", options="max_wal_size = 32MB\nmin_wal_size = 32MB")
    mx, nodes = spread(stack, domains=["a.test"], primaries=1, engine=engine)
    ballast = os.path.join(engine.work.path, "ballast")
    f = flood(stack, nodes.n[0], "a.test")
    f.wait_acked(20)
    with open(ballast, "wb", 0) as b, contextlib.suppress(OSError):
        while True:
            b.write(bytes(1 << 16))
    taken = len(f.acked)
    wait_for(lambda: "full" in nodes.n[0].log() or "away" in nodes.n[0].log(), 60, "it is full")
    os.unlink(ballast)
    if not os.path.exists(os.path.join(engine.a.data, "postmaster.pid")):
        engine.a.start()
    f.wait_acked(taken + 50, 60)
    f.stop()
    wait_for(lambda: f.acked <= set(counts(mx[0].messages)), 60, "all that was taken is there")


def test_tables_of_another_version(stack):
    """A daemon refuses tables that it does not know, by their number; an upgrade is done while
    those of the version before run, and what is in them stays."""
    mx, nodes = spread(stack, domains=["a.test"], primaries=1)
    first, second = nodes.n
    second.stop()
    mx[0].stop()
    first.wait_state("a.test", "down")
    fill(first, "a.test", 3)
    version = nodes.engine.a.number("SELECT version FROM mxwatch.meta")
    # newer ones: whoever runs goes on, nobody else begins
    nodes.engine.a.sql("UPDATE mxwatch.meta SET version = %d" % (version + 1))
    second.spawn()
    assert second.wait_exit() == 1
    second.logged("the tables in the engine have version %d, this daemon needs %d; upgrade it"
                  % (version + 1, version))
    fill(first, "a.test", 3, "n")
    # as the version before had them
    first.stop()
    nodes.engine.a.sql("UPDATE mxwatch.meta SET version = 1; DROP TABLE mxwatch.unit, "
                       "mxwatch.arrival, mxwatch.moved; ALTER TABLE mxwatch.state DROP COLUMN "
                       "node, DROP COLUMN batch, DROP COLUMN written")
    second.spawn()
    assert second.wait_exit() == 1
    second.logged("mxwatchctl cluster upgrade")
    r = second.schema("upgrade")
    assert r.returncode == 0 and "from version 1 to %d" % version in r.stdout, r.stdout + r.stderr
    mx[0].start()
    nodes.start()
    wait_for(lambda: len(mx[0].messages) == 6, 20, "what was in them is delivered")


def test_a_spool_from_before_the_cluster_moves(stack):
    """Mail that a node kept alone is in the engine after a start with it, though that was
    never away."""
    domain = 'primary = {"127.0.0.1:%d"}' % stack.fakemx(start=False).port
    nodes = stack.nodes({"a.test": domain}, start=False)
    alone = stack.mxwatchd({"a.test": domain}, start=False, name="mx1")
    alone.spool, own = nodes.n[0].spool, alone.spool
    alone.write()
    alone.start()
    ids = [send(alone.port, "m%d" % i) for i in range(3)]
    alone.stop()
    alone.spool = own
    nodes.start()
    wait_for(lambda: rows(nodes) == 3, 20, "all have moved")
    assert nodes.n[0].metrics().get("cluster_local_messages") == 0
    assert [m["id"] for m in nodes.n[1].ctl_json("queue")[:-1]] == ids
