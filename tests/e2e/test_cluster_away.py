# SPDX-License-Identifier: ISC
"""A cluster whose engine, or its standby, is away: mail lands at the node that takes it, is
delivered from there, and is with all of them again when the engine is back; nothing is
lost, nothing comes twice."""
import itertools
import signal

import pytest

from lib.mxwatchd import has_fault
from lib.smtp import Flood, Raw, send, stuff, subjects, text
from lib.wait import wait_for

# longer than a transaction is waited for
PATIENT = 'store_timeout = "7s"'
SOON = 'alert "cluster_engine_away" { warn = "1s" for = "0s" clear = "0s" }'


def cluster(stack, domains=("a.test",), standby=False, **kw):
    mx = [stack.fakemx() for _ in domains]
    nodes = stack.nodes({d: 'primary = {"127.0.0.1:%d"}' % m.port for d, m in zip(domains, mx)},
                        engine=stack.engine(standby=standby), **kw)
    nodes.wait_owned(domains)
    return mx, nodes


def down(nodes, m, domain):
    m.stop()
    for d in nodes.n:
        d.wait_state(domain, "down")


def fill(nodes, domain, n, tag):
    """As a client does that comes again, each time with another subject: the subjects that
    were acknowledged. Of one whose transaction had no answer nobody knows."""
    acked, tries = [], itertools.count()
    for d in nodes.n:
        for _ in range(n):
            wait_for(lambda d=d: try_one(d, "%s-%s-%d" % (tag, d.name, next(tries)), domain, acked),
                     40, "it is taken", step=0.2)
    return acked


def try_one(d, subject, domain, acked):
    with Raw(d.port, timeout=30) as c:
        c.begin(rcpt="u@" + domain)
        c.ok("DATA", "354")
        c.send(stuff(text(subject)))
        reply = c.reply()
    if reply.startswith("250"):
        acked.append(subject)
    assert reply.startswith("250"), reply
    return True


def local(d):
    return int(d.metrics().get("cluster_local_messages"))


def wait_moved(nodes, parts):
    """All that landed is in the engine, and nothing of it is left here."""
    for d in nodes.n:
        wait_for(lambda d=d: local(d) == 0, 30, "what landed is moved")
    wait_for(lambda: rows(nodes) >= parts, 20, "%d messages are in the engine" % parts)
    wait_for(lambda: rows(nodes, "moved") == 0, 10)


def rows(nodes, table="part"):
    return nodes.engine.leader.number("SELECT count(*) FROM mxwatch." + table)


def wait_once(m, acked):
    """These are there, and nothing is twice."""
    wait_for(lambda: set(acked) <= set(subjects(x.data for x in m.messages)), 40,
             "all that was taken is delivered")
    got = subjects(x.data for x in m.messages)
    assert len(set(got)) == len(got), got


def no_disk_is_blamed(nodes):
    for d in nodes.n:
        assert d.metrics().sum("spool_errors_total") == 0, d.name


def flood(stack, d, domain):
    return stack.add(Flood(d.port, "u@" + domain, 3, tag=d.name + domain, pause=0.05),
                     lambda f: f.stop())


@pytest.mark.beside
def test_both_servers_are_away(stack):
    """Both nodes go on: what they take is delivered from where it landed; what was shared
    before waits for the engine."""
    (a, b), nodes = cluster(stack, ("a.test", "b.test"), True, options=SOON)
    down(nodes, b, "b.test")
    before = fill(nodes, "b.test", 3, "before")
    wait_for(lambda: rows(nodes) == 6, 10)
    nodes.engine.standby.stop()
    nodes.engine.leader.stop()
    here = fill(nodes, "a.test", 3, "here")
    wait_once(a, here)
    later = fill(nodes, "b.test", 3, "later")
    for d in nodes.n:
        wait_for(lambda d=d: local(d) == 3, 10, "b.test has landed, a.test is delivered")
        wait_for(lambda d=d: any(x["alert"] == "cluster_engine_away"
                                 for x in d.ctl_json("alerts", rc=1)[:-1]), 10)
        rc, said = d.ctl("cluster")
        assert "engine: unreachable for" in said and "on this node only: 3" in said, said
    b.start()
    wait_once(b, later)
    assert all(s.startswith("later") for s in subjects(x.data for x in b.messages))
    down(nodes, b, "b.test")
    last = fill(nodes, "b.test", 2, "last")
    nodes.engine.leader.start()
    nodes.engine.standby.start()
    wait_moved(nodes, 6 + 4)
    b.start()
    wait_once(b, before + later + last)
    wait_once(a, here)
    wait_for(lambda: rows(nodes) == 0, 10)
    no_disk_is_blamed(nodes)


@pytest.mark.beside
def test_without_its_standby_mail_lands_here(stack):
    (m,), nodes = cluster(stack, standby=True)
    down(nodes, m, "a.test")
    acked = fill(nodes, "a.test", 2, "before")
    nodes.engine.standby.kill()
    alone = fill(nodes, "a.test", 2, "alone")
    assert sum(local(d) for d in nodes.n) == len(alone) == 4
    nodes.engine.standby.start()
    wait_moved(nodes, 8)
    # it is not waited for: every commit would be done, and none is safe
    nodes.engine.leader.reload("synchronous_standby_names = ''")
    for d in nodes.n:
        wait_for(lambda d=d: d.metrics().get("cluster_synchronous") == 0, 10)
    acked += alone + fill(nodes, "a.test", 1, "nobody")
    assert [local(d) for d in nodes.n] == [1, 1]
    nodes.engine.leader.reload("synchronous_standby_names = 'b'")
    wait_moved(nodes, 10)
    m.start()
    wait_once(m, acked)


@pytest.mark.beside
def test_an_engine_that_hangs_does_not_stop_the_mail(stack):
    """Of the first transaction nobody knows what became of it: its mail has landed, and
    waits for that word; what comes behind it goes on."""
    (m,), nodes = cluster(stack)
    nodes.engine.leader.signal(signal.SIGSTOP)
    try:
        acked = fill(nodes, "a.test", 4, "hung")
        # who heard nothing before the mail came knew that it is not there
        doubt = sum("event=doubt " in d.log() for d in nodes.n)
        assert doubt > 0
        wait_for(lambda: len(m.messages) == len(acked) - doubt, 20)
        for d in nodes.n:
            assert d.http("/-/ready")[0] == 200, d.http("/-/ready")
        # nor does it keep one from ending, and the next run knows what waits
        nodes.n[0].stop(40)
    finally:
        nodes.engine.leader.signal(signal.SIGCONT)
    nodes.n[0].start()
    acked += fill(nodes, "a.test", 1, "again")
    wait_once(m, acked)
    for d in nodes.n:
        assert "new mail gets a temporary error" not in d.log()


@pytest.mark.beside
def test_the_standby_takes_over_under_load(stack):
    """What was acknowledged is there, once: by the server that died, or here, or by the one
    that took its place."""
    mx, nodes = cluster(stack, ("a.test", "b.test"), True)
    floods = [flood(stack, d, domain) for d in nodes.n for domain in ("a.test", "b.test")]

    def go_on(n):
        for f, taken in [(f, len(f.acked)) for f in floods]:
            f.wait_acked(taken + n, 40)
    for rewind in (False, True):
        go_on(30)
        nodes.engine.failover()
        go_on(5)  # they land here
        nodes.engine.heal(rewind)
        go_on(30)
    for f in floods:
        f.stop()
    acked = set().union(*(f.acked for f in floods))

    def got():
        return subjects(x.data for m in mx for x in m.messages)
    wait_for(lambda: acked <= set(got()), 60, "all that was taken is there")
    wait_for(lambda: rows(nodes) == 0, 20)
    assert len(set(got())) == len(got())
    no_disk_is_blamed(nodes)


@pytest.mark.beside
def test_a_node_starts_while_the_engine_is_away(stack):
    (m,), nodes = cluster(stack)
    d, other = nodes.owner("a.test"), nodes.other("a.test")
    m.misbehave = ["rcpt-451=*"]
    before = fill(nodes, "a.test", 2, "before")
    d.stop()
    other.stop()
    nodes.engine.leader.stop()
    m.misbehave = []
    d.start()
    away = ["away-%d" % i for i in range(3)]
    for s in away:
        send(d.port, s)
    wait_once(m, away)
    nodes.engine.leader.start()
    wait_once(m, before + away)
    d.logged("event=joined", 20)
    other.start()
    wait_once(m, before + away + fill(nodes, "a.test", 1, "again"))


@pytest.mark.beside
def test_away_is_refuse(stack):
    (m,), nodes = cluster(stack, cluster='away = "refuse"', smtpd=PATIENT)
    nodes.engine.leader.stop()
    for d in nodes.n:
        with Raw(d.port, timeout=30) as c:
            c.ok("EHLO client.test")
            reply = c.cmd("MAIL FROM:<s@sender.test>")
            if reply.startswith("250"):
                c.ok("RCPT TO:<u@a.test>")
                c.ok("DATA", "354")
                c.send(stuff(text("no")))
                reply = c.reply()
            assert reply.startswith("451"), reply
    for d in nodes.n:
        with Raw(d.port, timeout=30) as c:
            c.ok("EHLO client.test")
            assert c.cmd("MAIL FROM:<s@sender.test>").startswith("451 4.3.0 the queue is not available")
    nodes.engine.leader.start()
    for d in nodes.n:
        def taken(d=d):
            send(d.port, "yes-" + d.name)
            return True
        wait_for(taken, 20, "mail is taken again", step=0.5)
    wait_for(lambda: set(subjects(x.data for x in m.messages)) == {"yes-mx1", "yes-mx2"}, 20)


@pytest.mark.beside
def test_two_nodes_of_one_name(stack):
    (m,), nodes = cluster(stack)
    first = nodes.n[0]
    second = stack.mxwatchd({}, start=False, name="twin")
    second.write(**{k: v for k, v in first.parts.items() if k != "user"}).spawn()
    assert second.wait_exit(40) == 1
    second.logged("another mxwatchd is node mx1 of the cluster")
    wait_once(m, fill(nodes, "a.test", 1, "m"))
    assert "fenced" not in first.log()


@pytest.mark.beside
@pytest.mark.parametrize("passage", [1, 2, 3, 5])
def test_killed_inside_the_move(stack, passage):
    """At a step of a move: in one of the two, or in both and it is known."""
    if not has_fault():
        pytest.skip("the build in MXWATCH_BUILD has no fault points (--enable-fault)")
    (m,), nodes = cluster(stack)
    down(nodes, m, "a.test")
    d = nodes.n[0]
    d.stop()
    d.env["MXWATCH_FAULT"] = "store.move:kill:%d" % passage
    d.start()
    nodes.engine.leader.stop()
    acked = fill(nodes, "a.test", 2, "away")
    nodes.engine.leader.start()
    assert d.wait_exit(30) == -signal.SIGKILL
    del d.env["MXWATCH_FAULT"]
    d.start()
    wait_moved(nodes, 4)
    m.start()
    wait_once(m, acked)
