# SPDX-License-Identifier: ISC
"""A domain that leaves the configuration with mail queued goes by the settings
that it had until its queue is empty, and then it is gone everywhere."""
import re

import pytest

from lib.mxwatchd import FAST
from lib.smtp import Raw, send, subjects
from lib.wait import stays, wait_for

KEPT = 'primary = {"127.0.0.1:%d"}\nlifetime = "9h"\nretry { first = "1s" max = "3s" }'


@pytest.fixture
def pair(stack):
    """Three messages for a primary that is down, two for one that is up."""
    gone, stays_up = stack.fakemx(start=False), stack.fakemx()
    domains = {"gone.test": KEPT % gone.port,
               "empty.test": 'primary = {"127.0.0.1:%d"}' % gone.port,
               "a.test": 'primary = {"127.0.0.1:%d"}' % stays_up.port}
    d = stack.mxwatchd(domains, defaults=FAST, options='alert "primary_down" { warn = "0s" for = "0s" clear = "0s" }')
    d.wait_state("a.test", "up")
    d.wait_state("gone.test", "down")
    for i in range(3):
        send(d.port, "kept %d" % i, rcpts=["u%d@gone.test" % i])
    wait_for(lambda: d.metrics().queued("gone.test") == 3, 10)
    return gone, d, {"a.test": domains["a.test"]}


def names(d):
    return {x["domain"]: x for x in d.ctl_json("status")[0]["domains"]}


def is_kept(d):
    """As it was, but marked, and closed for new mail."""
    x = names(d)["gone.test"]
    assert x["removed"] and not x["configured"]
    assert x["queue"]["messages"] == 3 and x["queue"]["lifetime_seconds"] == 9 * 3600
    assert len(x["primaries"]) == 1, x
    m = d.metrics()
    assert m.get("domain_removed", domain="gone.test") == 1
    assert m.get("domain_removed", domain="a.test") == 0
    assert m.get("queue_lifetime_seconds", domain="gone.test") == 9 * 3600
    return True


def is_gone(d):
    assert sorted(names(d)) == ["a.test"]
    text = d.http("/metrics")[2]
    assert "gone.test" not in text and "empty.test" not in text
    assert "gone.test" not in d.http("/api/v1/status")[2]
    return True


def test_reload_names_the_number_and_mail_goes_by_the_old_settings(pair):
    gone, d, left = pair
    total = d.metrics().get("queue_messages", domain="gone.test", state="deferred")
    assert total == 3
    rc, text = d.reload(domains=left)
    assert rc == 0, text
    assert re.search(r"1 domain is no longer in the configuration and has 3 messages queued "
                     r"\(gone\.test\)", text), text
    wait_for(lambda: is_kept(d), 10)
    wait_for(lambda: "empty.test" not in names(d), 10)
    assert "removed" in d.ctl("status")[1]
    assert "removed from the configuration" in d.ctl("status", "gone.test")[1]
    assert "keeps its old settings" in " ".join(d.ctl("why", "gone.test")[1].split())
    with pytest.raises(Exception, match="relay"):
        send(d.port, "new", rcpts=["u@gone.test"])
    # Its alerts and its probe go on.
    assert [x["alert"] for x in d.ctl_json("alerts", "gone.test")[:-1]] == ["primary_down"]
    assert d.ctl("extend", "gone.test", "+1h")[0] == 0
    gone.start()
    wait_for(lambda: len(gone.messages) == 3, 15)
    assert sorted(subjects([m.data for m in gone.messages])) == ["kept 0", "kept 1", "kept 2"]
    assert d.logged("trigger=recovery"), "found by its probe, and flushed"
    wait_for(lambda: is_gone(d), 10)
    assert d.ctl_json("alerts")[:-1] == []
    d.restart()
    d.wait_state("a.test", "up")
    assert is_gone(d)


def test_over_restarts_also_when_it_left_between_two_runs(pair):
    gone, d, left = pair
    d.kill9()
    d.write(domains=left)
    d.start()
    wait_for(lambda: is_kept(d), 10)
    d.wait_state("gone.test", "down")
    d.kill9()
    d.start()
    wait_for(lambda: is_kept(d), 10)
    # A reload of something else changes nothing; nor does other defaults.
    rc, text = d.reload(defaults=FAST + '\n    lifetime = "2h"')
    assert rc == 0 and "no longer" not in text, text
    assert is_kept(d)
    gone.start()
    wait_for(lambda: len(gone.messages) == 3, 15)
    wait_for(lambda: is_gone(d), 10)


def test_it_may_come_back(pair):
    gone, d, left = pair
    assert d.reload(domains=left)[0] == 0
    wait_for(lambda: is_kept(d), 10)
    assert d.reload(domains=dict(left, **{"gone.test": KEPT % gone.port}))[0] == 0
    wait_for(lambda: not names(d)["gone.test"]["removed"], 10)
    send(d.port, "new", rcpts=["u@gone.test"])
    gone.start()
    wait_for(lambda: len(gone.messages) == 4, 15)
    d.wait_empty("gone.test")
    stays(lambda: "gone.test" in names(d), 2.5, "it is configured")


def test_forget(pair):
    gone, d, left = pair
    assert "remove it and reload" in d.ctl("forget", "gone.test")[1]
    assert "no such removed domain" in d.ctl("forget", "other.test")[1]
    assert d.reload(domains=left)[0] == 0
    wait_for(lambda: is_kept(d), 10)
    rc, text = d.ctl("forget", "gone.test", "--reason", "moved away")
    assert rc == 0 and text.startswith("gone.test forgotten; 3 messages"), text
    wait_for(lambda: is_gone(d), 10)
    assert d.logged("moved away")
    reports = d.ctl_json("status")[0]["reports"]
    assert reports["messages"] == 3, "what is queued is told as mail for anybody"
    d.kill9()
    d.start()
    wait_for(lambda: d.ctl_json("status")[0]["reports"]["messages"] == 3, 10)
    wait_for(lambda: is_gone(d), 10)
    gone.start()
    stays(lambda: not gone.messages, 2.0, "its primary is nothing to us any more")


def test_totals_never_fall(stack):
    """With per_domain = no the sums are those of the domains that are gone, too."""
    mx = stack.fakemx()
    a = 'primary = {"127.0.0.1:%d"}' % mx.port
    d = stack.mxwatchd({"a.test": a, "b.test": a}, options="metrics { per_domain = no }")
    for name in ("a.test", "b.test"):
        send(d.port, "one", rcpts=["u@" + name])
    wait_for(lambda: len(mx.messages) == 2, 10)

    def count():
        return d.metrics().get("smtpd_messages_accepted_total")
    wait_for(lambda: count() == 2, 10)
    assert d.reload(domains={"a.test": a})[0] == 0
    wait_for(lambda: sorted(names(d)) == ["a.test"], 10)
    assert count() == 2
    assert d.reload(domains={"a.test": a, "b.test": a})[0] == 0
    send(d.port, "two", rcpts=["u@b.test"])
    wait_for(lambda: count() == 3, 10)


def test_an_include_that_matches_nothing_warns(stack):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.write(options='include "conf.d/*.conf"\n')
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 0
    assert 'warning: include: no file matches "conf.d/*.conf"' in r.stdout + r.stderr
    rc, text = d.ctl("reload")
    assert rc == 0 and "no file matches" in text


def test_clients_that_are_there_while_it_leaves(stack):
    """A session of before the reload is told no; a message under way when its domain
    leaves goes by the settings of before, over a kill, too."""
    gone = stack.fakemx(start=False)
    kept = stack.fakemx()
    domains = {"a.test": 'primary = {"127.0.0.1:%d"}' % kept.port,
               "gone.test": KEPT % gone.port}
    d = stack.mxwatchd(domains)
    d.wait_state("gone.test", "down")
    under_way, before, two = Raw(d.port).begin(rcpt="u@gone.test"), Raw(d.port), Raw(d.port)
    under_way.ok("DATA", "354")
    under_way.send("Subject: late\r\n\r\n")
    two.begin(rcpt=["u@gone.test", "u@a.test"])
    before.ok("EHLO client.test")
    assert d.reload(domains={"a.test": domains["a.test"]})[0] == 0
    stays(lambda: "gone.test" in names(d), 3, "a message for it is under way")
    before.ok("MAIL FROM:<s@sender.test>")
    before.ok("RCPT TO:<u@gone.test>", "554")
    before.ok("RCPT TO:<u@a.test>")
    under_way.ok(".")
    two.ok("DATA", "354")
    two.ok("Subject: two\r\n\r\n.")
    for c in (under_way, before, two):
        c.close()
    wait_for(lambda: names(d)["gone.test"]["queue"]["messages"] == 2, 10)
    assert names(d)["gone.test"]["removed"]
    d.kill9()
    d.start()
    wait_for(lambda: names(d)["gone.test"]["queue"]["messages"] == 2, 10)
    gone.start()
    wait_for(lambda: len(gone.messages) == 2, 15)
    wait_for(lambda: "gone.test" not in names(d), 10)
