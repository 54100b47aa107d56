# SPDX-License-Identifier: ISC
"""Redirects: an operator sends the mail of a domain whose primary has moved to where it
is now, until he ends that, or its time is over, or the configuration says the same."""
import re
import subprocess

import pytest

from lib.mxwatchd import has_fault
from lib.smtp import send
from lib.wait import stays, wait_for

pytestmark = pytest.mark.beside


def at(mx):
    return "127.0.0.1:%d" % mx.port


def options(*mx):
    return "primary = {%s}" % ", ".join('"%s"' % at(m) for m in mx)


def mail(d, n, domain="a.test", first=0):
    for i in range(first, first + n):
        send(d.port, "m%d" % i, rcpts=["u%d@%s" % (i, domain)])
    wait_for(lambda: d.metrics(), 5)


def queued(d, domain, n):
    wait_for(lambda: d.metrics().queued(domain) == n, 10, "%d queued for %s" % (n, domain))


def redirects(d):
    return [r for r in d.ctl_json("redirect") if "in_force" in r]


def domain_of(d, name="a.test"):
    return next(x for x in d.ctl_json("status", name)[0]["domains"] if x["domain"] == name)


def primaries(d, name="a.test"):
    return [p["primary"] for p in domain_of(d, name)["primaries"]]


def test_a_primary_that_moved(stack):
    """Mail waits for a primary that is gone. The verb has it delivered by a real Postfix,
    that of this domain and no other; a kill, a restart and a reload change nothing; the
    end of it is the configuration again."""
    new = stack.primary()
    gone = stack.fakemx(start=False)
    domains = {"a.test": options(gone), "b.test": options(gone)}
    d = stack.mxwatchd(domains)
    for name in domains:
        d.wait_state(name, "down")
        mail(d, 3, name)
    queued(d, "b.test", 3)

    rc, out = d.ctl("redirect", "a.test", at(new), "--dry-run")
    assert rc == 0 and out.startswith(
        "a.test: 3 messages, and all new mail, would go to %s until it is ended\n"
        "(instead of %s)\n" % (at(new), at(gone))), out
    assert redirects(d) == [] and primaries(d) == [at(gone)]

    rc, out = d.ctl("redirect", "a.test", at(new), "--reason", "move to the new data centre")
    assert (rc, out) == (0, "a.test: 3 messages, and all new mail, go to %s until it is ended\n"
                         "(instead of %s); `mxwatchctl redirect --end a.test` ends it\n" % (
                             at(new), at(gone)))
    assert primaries(d) == [at(new)] and primaries(d, "b.test") == [at(gone)]
    new.wait_messages(3)
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    assert d.metrics().queued("b.test") == 3
    mail(d, 1, first=7)
    new.wait_messages(4)
    assert "verb=redirect target=a.test to=%s reason=\"move to the new data centre\"" % (
        at(new)) in d.log()
    events = [e["text"] for e in d.ctl_json("events", "a.test")[:-1] if e["what"] == "operator"]
    assert len(events) == 1 and events[0].startswith("redirect a.test by uid 0: rc=0 "), events

    is_shown(d, new, gone)
    d.kill9()
    d.start()
    is_shown(d, new, gone)
    assert "a.test is redirected to %s by an operator" % at(new) in d.log()
    mail(d, 1, first=8)
    new.wait_messages(5)
    domains["c.test"] = options(new)
    rc, out = d.reload(domains=domains)
    assert rc == 0 and "a.test is redirected to %s by an operator" % at(new) in out, out
    is_shown(d, new, gone)
    checked = d.run("-n", "-l", "-c", d.conf)
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr.count("a.test is redirected to %s by an operator: the primary that "
                                "is configured is not used" % at(new)) == 1, checked.stderr
    f = [x for x in d.ctl_json("doctor", "a.test", "--now", rc=1)[:-1]
         if x["check"] == "primary" and x["severity"] == "info"]
    assert len(f) == 1 and "its mail goes to %s" % at(new) in f[0]["text"], f

    rc, out = d.ctl("redirect", "--end", "A.test")
    assert (rc, out) == (0, "a.test: all mail goes to %s again\n" % at(gone))
    assert redirects(d) == [] and primaries(d) == [at(gone)]
    assert domain_of(d)["redirect"] is None
    d.wait_state("a.test", "down")
    assert d.ctl("redirect") == (0, "no domain is redirected\n")
    rc, out = d.ctl("redirect", "--end", "a.test")
    assert rc == 2 and "a.test is not redirected" in out, out
    d.restart()
    assert primaries(d) == [at(gone)]


def is_shown(d, new, gone):
    [r] = redirects(d)
    assert r["domain"] == "a.test" and r["in_force"] and r["uid"] == 0 and r["until"] is None
    assert r["to"] == [at(new)] and r["instead_of"] == [at(gone)]
    assert r["reason"] == "move to the new data centre"
    x = domain_of(d)
    assert x["redirect"] == {k: r[k] for k in
                             ("to", "instead_of", "since", "until", "uid", "reason")}
    assert [p["primary"] for p in x["primaries"]] == [at(new)]
    rc, out = d.ctl("redirect")
    assert rc == 0 and re.search(
        r"^a\.test +it is ended +%s\n +instead of %s\n +since [-0-9: ]+ by root: "
        r"move to the new data centre$" % (re.escape(at(new)), re.escape(at(gone))),
        out, re.M), out
    line = "to %s, instead of %s: move to the new data centre" % (at(new), at(gone))
    assert "  redirected " + line in d.ctl("status")[1]
    assert "redirect  " + line in d.ctl("status", "a.test")[1]
    rc, out = d.ctl("why", "a.test")
    assert "uid 0, move to the new data centre) its mail goes to %s" % at(new) in out, out
    m = d.metrics()
    assert m.get("domain_redirected", domain="a.test") == 1
    assert m.get("domain_redirected", domain="b.test") == 0


def test_what_the_former_primary_put_off(stack):
    """It is up and takes nothing; what it put off does not wait for its next attempt."""
    new, old = stack.fakemx(), stack.fakemx(misbehave=["say-rcpt=452 4.2.2 full",
                                                       "except=postmaster@a.test"])
    d = stack.mxwatchd({"a.test": options(old) + '\nretry { first = "1h" max = "1h" }'})
    d.wait_state("a.test", "up")
    mail(d, 2)
    wait_for(lambda: [m["code"] for m in d.ctl_json("queue", "a.test")[:-1]] == [452] * 2, 10)
    assert d.ctl("redirect", "a.test", at(new))[0] == 0
    wait_for(lambda: len(new.messages) == 2, 15)


def test_its_time_is_over(stack):
    new, old = stack.fakemx(), stack.fakemx()
    d = stack.mxwatchd({"a.test": options(old)})
    d.wait_state("a.test", "up")
    rc, out = d.ctl("redirect", "a.test", at(new), "--for", "4s")
    assert rc == 0 and re.search(r" until \d{4}-\d\d-\d\d \d\d:\d\d\n", out), out
    mail(d, 1)
    wait_for(lambda: len(new.messages) == 1, 10)
    wait_for(lambda: redirects(d) == [] and primaries(d) == [at(old)], 10)
    d.logged('event=end to=%s uid=0 reason="" why="its time is over"' % at(new))
    assert [e["text"] for e in d.ctl_json("events", "a.test")[:-1] if e["what"] == "redirect"] \
        == ["redirect to %s: end, its time is over" % at(new)]
    mail(d, 1)
    wait_for(lambda: len(old.messages) == 1, 10)
    # one whose time was over while the daemon did not run
    assert d.ctl("redirect", "a.test", at(new), "--for", "1s")[0] == 0
    d.kill9()
    stays(lambda: True, 1.5, "its time passes")
    d.start()
    wait_for(lambda: redirects(d) == [] and primaries(d) == [at(old)], 10)


def test_it_becomes_the_configuration(stack):
    new, other, old = stack.fakemx(), stack.fakemx(), stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": options(old)})
    assert d.ctl("redirect", "a.test", at(new), at(other))[0] == 0
    assert primaries(d) == [at(new), at(other)]
    assert d.reload(domains={"a.test": options(new)})[0] == 0
    assert primaries(d) == [at(new), at(other)]
    assert domain_of(d)["redirect"]["instead_of"] == [at(new)]
    rc, out = d.reload(domains={"a.test": options(new, other)})
    assert rc == 0 and "redirected" not in out, out
    d.logged('why="it has become the configuration"')
    assert redirects(d) == [] and primaries(d) == [at(new), at(other)]
    rc, out = d.ctl("redirect", "a.test", at(new), at(other))
    assert rc == 2 and "that is what the configuration says for a.test" in out, out
    d.restart(domains={"a.test": options(old)})
    assert primaries(d) == [at(old)]


def test_what_is_refused(stack):
    mx = stack.fakemx()
    ns = stack.dns({"net.test": "mx A 127.0.0.1\nus A 192.0.2.9\nalias A 127.0.0.1\n"})
    d = stack.mxwatchd({"a.test": options(mx),
                        "pinned.test": 'primary = {"192.0.2.1"}\n'
                        'primary_networks = {"192.0.2.0/24"}',
                        "tls.test": options(mx) + '\ndeliver { tls = "require" }'},
                       options='resolver = {"127.0.0.1@%d"}\nself = {"us.net.test"}' % ns.port)
    for words, why in (
            (["a.test", "127.0.0.1:%d" % d.port], "is this server"),
            (["a.test", at(mx), "us.net.test:%d" % d.port], "is this server"),
            (["a.test", "alias.net.test:%d" % d.port], "is this server"),
            (["a.test", "not a host"], "is not a host"),
            (["a.test", "mx.example.org:99999"], "is not a host"),
            (["nobody.test", at(mx)], "nobody.test is not configured"),
            (["a.test", at(mx)], "that is what the configuration says"),
            (["pinned.test", at(mx)], "is the loopback"),
            (["pinned.test", "198.51.100.1"], "is outside primary_networks"),
            (["pinned.test", "mx.net.test"], "every address of mx.net.test is outside primary_networks"),
            (["a.test"] + ["192.0.2.%d" % i for i in range(9)], "from 1 to 8 hosts"),
            (["a.test", "192.0.2.1", "--for", "soon"], "is not a time"),
            (["a.test", "192.0.2.1", "--reason", "x" * 161], "longer than 160"),
            (["a.test"], "usage"), (["--dry-run"], "usage"), (["--for", "1h"], "usage"),
            (["--end", "a.test", "--for", "1h"], "usage")):
        rc, out = d.ctl("redirect", *words)
        assert rc == 2 and why in out, (words, rc, out)
    assert redirects(d) == []
    # what may go wrong is said, and done
    rc, out = d.ctl("redirect", "tls.test", "nothing.net.test", "mx.net.test")
    assert rc == 0, out
    assert 'warning: deliver { tls = "require" } stays in force' in out, out
    assert "warning: nothing.net.test has no address now: " in out, out
    assert primaries(d, "tls.test") == ["nothing.net.test", "mx.net.test"]


@pytest.mark.skipif(not has_fault(), reason="built without --enable-fault")
def test_what_is_not_stored_is_not_done(stack):
    new, old = stack.fakemx(), stack.fakemx()
    d = stack.mxwatchd({"a.test": options(old)}, start=False)
    d.env["MXWATCH_FAULT"] = "store.append:eio:1+"
    d.start(wait="port")
    rc, out = d.ctl("redirect", "a.test", at(new))
    assert rc == 1 and "it could not be stored" in out and "nothing has changed" in out, out
    assert redirects(d) == [] and primaries(d) == [at(old)]


@pytest.mark.skipif(not has_fault(), reason="built without --enable-fault")
def test_a_stop_while_it_is_stored(stack):
    """The disk is slow, and the daemon is stopped before the operator has his answer. It is
    stored or not, by when it came; what is, is in force."""
    new, old = stack.fakemx(), stack.fakemx()
    d = stack.mxwatchd({"a.test": options(old)}, start=False)
    d.env["MXWATCH_FAULT"] = "store.sync:delay=2000:1+"
    d.start()
    with subprocess.Popen([d.build + "/mxwatchctl", "-s", d.socket, "redirect", "a.test", at(new)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waits:
        stays(lambda: waits.poll() is None, 0.7, "it is not answered")
        d.stop()
        assert waits.wait(10) == 1
    d.env.pop("MXWATCH_FAULT")
    d.start()
    assert primaries(d) == ([r["to"][0] for r in redirects(d)] or [at(old)])


def test_the_domain_is_removed(stack):
    """What is queued goes where it was redirected, until it is gone, or where it went
    before when the redirect ends; and then the redirect is gone, too."""
    new, old = stack.fakemx(start=False), stack.fakemx(start=False)
    keeps = {"z.test": options(old)}
    d = stack.mxwatchd(dict(keeps, **{"a.test": options(old), "b.test": options(old)}))
    for name in "a.test", "b.test":
        d.wait_state(name, "down")
        mail(d, 2, name)
        assert d.ctl("redirect", name, at(new))[0] == 0
    d.wait_state("a.test", "down")
    assert d.reload(domains=keeps)[0] == 0
    wait_for(lambda: domain_of(d)["removed"], 10)
    assert primaries(d) == [at(new)]
    d.kill9()
    d.start()
    assert primaries(d) == [at(new)] and primaries(d, "b.test") == [at(new)]
    rc, out = d.ctl("redirect", "a.test", at(old))
    assert rc == 2 and "is no longer in the configuration" in out, out
    assert d.ctl("redirect", "--end", "b.test")[0] == 0
    assert primaries(d, "b.test") == [at(old)]
    new.start()
    wait_for(lambda: len(new.messages) == 2, 15)
    wait_for(lambda: redirects(d) == [], 10)
    d.logged('why="its domain is no longer configured"')
    old.start()
    wait_for(lambda: len(old.messages) == 2, 15)


def test_all_nodes_of_a_cluster_follow(stack):
    new, old = stack.fakemx(), stack.fakemx(start=False)
    nodes = stack.nodes({"a.test": options(old)})
    owner, other = nodes.owner("a.test"), nodes.other("a.test")
    for d in owner, other:
        d.wait_state("a.test", "down")
    mail(other, 2)
    assert other.ctl("redirect", "a.test", at(new), "--for", "1h", "--reason", "fire")[0] == 0
    for d in owner, other:
        wait_for(lambda d=d: [r["in_force"] for r in redirects(d)] == [True], 10)
        assert redirects(d)[0]["reason"] == "fire"
    wait_for(lambda: len(new.messages) == 2, 20)
    owner.restart()
    assert [r["to"] for r in redirects(owner)] == [[at(new)]]
    assert owner.ctl("redirect", "--end", "a.test")[0] == 0
    for d in owner, other:
        wait_for(lambda d=d: redirects(d) == [] and primaries(d) == [at(old)], 10)
