# SPDX-License-Identifier: ISC
"""mxwatchctl over a cluster: what it says and does is of all nodes, whichever is asked."""
import json
import os
import signal
import subprocess

import pytest

from lib.mxwatchd import BUILD
from lib.smtp import Flood, send
from lib.wait import wait_for

pytestmark = pytest.mark.beside

DOMAINS = ["d%d.test" % i for i in range(8)]


def shared(stack, count=2):
    """Nodes that share some domains."""
    mx = [stack.fakemx() for _ in DOMAINS]
    nodes = stack.nodes({d: 'primary = {"127.0.0.1:%d"}' % m.port for d, m in zip(DOMAINS, mx)},
                        count, web='envelopes = "local"')
    nodes.wait_owned(DOMAINS)
    return mx, nodes


def cluster(stack, count=2):
    """The same; their primaries are down, and 3 messages wait for each."""
    mx, nodes = shared(stack, count)
    for m in mx:
        m.stop()
    for n in nodes.n:
        for d in DOMAINS:
            n.wait_state(d, "down")
    for i, d in enumerate(DOMAINS):
        for k in range(3):
            send(nodes.n[k % count].port, "s%d" % k, rcpts=("u%d@%s" % (k, d),))

    def there():
        lines = nodes.n[0].ctl_json("queue")
        assert lines[-1]["messages"] == 3 * len(DOMAINS), lines[-1]
        return True
    wait_for(there, 20, "all mail is where it belongs")
    return mx, nodes


def shown(node):
    """Each domain is there once, whatever the nodes make of it meanwhile."""
    doc = node.ctl_json("status")[0]
    assert [d["domain"] for d in doc["domains"]] == DOMAINS, doc["domains"]
    return doc


def test_any_node_shows_all(stack):
    mx, nodes = cluster(stack)
    for n in nodes.n:
        def all_there(n=n):
            """One that changes hands at this moment is there, its mail is not."""
            doc = shown(n)
            assert all(d["queue"]["messages"] == 3 for d in doc["domains"])
            return True
        shown(n)
        wait_for(all_there, 10, "all mail is shown")
        ids = [m["id"] for m in n.ctl_json("queue")[:-1]]
        assert ids == sorted(ids) and len(ids) == 3 * len(DOMAINS)
        assert len(n.ctl_json("mailq")[:-1]) == len(ids)
        for d in DOMAINS:
            assert n.ctl_json("status", d)[0]["domains"][0]["queue"]["messages"] == 3
            why = n.ctl_json("why", d)[0]
            assert {v["node"] for v in why["verdicts"]} == {"mx1", "mx2"}, why["verdicts"]
        for i in ids:
            assert n.ctl_json("show", i)[0]["id"] == i
    page_questions(nodes.n)
    rc, text = nodes.n[0].ctl("cluster")
    assert rc == 0, text
    assert max(map(len, text.splitlines())) <= 80, text
    assert "* mx1 " in text and "  mx2 " in text


def asked(node, what):
    code, _, text = node.http("/api/v1/" + what)
    assert code == 200, text
    return json.loads(text)


def page_questions(nodes):
    """The page of any node has a domain's mail, and its ages, whoever has them."""
    for n in nodes:
        for d in DOMAINS[:2]:
            got = asked(n, "messages?domain=" + d)
            assert got["silent"] == [] and got["next"] is None
            ids = [m["id"] for m in got["messages"]]
            assert {r["address"] for m in got["messages"] for r in m["rcpts"]} == {
                "u%d@%s" % (k, d) for k in range(3)}
            got = asked(n, "messages?domain=%s&after=%s" % (d, ids[1]))
            assert [m["id"] for m in got["messages"]] == ids[2:]
            got = asked(n, "ages?domain=" + d)
            assert sum(a["messages"] for a in got["ages"]) == 3 and got["silent"] == []
            assert [a["le"] for a in got["ages"]][-2:] == [2592000, None]


def test_any_node_does_it(stack):
    mx, nodes = cluster(stack)
    a, b = nodes.n
    for d in DOMAINS:
        assert a.ctl("hold", d, "--reason", "why not")[0] == 0
        assert b.ctl_json("status", d)[0]["domains"][0]["queue"]["on_hold"]
        assert b.ctl("release", d)[0] == 0
    other = nodes.owners()
    theirs = next(d for d in DOMAINS if other[d] == "mx2")
    ours = next(d for d in DOMAINS if other[d] == "mx1")
    assert "node=mx1" in b.log()
    one = a.ctl_json("queue", theirs)[0]["id"]
    assert a.ctl("remove", one, "--reason", "spam")[0] == 0
    assert "target=%s reason=spam node=mx1" % one in b.log()
    assert a.ctl_json("queue", theirs)[-1]["messages"] == 2
    assert a.ctl_json("vault")[-1]["messages"] == 1
    assert a.ctl("remove", one)[0] == 1
    # a silence and a window are one for all
    silence = a.ctl_json("silence", ours, "--for", "4h", "--reason", "a b")[-1]["id"]
    window = b.ctl_json("maintenance", theirs, "--for", "2h")[-1]["id"]

    def heard():
        assert [s["id"] for s in b.ctl_json("silence")[:-1]] == [silence]
        assert [w["id"] for w in a.ctl_json("maintenance")[:-1]] == [window]
        return True
    wait_for(heard, 10)
    assert b.ctl_json("silence")[0]["reason"] == "a b"
    b.restart()
    assert [s["id"] for s in b.ctl_json("silence")[:-1]] == [silence]
    assert b.ctl("silence", "--remove", str(silence))[0] == 0
    wait_for(lambda: a.ctl_json("silence")[:-1] == [], 10, "it is taken back")


def test_the_doctor_looks_where_the_mail_is(stack):
    """Who asks for a domain is told by its owner; of all, each node says its own."""
    m = stack.fakemx()
    nodes = stack.nodes({"a.test": 'primary = {"127.0.0.1:%d"}' % m.port},
                        options='doctor { dnsbl = {} interval = "0s" }\n')
    owner, other = nodes.owner("a.test"), nodes.other("a.test")
    for d in owner, other:
        d.wait_state("a.test", "up")
        lines = d.ctl_json("doctor", "a.test", rc=1)[:-1]  # there is no TLS
        assert [f["severity"] for f in lines if f["check"] == "acceptance"] == ["ok"]
        assert len([f for f in lines if f["check"] == "certificate"]) == 1
    assert "a.test" in {f["domain"] for f in owner.ctl_json("doctor", "--now", rc=1)[:-1]}
    assert {f["domain"] for f in other.ctl_json("doctor", "--now", rc=1)[:-1]} == {""}


def test_flush_goes_everywhere(stack):
    mx, nodes = cluster(stack)
    for m in mx:
        m.start()
    lines = nodes.n[1].ctl_json("flush", "--all")
    assert {x["domain"] for x in lines if x.get("event") == "end"} <= set(DOMAINS)
    for m in mx:
        wait_for(lambda m=m: len(m.messages) == 3, 20)


def test_a_domain_moves_and_a_node_leaves(stack):
    mx, nodes = shared(stack)
    a, b = nodes.n
    for d in DOMAINS:
        assert a.ctl("cluster", "move", d, "mx2")[0] == 0
    wait_for(lambda: set(nodes.owners().values()) == {"mx2"}, 20, "all have moved")
    assert b.ctl("cluster", "release", "mx2")[0] == 0
    wait_for(lambda: set(nodes.owners().values()) == {"mx1"}, 30, "it was taken out")
    wait_for(lambda: " left " in a.ctl("cluster")[1], 10, "the other hears of it")
    assert a.ctl("cluster", "release", "mx9")[0] == 1
    assert b.ctl("cluster", "join")[0] == 0
    wait_for(lambda: set(nodes.owners().values()) == {"mx2"}, 30, "it is back")


def test_a_node_that_does_not_answer_is_named(stack):
    mx, nodes = cluster(stack, 3)
    a, b, c = nodes.n
    theirs = [d for d, n in nodes.owners().items() if n == "mx2"]
    os.kill(b.proc.pid, signal.SIGSTOP)
    r = a.ctl_run("status", "--json")
    os.kill(b.proc.pid, signal.SIGCONT)
    assert r.returncode == 1
    assert "node mx2 did not answer" in r.stderr or not theirs, r.stderr


def monitored(node):
    """What check_mxwatch makes of it: exit code and text."""
    r = subprocess.run([os.path.join(BUILD, "contrib/nagios/check_mxwatch"), "-s", node.socket,
                        "cluster"], env=node.environment(), text=True, timeout=60,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return r.returncode, r.stdout


def test_a_monitor_sees_a_node_go(stack):
    mx, nodes = shared(stack)
    a, b = nodes.n
    code, text = monitored(a)
    assert code in (0, 1) and "'cluster_live'=2;" in text, text
    assert "'cluster_missing'=0;" in text and "'cluster_away'=0s" in text, text
    os.kill(b.proc.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: monitored(a)[0] == 2, 20, "one is left")
        code, text = monitored(a)
    finally:
        os.kill(b.proc.pid, signal.SIGCONT)
    assert "1 of its nodes missing, mx2 is " in text and "'cluster_live'=1;" in text, text
    wait_for(lambda: "'cluster_live'=2;" in monitored(a)[1], 20, "it is back")


def test_a_long_queue_comes_whole(stack):
    mx, nodes = cluster(stack)
    before = nodes.n[0].ctl_json("queue")[-1]["messages"]
    floods = [stack.add(Flood(n.port, "u@" + d, 4, tag=n.name + d), lambda f: f.stop())
              for n, d in zip(nodes.n, DOMAINS)]
    for f in floods:
        f.wait_acked(2000, 60)
        f.stop()
    n = sum(len(f.acked) for f in floods) + before

    def all_there():
        assert nodes.n[0].ctl_json("queue")[-1]["messages"] >= n
        return True
    wait_for(all_there, 30)
    lines = nodes.n[1].ctl_json("queue")
    ids = [m["id"] for m in lines[:-1]]
    assert len(set(ids)) == len(ids) >= n


def test_events_of_all_nodes(stack):
    _, nodes = shared(stack)
    a, b = nodes.n
    for n, name in ((a, "one"), (b, "two"), (a, "three")):
        assert n.ctl("silence", "queue_age", "--for", "1h", "--reason", name)[0] == 0
    events = a.ctl_json("events")[:-1]
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)
    assert {e["node"] for e in events if e["what"] == "start"} == {"mx1", "mx2"}
    there = {(e["node"], e["number"]) for e in b.ctl_json("events")[:-1]}
    assert {(e["node"], e["number"]) for e in events} <= there
    assert " mx2 " in a.ctl("events")[1]
    told = os.path.join(a.dir, "followed")
    with open(told, "w") as f:
        p = subprocess.Popen([os.path.join(BUILD, "mxwatchctl"), "-s", a.socket, "events",
                              "--follow"], env=a.environment(), stdout=f)

    def is_told(*words):
        wait_for(lambda: any(all(w in line for w in words) for line in open(told)), 30, words)
    try:
        is_told("mx2", "start")
        assert b.ctl("hold", DOMAINS[0])[0] == 0
        is_told("operator", "hold " + DOMAINS[0])
        b.stop()
        is_told("node mx2 does not answer")
        a.ctl("release", "--all")
        is_told("mx1", "operator", "release")
    finally:
        p.kill()
        p.wait()


def test_drill_of_any_node(stack):
    """The owner makes it, and who has the domain then follows it to its end."""
    mx, nodes = shared(stack)
    domain, primary = DOMAINS[0], mx[0]
    owner, other = nodes.owner(domain), nodes.other(domain)
    for n in nodes.n:
        n.wait_state(domain, "up")
    steps = other.ctl_json("drill", domain)[:-1]
    assert [s["step"] for s in steps] == ["intake", "spool", "delivery", "end"]
    assert steps[0]["listener"] == "127.0.0.1:%d" % owner.port
    assert primary.messages[0].to == ["postmaster@" + domain]

    primary.stop()
    for n in nodes.n:
        n.wait_state(domain, "down")
    assert other.ctl_json("drill", domain, rc=1)[-2]["state"] == "waiting"
    name = "mx%d" % (nodes.n.index(other) + 1)
    assert other.ctl("cluster", "move", domain, name)[0] == 0
    wait_for(lambda: nodes.owner(domain) is other, 20, "it has moved")
    primary.start()

    def delivered():
        drill = other.ctl_json("status", domain)[0]["domains"][0]["drill"]
        assert drill["delivered"] and drill["running_since"] is None, drill
        return len(primary.messages) == 2
    wait_for(delivered, 30, "the new owner has delivered it")
    # what the other one heard is the same
    wait_for(lambda: owner.ctl_json("why", domain)[0]["domain"]["drill"]["delivered"], 10)
