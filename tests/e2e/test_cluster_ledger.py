# SPDX-License-Identifier: ISC
"""One record of outages for all nodes: each outage is in it once, whoever saw it, and it
goes on when the node that wrote it is gone."""
import os
import re

from lib.smtp import send
from lib.wait import wait_for

DOMAINS = ["a.test", "b.test", "c.test", "d.test"]


def spread(stack, count=2, **kw):
    mx = [stack.fakemx() for _ in DOMAINS]
    nodes = stack.nodes({d: 'primary = {"127.0.0.1:%d"}' % m.port for d, m in zip(DOMAINS, mx)},
                        count, **kw)
    nodes.wait_owned(DOMAINS)
    return mx, nodes


def label(m):
    return "127.0.0.1:%d" % m.port


def outages(node, *args):
    return node.ctl_json("outages", *args)[:-1]


def record(node, name):
    """The one record of that name."""
    found = [o for o in outages(node) if o["name"] == name]
    assert len(found) == 1, "%s: %s of %s" % (node.name, found, name)
    return found[0]


def same(nodes, name, state=None, deadline=20):
    """All nodes that run have one record of it, the same, in that state."""
    def agreed():
        first = None
        for n in nodes:
            o = record(n, name)
            assert state is None or o["state"] == state, o
            # of one that goes on each node counts by itself
            if o["state"] != "over":
                o = {k: o[k] for k in ("id", "state", "failed", "detected", "accepted", "marks")}
            assert first is None or o == first, "%s\n%s" % (first, o)
            first = o
        return first
    return wait_for(agreed, deadline, "all nodes have one record of " + name)


def down(mx, nodes):
    for m in mx:
        m.stop()
    for n in nodes.n:
        for d in DOMAINS:
            n.wait_state(d, "down")


def up(mx, nodes):
    for m in mx:
        m.start()
    for n in nodes:
        for d in DOMAINS:
            n.wait_state(d, "up")


def test_an_outage_is_one_record_on_all_nodes(stack):
    mx, nodes = spread(stack)
    down(mx, nodes)
    for d in DOMAINS:
        for n in nodes.n:
            send(n.port, "m", rcpts=("u@" + d,))
    for m, d in zip(mx, DOMAINS):
        p = same(nodes.n, label(m), "down")
        same(nodes.n, d, "down")
        # what either node took is in it
        wait_for(lambda d=d: [record(n, d)["accepted"] for n in nodes.n] == [2, 2], 70,
                 "both messages are counted")
        o = record(nodes.n[0], d)
        assert (o["primary"], o["part_of"]) == (label(m), p["id"]), o
    for n in nodes.n:
        assert n.metrics().get("outages_open") == 8
    up(mx, nodes.n)
    for m, d in zip(mx, DOMAINS):
        o = same(nodes.n, d, "over")
        assert o["delivered"] == 2 and o["flaps"] == 0, o
        p = same(nodes.n, label(m), "over")
        assert p["recorded"] == 1 and p["accepted"] == 2 and p["delivered"] == 2, p

    def shown():
        # its first line counts from now
        return [re.sub(r"^.*known.*$", "", n.ctl("outages")[1], flags=re.M) for n in nodes.n]
    wait_for(lambda: len(set(shown())) == 1, 10, "mxwatchctl outages says the same")
    a, b = (n.http("/api/v1/outages")[2] for n in nodes.n)
    assert a == b
    rows = nodes.engine.a.number("SELECT count(*) FROM mxwatch.state "
                                 "WHERE convert_from(key, 'UTF8') ~ '^outage/[0-9]'")
    assert rows == 8
    for d in (nodes.n[0], nodes.n[1]):  # and after a start
        d.restart()
        assert len(outages(d)) == 8
    assert not os.path.exists(os.path.join(nodes.n[0].spool, "outages"))


def test_the_owner_is_killed_in_the_middle_of_it(stack):
    mx, nodes = spread(stack)
    down(mx, nodes)
    for d in DOMAINS:
        send(nodes.owner(d).port, "m", rcpts=("u@" + d,))
    before = {d: same(nodes.n, d, "down") for d in DOMAINS}
    primaries = {m.port: same(nodes.n, label(m), "down") for m in mx}
    theirs = [d for d, n in nodes.owners().items() if n == "mx1"]
    nodes.n[0].kill9()
    b = nodes.n[1]
    wait_for(lambda: set(nodes.owners().values()) == {"mx2"}, 20, "the other has all")

    def taken():
        for d in theirs:
            marks = record(b, d)["marks"]
            assert marks and (marks[-1]["what"], marks[-1]["who"]) == ("taken", "mx2"), marks
        return True
    wait_for(taken, 10)
    up(mx, [b])
    for m, d in zip(mx, DOMAINS):
        o = same([b], d, "over")
        assert o["id"] == before[d]["id"] and o["failed"] == before[d]["failed"], o
        assert abs(o["down_seconds"] - (o["recovered"] - o["failed"])) <= 2.5, o
        assert o["delivered"] == 1 and o["unwatched_seconds"] == 0, o
        p = same([b], label(m), "over")
        assert p["id"] == primaries[m.port]["id"], p
    nodes.n[0].start()
    assert len(outages(nodes.n[0])) == 8
    for m, d in zip(mx, DOMAINS):
        same(nodes.n, d, "over")
        same(nodes.n, label(m), "over")


def test_an_outage_while_the_engine_is_away(stack):
    """Each node records it, and one record is left; what waits at a stop goes later."""
    mx, nodes = spread(stack)
    for m in mx:
        same_known(nodes, label(m))
    nodes.engine.a.kill()
    for n in nodes.n:
        n.logged("event=holds_not", 20)
    down(mx, nodes)
    nodes.engine.a.start()
    for m in mx:
        same(nodes.n, label(m), "down", 30)
    up(mx, nodes.n)
    for m in mx:
        same(nodes.n, label(m), "over", 30)


def same_known(nodes, name):
    """All nodes know that primary since the same moment."""
    def known():
        got = {n.metrics().get("primary_availability_ratio", primary=name,
                                 window="30d") for n in nodes.n}
        assert got == {1.0}, got
        return True
    wait_for(known, 20)


def test_what_was_recorded_alone_is_taken_over(stack):
    mx = stack.fakemx()
    engine = stack.engine()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    mx.stop()
    d.wait_state("a.test", "down")
    mx.start()
    d.wait_state("a.test", "up")
    wait_for(lambda: record(d, label(mx))["state"] == "over", 10)
    alone = record(d, label(mx))
    spool = d.spool
    d.stop()
    nodes = stack.nodes({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, 2, engine,
                        start=False)
    a = nodes.n[0]
    os.makedirs(a.spool, 0o700, exist_ok=True)
    os.rename(os.path.join(spool, "outages"), os.path.join(a.spool, "outages"))
    nodes.start()
    a.logged("event=taken_over")
    o = same(nodes.n, label(mx), "over")
    assert o["id"] % 32 in (1, 2), o  # the number of the node
    assert {k: v for k, v in o.items() if k != "id"} == \
        {k: v for k, v in alone.items() if k != "id"}
    wait_for(lambda: os.path.exists(os.path.join(a.spool, "outages.alone")), 10)
    a.restart()
    assert record(a, label(mx))["id"] == o["id"]
