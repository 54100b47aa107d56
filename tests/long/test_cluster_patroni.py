# SPDX-License-Identifier: ISC
"""The engine is kept by Patroni (Debian's packages patroni and etcd-server, which are not
installed for it: the test is skipped without them), three members, synchronous_mode: a
switchover and a failover under load, and the dead member comes back; nothing is lost, and
nothing comes twice."""
import sys
import time

from lib.patroni import Patroni
from lib.smtp import Flood, subjects
from lib.wait import wait_for

DOMAINS = ["a.test", "b.test"]


def test_switchover_and_failover(stack):
    engine = stack.add(Patroni(), lambda e: e.close()).start()
    mx = [stack.fakemx() for _ in DOMAINS]
    nodes = stack.nodes({d: 'primary = {"127.0.0.1:%d"}' % m.port for d, m in zip(DOMAINS, mx)},
                        engine=engine)
    nodes.wait_owned(DOMAINS)
    floods = [stack.add(Flood(d.port, "u@" + domain, 2, tag=d.name + domain), lambda f: f.stop())
              for d in nodes.n for domain in DOMAINS]
    begin = time.monotonic()

    def say(text):
        print("patroni %3ds: %s; taken %s" % (time.monotonic() - begin, text,
                                              [len(f.acked) for f in floods]), file=sys.stderr)

    def go_on(n=40):
        for f, taken in [(f, len(f.acked)) for f in floods]:
            f.wait_acked(taken + n, 60)
    go_on()
    old = engine.leader
    say("switchover: " + engine.switchover())
    assert engine.leader is not old
    engine.wait_whole()
    go_on()
    old = engine.leader
    say("%s is killed" % old.name)
    old.kill()
    go_on(20)
    new = wait_for(lambda: engine.find_leader() is not old and engine.find_leader(), 60)
    engine.wait_whole()
    say("%s is the leader" % new.name)
    go_on()
    old.start()
    engine.wait_whole()
    go_on()
    say("%s is back" % old.name)
    for f in floods:
        f.stop()
    acked = set().union(*(f.acked for f in floods))

    def got():
        return subjects(x.data for m in mx for x in m.messages)
    wait_for(lambda: acked <= set(got()), 60, "all that was taken is there")

    def empty():
        return engine.leader.number("SELECT count(*) FROM mxwatch.part") == 0
    wait_for(empty, 30, "the engine is empty")
    say("%d acknowledged, %d delivered, %d of them twice" % (
        len(acked), len(got()), len(got()) - len(set(got()))))
    assert len(set(got())) == len(got())
