# SPDX-License-Identifier: ISC
"""What is one for all nodes of a cluster, whichever is asked: maintenance windows, holds,
learned recipients, the vault; and the ways to the engine that libpq has."""
import os
import re
import subprocess

import pytest

from lib.mxwatchd import FAST
from lib.net import certificate, free_port
from lib.smtp import Raw, send
from lib.wait import stays, wait_for

pytestmark = pytest.mark.beside
OK, NO = "250 2.1.5", "550 5.1.1"


def pair(stack, section="", mx=(), **kw):
    """A primary, and two nodes for its domain."""
    m = stack.fakemx(misbehave=list(mx))
    nodes = stack.nodes({"a.test": 'primary = {"127.0.0.1:%d"}\n%s' % (m.port, section)}, **kw)
    nodes.wait_owned(["a.test"])
    for d in nodes.n:
        d.wait_state("a.test", "up")
    return m, nodes


def windows(d):
    return [w for w in d.ctl_json("maintenance") if "id" in w and "done" not in w]


def test_rules_name_what_is_exported(stack):
    m, nodes = pair(stack)
    path = os.path.join(os.path.dirname(__file__), "..", "..", "contrib", "prometheus",
                        "mxwatch-alerts.yml")
    with open(path) as f:
        used = set(re.findall(r"\bmxwatch_cluster_[a-z_]+", f.read()))
    assert used and used <= set(nodes.n[0].metrics().series)
    assert nodes.n[0].ctl("cluster")[0] == 0, nodes.n[0].ctl("cluster")
    out = nodes.n[1].ctl("cluster")[1]
    assert re.search(r"^\* mx2 +live ", out, re.M) and "domains: 1, " in out, out
    assert max(map(len, out.splitlines())) <= 80, out


def test_a_maintenance_window(stack):
    m, nodes = pair(stack)
    owner, other = nodes.owner("a.test"), nodes.other("a.test")
    rc, out = other.ctl("maintenance", "a.test", "--for", "1h", "--hold", "--reason", "disks")
    assert rc == 0, out
    wait_for(lambda: [w["reason"] for w in windows(owner)] == ["disks"], 5)

    def holds():
        owner.refresh("a.test")
        return (owner.status()["domains"][0]["maintenance"] or {}).get("hold")
    wait_for(holds, 10, "it is held")
    send(owner.port)
    wait_for(lambda: owner.metrics().queued("a.test") == 1, 10)
    stays(lambda: m.messages == [], 0.5)
    # both may order one at the same time
    for d in nodes.n:
        assert d.ctl("maintenance", "127.0.0.1:%d" % m.port, "--from", "+1h", "--for", "1h")[0] == 0
    for d in nodes.n:
        wait_for(lambda d=d: len({w["id"] for w in windows(d)}) == 3, 5)
    held = next(w["id"] for w in windows(owner) if w["hold"])
    assert owner.ctl("maintenance", "--end", str(held))[0] == 0
    wait_for(lambda: len(windows(other)) == 2, 5)
    wait_for(lambda: len(m.messages) == 1, 10)


def test_a_hold_outlives_its_node(stack):
    m, nodes = pair(stack)
    owner, other = nodes.owner("a.test"), nodes.other("a.test")
    assert other.ctl("hold", "a.test")[0] == 0
    for d in nodes.n:
        send(d.port)
    wait_for(lambda: owner.metrics().queued("a.test") == 2, 10)
    owner.kill9()
    wait_for(lambda: nodes.owners()["a.test"] == other.name, 20, "it is the other's")
    wait_for(lambda: other.metrics().queued("a.test") == 2, 10)
    stays(lambda: m.messages == [], 1)
    assert other.ctl("release", "a.test")[0] == 0
    wait_for(lambda: len(m.messages) == 2, 20)


def rcpt(d, addr):
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        return c.cmd("RCPT TO:<%s>" % addr)[:9]


def test_learned_recipients(stack):
    """What the owner has found out the other says at its door, too."""
    m, nodes = pair(stack, 'recipients_learn = yes\nrecipients_refused_after = "1s"',
                    ["rcpt-550=*"])

    def knows(d):
        return rcpt(d, "nobody@a.test") == NO
    owner, other = nodes.owner("a.test"), nodes.other("a.test")
    wait_for(lambda: knows(owner), 30, "it is learned", step=0.3)
    m.stop()
    for d in nodes.n:
        d.wait_state("a.test", "down")
    wait_for(lambda: knows(other), 10, "the other knows")
    owner.kill9()
    wait_for(lambda: nodes.owners()["a.test"] == other.name, 20, "it is the other's")
    assert knows(other)


def test_the_vault(stack):
    """What was given back is there for whoever has the domain then."""
    m, nodes = pair(stack, 'refusal_grace = "0s"', ["rcpt-550=u@a.test"],
                    options='vault { keep = "1h" }\n')
    owner, other = nodes.owner("a.test"), nodes.other("a.test")
    send(other.port)

    def kept(d):
        return [v for v in d.ctl_json("vault") if "id" in v]
    for d in nodes.n:
        wait_for(lambda d=d: len(kept(d)) == 1, 20, "it is in the vault")
    owner.kill9()
    m.misbehave = []
    wait_for(lambda: nodes.owners()["a.test"] == other.name, 20, "it is the other's")
    wait_for(lambda: len(kept(other)) == 1, 10)
    assert other.ctl("replay", kept(other)[0]["id"])[0] == 0
    wait_for(lambda: len(m.messages) == 1, 20)


def test_an_engine_that_is_away_for_less_than_a_lease(stack):
    """What landed meanwhile is everybody's again, though nobody lost his place."""
    m, nodes = pair(stack, lease="30s")
    m.stop()
    for d in nodes.n:
        d.wait_state("a.test", "down")
    nodes.engine.a.kill()
    for d in nodes.n:
        send(d.port)
        send(d.port)
        assert d.metrics().get("cluster_local_messages") > 0
    nodes.engine.a.start()
    wait_for(lambda: nodes.engine.a.number("SELECT count(*) FROM mxwatch.part") == 4, 20)
    for d in nodes.n:
        wait_for(lambda d=d: d.metrics().get("cluster_local_messages") == 0, 10)
    m.start()
    wait_for(lambda: len(m.messages) == 4, 20)


def test_passwords_and_tls(stack):
    """A password file, a service, and a server that is who it says."""
    engine = stack.engine()
    port = free_port()
    cert, key = certificate(engine.work.path, "localhost")
    for name, path in (("server.crt", cert), ("server.key", key)):
        to = os.path.join(engine.a.data, name)
        subprocess.run(["install", "-m", "600", "-o", "postgres" if os.getuid() == 0 else
                        str(os.getuid()), path, to], check=True)
    engine.a.sql("CREATE ROLE mail LOGIN PASSWORD 'of mail'; GRANT CREATE ON DATABASE postgres "
                 "TO mail")
    with open(os.path.join(engine.a.data, "pg_hba.conf"), "w") as f:
        f.write("local all all trust\nhostssl all mail 127.0.0.1/32 scram-sha-256\n")
    engine.a.settings("listen_addresses = '127.0.0.1'\nport = %d\nssl = on" % port)
    engine.a.stop()
    engine.a.start()
    where = "host=localhost hostaddr=127.0.0.1 port=%d user=mail dbname=postgres " \
        "sslmode=verify-full sslrootcert=%s connect_timeout=2" % (port, cert)
    passfile = os.path.join(engine.work.path, "pass")
    service = os.path.join(engine.work.path, "services")
    with open(passfile, "w") as f:
        f.write("localhost:%d:postgres:mail:of mail\n" % port)
    os.chmod(passfile, 0o600)
    with open(service, "w") as f:
        f.write("[mxwatch]\n%s\npassfile=%s\n" % (where.replace(" ", "\n"), passfile))
    m = stack.fakemx()
    domains = {"a.test": 'primary = {"127.0.0.1:%d"}' % m.port}
    for name, conninfo in (("one", where + " passfile=" + passfile),
                           ("two", "service=mxwatch"), ("three", where)):
        d = stack.mxwatchd(domains, start=False, name=name, defaults=FAST, options='cluster { '
                           'engine = "%s" node = "%s" require_sync = no }' % (conninfo, name))
        d.env["PGSERVICEFILE"] = service
        r = d.schema("init")
        if name == "three":
            assert r.returncode != 0 and "password" in r.stderr + r.stdout, r.stdout + r.stderr
            d.spawn()
            assert d.wait_exit() == 1
            assert "password" in d.log()
            break
        assert r.returncode == 0, r.stdout + r.stderr
        d.start()
        send(d.port)
    wait_for(lambda: len(m.messages) == 2, 20)
