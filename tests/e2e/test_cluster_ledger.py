# SPDX-License-Identifier: ISC
"""One record of outages for all nodes: each outage is in it once, whoever saw it, the same
on each node, and it is there when the node that saw it, or its disk, is gone."""
import os
import re
import shutil
import socket

import pytest

from lib.net import accept_each
from lib.smtp import send
from lib.wait import wait_for

DOMAINS = ["a.test", "b.test", "c.test", "d.test"]


def spread(stack, count=2, domains=DOMAINS, **kw):
    mx = [stack.fakemx() for _ in domains]
    nodes = stack.nodes({d: 'primary = {"127.0.0.1:%d"}' % m.port for d, m in zip(domains, mx)},
                        count, **kw)
    nodes.wait_owned(domains)
    for m in mx:
        known(nodes, label(m))
    return mx, nodes


def label(m):
    return "127.0.0.1:%d" % m.port


def known(nodes, name):
    """All nodes have seen that primary up."""
    def seen():
        got = [n.metrics().get("primary_availability_ratio", primary=name, window="30d")
               for n in nodes.n]
        assert got == [1.0] * len(got), got
        return True
    wait_for(seen, 20, name + " is known")


def outages(node, *args):
    return node.ctl_json("outages", *args)[:-1]


def record(node, name):
    """The one record of that name."""
    found = [o for o in outages(node) if o["name"] == name]
    assert len(found) == 1, "%s: %s of %s" % (node.name, found, name)
    return found[0]


def same(nodes, name, state, seen_by=None, deadline=30):
    """All nodes that run have one record of it, the same, in that state."""
    def agreed():
        first = None
        for n in nodes:
            o = record(n, name)
            assert o["state"] == state, o
            assert seen_by is None or o.get("nodes") == seen_by, o
            if o["state"] != "over":  # it counts on
                o = {k: o[k] for k in ("id", "state", "failed", "detected", "reply", "marks")}
            assert first is None or o == first, "%s\n%s" % (first, o)
            first = o
        return first
    return wait_for(agreed, deadline, "all nodes have one record of " + name)


def down(mx, nodes, domains=DOMAINS):
    for m in mx:
        m.stop()
    for n in nodes:
        for d in domains:
            n.wait_state(d, "down", 30)


def up(mx, nodes, domains=DOMAINS):
    for m in mx:
        m.start()
    for n in nodes:
        for d in domains:
            n.wait_state(d, "up", 30)


@pytest.mark.beside
def test_an_outage_is_one_record_on_all_nodes(stack):
    mx, nodes = spread(stack)
    down(mx, nodes.n)
    for d in DOMAINS:
        for n in nodes.n:
            send(n.port, "m", rcpts=("u@" + d,))
    for m, d in zip(mx, DOMAINS):
        p = same(nodes.n, label(m), "down", ["mx1", "mx2"])
        same(nodes.n, d, "down", ["mx1", "mx2"])
        for n in nodes.n:
            o = record(n, d)
            assert (o["primary"], o["part_of"]) == (label(m), p["id"]), o
    for n in nodes.n:
        assert n.metrics().get("outages_open") == 8
    up(mx, nodes.n)
    for m, d in zip(mx, DOMAINS):
        o = same(nodes.n, d, "over")
        assert (o["accepted"], o["delivered"], o["returned"], o["flaps"]) == (2, 2, 0, 0), o
        # the queue is its owner's: what the other took counts as well
        assert o["depth"] == 2, o
        p = same(nodes.n, label(m), "over")
        assert (p["recorded"], p["accepted"], p["delivered"]) == (1, 2, 2), p
        assert 0 < p["down_seconds"] <= p["recovered"] - p["failed"] + 2, p

    def shown():
        # the line that says since when goes on
        return [re.sub(r"(?ms)^PRIMARY.*", "", n.ctl("outages")[1]) for n in nodes.n]
    wait_for(lambda: len(set(shown())) == 1, 10, "mxwatchctl outages says the same")
    assert "mx1,mx2" in shown()[0], shown()[0]
    assert "mx1, mx2" in nodes.n[0].ctl("outages", str(p["id"]))[1]
    a, b = (n.http("/api/v1/outages")[2] for n in nodes.n)
    assert a == b
    # by the id of another node's account
    account = nodes.engine.a.sql("SELECT convert_from(key, 'UTF8') FROM mxwatch.state WHERE "
                                 "convert_from(key, 'UTF8') ~ '^outage/2/[0-9]'")[0][0]
    other = int(account.rsplit("/", 1)[1]) * 32 + 2
    assert len(outages(nodes.n[0], str(other))) == 1
    ids = {o["id"] for o in outages(nodes.n[0])}
    for n in nodes.n:  # and after a start
        n.restart()
        assert {o["id"] for o in outages(n)} == ids


@pytest.mark.beside
def test_the_owner_is_killed_in_the_middle_of_it(stack):
    mx, nodes = spread(stack)
    down(mx, nodes.n)
    for d in DOMAINS:
        send(nodes.owner(d).port, "m", rcpts=("u@" + d,))
    before = {d: same(nodes.n, d, "down") for d in DOMAINS}
    primaries = {m.port: same(nodes.n, label(m), "down", ["mx1", "mx2"]) for m in mx}
    nodes.n[0].kill9()
    b = nodes.n[1]
    wait_for(lambda: set(nodes.owners().values()) == {"mx2"}, 30, "the other has all")
    for d in DOMAINS:  # with its mail
        wait_for(lambda d=d: "mx2" in record(b, d).get("nodes", []), 30)
        wait_for(lambda d=d: b.metrics().queued(d) == 1, 30)
    up(mx, [b])
    for m, d in zip(mx, DOMAINS):
        o = same([b], d, "over")
        # the other may have seen it a moment before, and has an account since it has the mail
        assert o["id"] == before[d]["id"] and 0 <= before[d]["failed"] - o["failed"] <= 3, o
        assert (o["accepted"], o["delivered"], o["unwatched_seconds"]) == (1, 1, 0), o
        p = same([b], label(m), "over", ["mx1", "mx2"])
        assert p["id"] == primaries[m.port]["id"] and p["unwatched_seconds"] == 0, p
        # the other saw it all along
        assert p["down_seconds"] >= p["recovered"] - p["failed"] - 5, p
    nodes.n[0].start()
    for m, d in zip(mx, DOMAINS):
        same(nodes.n, d, "over")
        same(nodes.n, label(m), "over", ["mx1", "mx2"])


@pytest.mark.beside
def test_an_outage_while_the_engine_is_away(stack):
    """Each node records it, and one record is shown when it is back."""
    domains = DOMAINS[:2]
    mx, nodes = spread(stack, domains=domains)
    nodes.engine.a.kill()
    for n in nodes.n:
        n.logged("event=holds_not", 20)
    down(mx, nodes.n, domains)
    for n in nodes.n:
        wait_for(lambda n=n: record(n, label(mx[0])).get("nodes") == [n.name], 10)
    nodes.engine.a.start()
    for m in mx:
        same(nodes.n, label(m), "down", ["mx1", "mx2"])
    up(mx, nodes.n, domains)
    for m in mx:
        same(nodes.n, label(m), "over", ["mx1", "mx2"])


@pytest.mark.beside
def test_a_node_loses_its_disk(stack):
    domains = DOMAINS[:2]
    mx, nodes = spread(stack, domains=domains)
    a, b = nodes.n
    down(mx[:1], nodes.n, domains[:1])
    up(mx[:1], nodes.n, domains[:1])
    past = same(nodes.n, label(mx[0]), "over", ["mx1", "mx2"])
    down(mx[1:], nodes.n, domains[1:])
    now = same(nodes.n, label(mx[1]), "down", ["mx1", "mx2"])
    a.kill9()
    shutil.rmtree(a.spool)
    wait_for(lambda: set(nodes.owners().values()) == {"mx2"}, 30, "the other has all")
    a.start()
    assert same(nodes.n, label(mx[0]), "over", ["mx1", "mx2"])["id"] == past["id"]
    assert same(nodes.n, label(mx[1]), "down", ["mx1", "mx2"])["id"] == now["id"]
    up(mx[1:], nodes.n, domains[1:])
    o = same(nodes.n, label(mx[1]), "over", ["mx1", "mx2"])
    assert "restart" in [m["what"] for m in o["marks"]], o
    down(mx[:1], nodes.n, domains[:1])  # within `merge` of the first: it goes on
    assert same(nodes.n, label(mx[0]), "down")["id"] == past["id"]


class Picky:
    """A primary that hangs up on who has that in its name, as if its way were cut."""

    def __init__(self):
        self.shuns = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        accept_each(self.listener, self.serve)

    def serve(self, sock):
        with sock, sock.makefile("rb") as f:
            try:
                sock.sendall(b"220 picky.test\r\n")
                for line in f:
                    if self.shuns and self.shuns in line:
                        return
                    sock.sendall(b"221 bye\r\n" if line[:4] == b"QUIT" else b"250 picky.test\r\n")
            except OSError:
                pass

    def close(self):
        self.listener.close()


@pytest.mark.beside
def test_what_one_node_cannot_reach_is_not_down(stack):
    mx = stack.add(Picky(), Picky.close)
    nodes = stack.nodes({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, 2)
    known(nodes, label(mx))
    mx.shuns = b"mx1.backup.test"
    o = same(nodes.n, label(mx), "down", ["mx1"])
    for n in nodes.n:
        wait_for(lambda n=n: n.metrics().get("outages_open") == 1, 10)
    mx.shuns = None
    o = same(nodes.n, label(mx), "over", ["mx1"])
    assert o["down_seconds"] == 0 and o["recovered"] >= o["failed"], o
    known(nodes, label(mx))  # 1.0, as before
    mx.shuns = b"backup.test"
    same(nodes.n, label(mx), "down", ["mx1", "mx2"])  # within `merge` of that one
    mx.shuns = None
    o = same(nodes.n, label(mx), "over", ["mx1", "mx2"])
    assert o["down_seconds"] > 0, o


@pytest.mark.beside
def test_what_was_recorded_alone_is_seen_by_all(stack):
    mx = stack.fakemx()
    engine = stack.engine()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    down([mx], [d], ["a.test"])
    up([mx], [d], ["a.test"])
    wait_for(lambda: record(d, label(mx))["state"] == "over", 10)
    alone = record(d, label(mx))
    assert "nodes" not in alone
    spool = d.spool
    d.stop()
    nodes = stack.nodes({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}, 2, engine,
                        start=False)
    a = nodes.n[0]
    os.makedirs(a.spool, 0o700, exist_ok=True)
    os.rename(os.path.join(spool, "outages"), os.path.join(a.spool, "outages"))
    nodes.start()
    o = same(nodes.n, label(mx), "over", ["mx1"])
    number = engine.a.number("SELECT id FROM mxwatch.node WHERE name = 'mx1'")
    assert o["id"] == alone["id"] * 32 + number, o
    assert {k: v for k, v in o.items() if k not in ("id", "nodes")} == \
        {k: v for k, v in alone.items() if k != "id"}
