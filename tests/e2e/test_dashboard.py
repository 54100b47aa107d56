# SPDX-License-Identifier: ISC
"""The dashboard of contrib/grafana against a real Prometheus that scrapes two
daemons, and a third that has no series of domains: what each panel, variable and
annotation shows is compared with what the test made of them. A panel without an
expectation fails. And the file itself: well formed, complete, made by `generate`."""
import http.server
import os
import re
import subprocess
import threading
import time

import pytest

from lib.grafana import Board, seconds
from lib.mxwatchd import FAST
from lib.net import Workdir, certificate, free_port
from lib.prometheus import TOP, Prometheus
from lib.smtp import Raw, send
from lib.wait import wait_for

BLOCKED = "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using list.test"
UNKNOWN = "550 5.1.1 no such user here"
DAY = 86400
UP, DOWN = 1, 5
QUANTILES = {"0.5": "median", "0.95": "95%", "0.99": "99%"}
# There for some configurations only.
OPTIONAL = {"mxwatch_dnsbl_": ("DNSBL",), "mxwatch_cluster_": ("GLOBAL", "NODE")}


# ---- what is right

class Between:
    """A rate, which Prometheus extrapolates; or what a machine takes."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __eq__(self, other):
        return self.low <= other <= self.high

    def __repr__(self):
        return "%g to %g" % (self.low, self.high)


def near(value):
    return Between(value * 0.9, value * 1.35)


def a_second(count):
    """A counter that grew by that within the least window of the dashboard."""
    return near(count / 240)


def of_rule(count):
    return near(count / 300)


SOON = Between(0, 90)
SHORT = Between(1e-9, 2)


class World:
    """Two daemons, a and b, watch the same domains; c has no series of them.

                a   b   c
    up.test     4   1   1   its primary takes it all but for gone@: 2 in a, 1 in b bounce;
                            it has a certificate of 90 days, and takes its time
    down.test   3   2   1   nobody listens; one of b is held; it expires in 20, 25 days
    gone.test   1   1       nobody listens, and it expires at once
    bad.test    12  11      its primary refuses what it should take: the breaker
    back.test   1   1       was down, and is back
    learn.test  1   1       recipients are learned: good@ is one, bad@ none

    c has room for one message and is full.
    """

    def __init__(self, stack):
        self.stack, self.first = stack, None
        self.work = stack.add(Workdir("dash"), lambda w: w.remove())
        cert, key = certificate(self.work.path)
        self.good = stack.fakemx(misbehave=["rcpt-550=gone@up.test", "slow=0.02"],
                                 cert=cert, key=key)
        self.learn = stack.fakemx(misbehave=[
            "say-rcpt=" + UNKNOWN, "except=good@learn.test,postmaster@learn.test"])
        self.bad, self.back = stack.fakemx(), stack.fakemx()
        self.nobody, self.gone = free_port(), free_port()
        self.up = [primary(x) for x in (self.good, self.bad, self.back, self.learn)]
        self.down = [primary(self.nobody), primary(self.gone)]
        self.hook = stack.fakehook()
        self.daemons = self.a, self.b, self.c = [self.daemon(x) for x in "abc"]
        for d in self.a, self.b:
            for domain in "up.test", "bad.test", "back.test", "learn.test":
                d.wait_state(domain, "up")
            for domain in "down.test", "gone.test":
                d.wait_state(domain, "down")
        wait_for(lambda: self.c.metrics().get("watchdog_state", state="up") == 4, 20)

    def daemon(self, name):
        d = self.stack.mxwatchd({}, start=False, name=name)
        listed = d.file("listed", "".join("box%d@bad.test ok\n" % i for i in range(12)))

        def at(mx, *options):
            return "\n".join(['primary = {"%s"}' % primary(mx), *options])
        d.write(
            domains={"up.test": at(self.good),
                     "down.test": at(self.nobody, 'lifetime = "%dd"' % (25 if name == "b" else 20)),
                     "gone.test": at(self.gone, 'lifetime = "1s"'),
                     "bad.test": at(self.bad, 'recipients = "%s"' % listed),
                     "back.test": at(self.back, "recipients_learn = yes"),
                     "learn.test": at(self.learn, "recipients_learn = yes")},
            defaults=FAST.replace('depth = "ehlo"', 'depth = "rcpt"'),
            options='alert "primary_down" { warn = "0s" for = "0s" clear = "0s" }\n'
            'alert "probe_finding" { for = "1h" }\n'
            "metrics { per_domain = %s }\n" % ("no" if name == "c" else "yes") +
            'receiver "hook" { type = "webhook" url = {"%s/hook"} group_wait = "0s" }\n'
            'heartbeat "hc" { url = "%s/uuid" interval = "500ms" }' % (self.hook.url, self.hook.url),
            dsn='smarthost = "%s"\nrate = 1000000' % primary(self.nobody),
            queue="max_messages = 1" if name == "c" else "")
        return d.start()

    def address(self, d):
        return "127.0.0.1:%d" % d.web_port

    def lives(self):
        """What happens while it is scraped."""
        self.stopped = time.time()
        self.back.stop()
        for d, fine, gone, waiting, held in (self.a, 4, 2, 3, 12), (self.b, 1, 1, 2, 11):
            mail(d, "u@up.test", fine)
            mail(d, "gone@up.test", gone)
            mail(d, "good@learn.test")
            mail(d, "u@gone.test")
            self.first = self.first or time.time()
            mail(d, "u@down.test", waiting)
            self.is_refused(d, held)
            is_lost(d)
        assert self.b.ctl_run("hold", ids_of(self.b, "down.test")[0]).returncode == 0
        mail(self.c, "u@up.test")
        wait_for(lambda: self.c.metrics().get("queue_full") == 0, 20)
        mail(self.c, "u@down.test")
        self.is_down()
        for d, kept in (self.a, 3), (self.b, 2):
            mail(d, "u@back.test")
            wait_for(lambda d=d, kept=kept: d.metrics().get("vault_messages") == kept, 20)
            d.ctl_run("vault", "purge", d.ctl_json("vault")[0]["id"])
            wait_for(lambda d=d: d.metrics().get("recipients_checks_total", domain="learn.test",
                                                 answer="refused") >= 1, 20)

    def is_refused(self, d, n):
        self.bad.misbehave[:] = ["say-rcpt=" + BLOCKED]
        for i in range(n):
            mail(d, "box%d@bad.test" % i, sender="s%d@sender.test" % i)
        wait_for(lambda: d.metrics().get("breaker_tripped", domain="bad.test") == 1, 20)

    def is_down(self):
        for d in self.a, self.b:
            d.wait_state("back.test", "down")
        wait_for(lambda: self.c.metrics().get("watchdog_state", state="down") == 3, 20)

    def is_back(self):
        self.started = time.time()
        self.back.start()
        for d in self.a, self.b:
            d.wait_state("back.test", "up")
            d.wait_empty("back.test")
            asked = lambda d=d: rcpt(d, "anybody@back.test") and d.metrics().get(  # noqa: E731
                "recipients_catch_all", domain="back.test")
            wait_for(asked, 20, "it is known to take anybody", step=0.3)
        wait_for(lambda: self.c.metrics().get("watchdog_state", state="down") == 2, 20)

    def look(self):
        """What a and b say of themselves now."""
        self.seen = [d.metrics() for d in (self.a, self.b)]

    def said(self, name, **labels):
        return sum(m.sum(name, **labels) for m in self.seen)


    def grew(self, name, **labels):
        """Since it is scraped."""
        return self.said(name, **labels) - sum(m.sum(name, **labels) for m in self.before)

    def most(self, name, **labels):
        return max(m.get(name, **labels) for m in self.seen)

    def up_of(self, name):
        """The least that both know, which moves while it is down."""
        least = min(m.get("primary_availability_ratio", primary=name, window="30d")
                    for m in self.seen)
        return Between(least - 0.2, least + 0.2)

    def waited(self, share_of=1):
        """How long the first message for down.test waits, as of the last scrape."""
        age = time.time() - self.first
        return Between((age - 5) / share_of, (age + 1) / share_of)


def primary(mx):
    return "127.0.0.1:%d" % getattr(mx, "port", mx)


def mail(d, to, n=1, sender="s@sender.test"):
    for _ in range(n):
        send(d.port, "for " + to, sender, [to])


def rcpt(d, to):
    with Raw(d.port) as s:
        s.ok("EHLO client.test")
        s.ok("MAIL FROM:<s@sender.test>")
        reply = s.cmd("RCPT TO:<%s>" % to)
        s.cmd("QUIT")
        return reply


def is_lost(d):
    """A client that is refused once, asks for somebody, and goes away."""
    with Raw(d.port) as s:
        s.ok("EHLO client.test")
        s.ok("MAIL FROM:<s@sender.test>")
        assert s.cmd("RCPT TO:<x@other.test>").startswith("554")
        s.ok("RCPT TO:<bad@learn.test>")


def ids_of(d, domain):
    return [m["id"] for m in d.ctl_json("queue", domain) if "id" in m]


@pytest.fixture(scope="module")
def world(module_stack):
    w = World(module_stack)
    w.prometheus = module_stack.add(
        Prometheus({"mxwatch": [w.address(w.a), w.address(w.b)], "small": [w.address(w.c)]},
                   rules=("mxwatch-recording.yml",)), lambda p: p.close())
    wait_for(lambda: w.prometheus.value("sum(up)") == 3, 20, "all are scraped")
    w.before = [d.metrics() for d in (w.a, w.b)]
    w.lives()
    wait_for(lambda: w.prometheus.query(
        "instance_primary:mxwatch_primary_state_change_timestamp_seconds:down"
        '{primary="%s"}' % primary(w.back)), 20)
    w.is_back()
    return w


# ---- what each panel shows of a and b

class Perhaps(dict):
    """These, and those that may be there: a scrape may have seen their mail."""

    def __init__(self, there, perhaps):
        super().__init__(there)
        self.perhaps = perhaps

    def __eq__(self, got):
        return dict(self) == {k: v for k, v in got.items() if k not in self.perhaps} and all(
            got[k] == v for k, v in self.perhaps.items() if k in got)


class Largest(dict):
    """That many of these."""

    def __init__(self, n, of):
        super().__init__(of)
        self.n = min(n, len(of))

    def __eq__(self, got):
        return len(got) == self.n and all(
            k in self and self[k] == v for k, v in got.items()) and (
            sorted(got.values()) == sorted(self.values())[-self.n:])


def columns(headings, *keys):
    return {(h, k): v for h, values in headings.items() for k, v in zip(keys, values)}


def by_phase(w, name, value):
    phases = {dict(k)["phase"] for k in w.seen[0].match(name)}
    grew = {p: w.grew(name, phase=p) for p in phases}
    return {p: value(n) for p, n in grew.items() if n > 0}


def at_a_glance(w):
    expires = Between(20 * DAY - 90, 20 * DAY)
    return {
        "Daemons down": {"": 0},
        "Primaries down": {"": 2},
        "Domains down": {"": 3},  # of a and b, and by their breakers
        "Breakers tripped": {"": 1},
        "Messages queued": {"": 28},
        "Oldest message": {"": w.waited()},
        "First expires in": {"": expires},
        "New mail": {"": 1},
        "Lifetime used": {"": w.waited(20 * DAY)},
        "Expired": {"": near(2)},
        "Bounced": {"": near(3)},
        "Delivered": {"": near(9)},
        "Accepted": {"": near(42)},
        "Alerts": {"": 4},
        "Alerts not sent": {"": 0},
        "Recording rules": {"": 1},
        "State of the primaries": {**dict.fromkeys(w.up, UP), **dict.fromkeys(w.down, DOWN)},
        "State of the domains": {
            "up.test": UP, "back.test": UP, "learn.test": UP,
            "down.test": DOWN, "gone.test": DOWN, "bad.test": DOWN},
        "Domains with mail": columns({
            "State": (DOWN, DOWN), "Messages": (23, 5), "Oldest": (SOON, w.waited()),
            "Lifetime used": (Between(1e-9, 1e-4), w.waited(20 * DAY)),
            "Expires in": (Between(30 * DAY - 90, 30 * DAY), expires),
            "Stuck for": (0, 0), "Maintenance": (0, 0), "Breaker": (1, 0)},
            "bad.test", "down.test"),
    }


def queue(w):
    waiting = {"bad.test": 23, "down.test": 5}
    empty = dict.fromkeys(("up.test", "learn.test", "back.test", "gone.test"), 0)
    return {
        "Messages by state": {"deferred": 27, "active": 0, "held": 1},
        "Messages by domain": Perhaps(waiting, empty),
        "Age of the oldest message": Perhaps({"bad.test": SOON, "down.test": w.waited()}, empty),
        "Lifetime used by domain": Perhaps(
            {"bad.test": Between(1e-9, 1e-4), "down.test": w.waited(20 * DAY)}, empty),
        "Messages by age": {"up to 1 h": 33, "1 to 12 h": 0, "12 to 24 h": 0, "1 to 3 d": 0,
                            "3 to 5 d": 0, "more": 0},  # with five reports
        "Bytes queued": Perhaps(
            {d: w.said("queue_bytes", domain=d) for d in waiting}, empty),
    }


def delivery(w):
    return {
        "Recipients a second": {
            "delivered": of_rule(9), "bounced": of_rule(3), "expired": of_rule(2),
            "deferred": of_rule(w.said("delivery_recipients_deferred_total"))},
        "Failed attempts by phase": by_phase(w, "delivery_attempts_failed_total", of_rule),
        "Bounces by status": {"5.1": a_second(3)},
        "Breakers by domain": {"bad.test": 1},
        "Refusals not believed": {
            "us": a_second(w.said("delivery_refusals_put_off_total", scope="us"))},
        "Time from acceptance to delivery": {"median": SHORT, "95%": SOON},
        "Flushes that run: messages left": {},
        "Flushes begun": {"recovery": near(2), "failed": 0},
        "Duration of attempts": {"median": SHORT, "95%": SHORT},
    }


def primaries(w):
    names = w.up + w.down
    good, bad, back, learn, nobody, gone = names
    address = {w.address(w.a): w.seen[0], w.address(w.b): w.seen[1]}
    windows = {"%s from %s" % (n, x): m.get("primary_window", primary=n)
               for x, m in address.items() for n in names}
    slow = Between(0.02, 2)
    zeros = [0] * len(names)
    return {
        "Primaries": columns({
            "State": [UP] * 4 + [DOWN] * 2, "Domains": [1] * len(names),
            "Up in 30 days": [w.up_of(n) for n in names],
            "Window": [w.most("primary_window", primary=n) for n in names],
            "Ceiling": zeros, "Connections": [Between(0, 4)] * len(names),
            "Paused": [w.most("primary_paused", primary=n) for n in names],
            "A message takes": [slow, 0, Between(0, 2), Between(0, 2), 0, 0],
            "Messages a connection": zeros, "Recipients a message": zeros,
            "Pause between": zeros, "Findings": [0, 1, 0, 0, 0, 0]}, *names),
        "Window and connections": Windows(5, {n: v for n, v in windows.items() if v > 0}),
        "Connections refused": {nobody: a_second(
            w.grew("primary_connections_refused_total", primary=nobody))},
        "Time for a message": Perhaps(
            {good + ": message": slow, **{n + ": greeting": SHORT for n in w.up}},
            {back + ": message": SHORT, learn + ": message": SHORT}),
        "Probe time by phase": {
            **dict.fromkeys(("connect", "greeting", "ehlo", "starttls", "mail", "rcpt"), SHORT),
            "resolve": 0, "quit": Between(0, 2)},
        # One that was under way when its primary was stopped, too.
        "Failed probes by phase": by_phase(w, "primary_probe_sessions_failed_total", a_second),
        "Slowest probes": dict.fromkeys(names, SHORT),
        "Certificates: time left": {good: Between(89 * DAY, 90 * DAY)},
        "TLS given up": {},
        "Replies late": {},
    }


class Windows(Largest):
    """Those of which most is asked, with their connections; no ceiling is known."""

    def __eq__(self, got):
        of = {k: {n[:-len(k)]: v for n, v in got.items() if n.endswith(k)}
              for k in (": window", ": open", ": ceiling")}
        return super().__eq__(of[": window"]) and of[": ceiling"] == {} and (
            of[": open"] == dict.fromkeys(of[": window"], Between(0, 4)))


def recipients(w):
    a, b = w.address(w.a), w.address(w.b)
    return {
        "Learned": {x: w.said("recipients_learned", known=x) for x in ("good", "bad")},
        "Checks at the primaries": {
            x: a_second(w.said("recipients_checks_total", answer=x))
            for x in ("passed", "refused", "none")},
        "Catch-all": {"domains": 1},  # back.test
        "Entries of lists": {"bad.test": 12},
        "Age of lists": {},
        "Fetches": {"changed": 0, "unchanged": 0, "failed": 0},
        "Domains from elsewhere": {a: 0, b: 0},
        "Domains of mx_backup": {a: 0, b: 0},
        "Decisions of mx_backup": {},
    }


def intake(w):
    a, b = w.address(w.a), w.address(w.b)
    return {
        "Messages accepted a second": {a: of_rule(24), b: of_rule(18)},
        "Messages accepted by domain": {
            "up.test": a_second(8), "down.test": a_second(5), "gone.test": a_second(2),
            "bad.test": a_second(23), "back.test": a_second(2), "learn.test": a_second(2)},
        "Refusals by reason": {"recipient: relay_denied": a_second(2)},
        "Sessions": {a: 0, b: 0, a + ": most": 1000, b + ": most": 1000},
        "Sessions lost by phase": {"rcpt": a_second(2)},
        "Lists in the DNS": {},
    }


def reports(w):
    a, b = w.address(w.a), w.address(w.b)
    size = [m.get("vault_bytes") for m in w.seen]
    assert min(size) > 100
    return {
        "Reports": {"failed": a_second(5), "delayed": 0, "relayed": 0},
        "Reports not sent": {"put off": 0},
        "Reports queued": {a: 3, b: 2},
        "Vault": {a: 2, b: 1},
        "Bytes of the vault": {a: size[0], b: size[1]},
        "Left the vault": {"purge": a_second(2)},
    }


def alerts(w):
    a, b = w.address(w.a), w.address(w.b)
    return {
        "Alerts that fire": {"primary_down": 2, "breaker_tripped": 1, "mail_expired": 1},
        "Notifications": {"hook": a_second(w.grew("notifications_total"))},
        "Notifications waiting by receiver": {"hook of " + a: 0, "hook of " + b: 0},
        "Last heartbeat": {"hc of " + a: Between(0, 10), "hc of " + b: Between(0, 10)},
        "Outages": {x: m.get("outages_open") for x, m in ((a, w.seen[0]), (b, w.seen[1]))},
        "SNMP": {a: 0, b: 0},
    }


def daemon(w):
    a, b = w.address(w.a), w.address(w.b)
    free = near(w.seen[0].get("spool_free_bytes"))
    reserve, most = 1 << 20, w.seen[0].get("process_max_fds")
    return {
        "Time to make mail durable": {"median": SHORT, "99%": SHORT},
        "Free space in the spool": {a: free, b: free, a + ": reserve": reserve,
                                    b + ": reserve": reserve},
        "Loop lag": {a: Between(0, 2), b: Between(0, 2)},
        "CPU": {a: Between(1e-6, 1), b: Between(1e-6, 1)},
        "Memory": {a: near(w.a.rss()), b: near(w.b.rss())},
        "Descriptors": {a: Between(10, 200), b: Between(10, 200), a + ": most": most,
                        b + ": most": most},
        "Lookups that fail": {},
        "Trouble": {"lines of log": 0},
        "Configuration": {a: 1, b: 1},
    }


def cluster(w):
    """They are none."""
    return dict.fromkeys(of_a_cluster("", ""), {})


def of_a_cluster(a, b):
    """What CLUSTER makes of the panels; a and b are where its nodes are scraped."""
    return {
        "Nodes live": {"": 1}, "Nodes missing": {"": 1}, "Engine away for": {"": 30},
        "Synchronous standby": {"": 0}, "Domains without a node": {"": 2},
        "Configurations": {"": 1}, "Mail at one node alone": {"": 7},
        "Oldest at one node alone": {"": 900},
        "Domains by node": {"mx1": 5, "mx2": 3, "none": 2},
        "Nodes that are silent": {"mx1": 4, "mx2": 0.5},
        "Live nodes by who sees them": {a: 2, b: 1},
        "Engine away by node": {a: 0, b: 30},
        "Mail at one node alone by node": {a: 3, b: 4},
        "Domains on their way": {"from " + a: 1, "from " + b: 0, b + " was fenced": 1},
    }


# What two nodes say: the second has lost the engine, and the first.
CLUSTER = [
    {"nodes_live": 2, "nodes_missing": 0, "engine_away_seconds": 0, "synchronous": 1,
     "unowned_domains": 0, "leaving_domains": 1, "fenced": 0, "local_messages": 3,
     "local_oldest_message_age_seconds": 900,
     'node_domains{node="mx1"}': 5, 'node_domains{node="mx2"}': 3,
     'node_silent_seconds{node="mx1"}': 0.1, 'node_silent_seconds{node="mx2"}': 0.5,
     'node_config_differs{node="mx1"}': 0, 'node_config_differs{node="mx2"}': 0},
    {"nodes_live": 1, "nodes_missing": 1, "engine_away_seconds": 30, "synchronous": 0,
     "unowned_domains": 2, "leaving_domains": 0, "fenced": 1, "local_messages": 4,
     "local_oldest_message_age_seconds": 60,
     'node_domains{node="mx1"}': 4, 'node_domains{node="mx2"}': 3,
     'node_silent_seconds{node="mx1"}': 4, 'node_silent_seconds{node="mx2"}': 0,
     'node_config_differs{node="mx1"}': 1, 'node_config_differs{node="mx2"}': 0},
]


def says(stack, series):
    """A server of these metrics: where it is."""
    text = "".join("mxwatch_cluster_%s %g\n" % s for s in series.items()).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def end(s):
        s.shutdown()
        s.server_close()
        thread.join()
    stack.add(server, end)
    return "127.0.0.1:%d" % server.server_port


def test_a_cluster(stack):
    at = [says(stack, series) for series in CLUSTER]
    prometheus = stack.add(Prometheus({"mxwatch": at}, rules=()), lambda p: p.close())
    board = Board(prometheus).choose(job=["mxwatch"])
    row, = (p for p in board.json["panels"] if p["title"] == "Cluster")
    assert row["collapsed"], "who has no cluster does not see it"
    want = of_a_cluster(*at)
    assert {p["title"] for p in row["panels"]} == set(want)

    def right():
        now = time.time()
        for p in row["panels"]:
            assert board.show(p, now) == want[p["title"]], p["title"]
        return True
    wait_for(right, 25, step=0.5)


def of_two(w):
    w.look()
    known = {}
    for part in (at_a_glance, queue, delivery, primaries, recipients, intake, reports, alerts,
                 cluster, daemon):
        known.update(part(w))
    return known


def of_three(w):
    """Of c alone, where all domains are one, what differs from a and b."""
    c = w.address(w.c)
    return {
        "Primaries down": {"": 2}, "Domains down": {"": 2}, "Breakers tripped": {"": 0},
        "Messages queued": {"": 1}, "Delivered": {"": near(1)}, "Accepted": {"": near(2)},
        "New mail": {"": 0}, "Alerts": {"": 3}, "Expired": {"": 0},
        "State of the primaries": {**dict.fromkeys(w.up, UP), **dict.fromkeys(w.down, DOWN)},
        "State of the domains": {"all domains": DOWN},
        "Messages by domain": {"all domains": 1},
        "Age of the oldest message": {"all domains": SOON},
        "Entries of lists": {"all domains": 12},
        "Messages accepted by domain": {"all domains": a_second(2)},
        "Recipients a second": {"delivered": of_rule(1), "deferred": 0, "bounced": 0, "expired": 0},
        "Alerts that fire": {"primary_down": 2, "queue_full": 1},
        "Vault": {c: 0},
    }


def differing(board, expected, now):
    """What is not as it should be, in words."""
    wrong = []
    for p in board.panels():
        if p["title"] not in expected:
            continue
        want, got = expected[p["title"]], board.show(p, now)
        if not want == got:
            wrong.append("%s: %s" % (p["title"], {
                k: (got.get(k), "not", want.get(k)) for k in {*want, *got}
                if k not in want or k not in got or not want[k] == got[k]}))
    return wrong


def agrees(board, expect, deadline=25):
    """Scrapes and rules are a second apart."""
    def right():
        wrong = differing(board, expect(), time.time())
        assert not wrong, "\n".join(wrong)
        return True
    wait_for(right, deadline, step=0.5)


def test_each_panel_shows_what_is(world):
    board = Board(world.prometheus).choose(job=["mxwatch"])
    titles = [p["title"] for p in board.panels()]
    assert set(of_two(world)) == set(titles), "a panel and what it should show belong together"
    agrees(board, lambda: of_two(world))


def test_without_series_of_domains(world):
    """The same panels; none is empty that was not."""
    board = Board(world.prometheus).choose(job=["small"])
    agrees(board, lambda: of_three(world))
    now = time.time()
    of_domain_or_deed = {
        "Breakers by domain", "Refusals not believed", "Failed attempts by phase",
        "Bounces by status", "Connections refused", "Refusals by reason", "Sessions lost by phase",
        "Left the vault"}
    full = {t for t, v in of_two(world).items() if v} - of_domain_or_deed
    assert {p["title"] for p in board.panels() if not board.show(p, now)} & full == set()


def test_one_of_each_is_chosen(world):
    w = world
    board = Board(w.prometheus).choose(
        job=["mxwatch"], instance=[w.address(w.b)], domain=["down.test"],
        primary=[primary(w.nobody)])
    agrees(board, lambda: {
        "Messages queued": {"": 2}, "Domains down": {"": 1}, "Primaries down": {"": 1},
        "Breakers tripped": {"": 0}, "Alerts": {"": 1},
        "First expires in": {"": Between(25 * DAY - 90, 25 * DAY)},
        "State of the primaries": {primary(w.nobody): DOWN},
        "State of the domains": {"down.test": DOWN},
        "Messages by domain": {"down.test": 2},
        "Vault": {w.address(w.b): 1},
    })
    board.choose(job=["mxwatch"], domain=["down.test", "bad.test"], primary=[primary(w.good)])
    agrees(board, lambda: {"Messages queued": {"": 28}, "Primaries down": {"": 0},
                           "State of the domains": {"down.test": DOWN, "bad.test": DOWN}})
    board.choose(job=["mxwatch"], domain=["up.test"])
    agrees(board, lambda: {"Messages queued": {"": 0}, "First expires in": {"": -1},
                           "Domains with mail": {}, "Delivered": {"": near(5)}})
    board.choose()
    agrees(board, lambda: {"Messages queued": {"": 29}, "Daemons down": {"": 0},
                           "New mail": {"": 0}})


def test_variables(world):
    w = world
    board = Board(w.prometheus).choose(job=["mxwatch"])
    assert board.options == {
        "job": ["mxwatch", "small"],
        "instance": sorted([w.address(w.a), w.address(w.b)]),
        "domain": ["back.test", "bad.test", "down.test", "gone.test", "learn.test", "up.test"],
        "primary": sorted(w.up + w.down)}
    board.choose(job=["small"])
    assert board.options["domain"] == [] and board.options["instance"] == [w.address(w.c)]
    assert board.options["primary"] == sorted(w.up + w.down)


@pytest.mark.parametrize("step", [0.25, 5, 60])
def test_annotations_at_any_step(world, step):
    """Steps shorter and longer than the second between two scrapes, as 15 seconds and an
    hour are to a minute. Each is there once and where it happened."""
    w = world
    board = Board(w.prometheus).choose(job=["mxwatch"])
    begun = {x: d.metrics().get("process_start_time_seconds") for x, d in
             ((w.address(w.a), w.a), (w.address(w.b), w.b))}
    last = max(begun.values())
    happened = {
        "Primary down": {**{x + " down": (min(begun.values()), last + 10) for x in w.down},
                         primary(w.back) + " down": (w.stopped, w.started)},
        "Primary up": {primary(w.back) + " up": (w.started, w.started + 15)},
        "Breaker tripped": {"bad.test: the breaker tripped": (w.stopped, w.started)},
        "Daemon started": {x + " started": (t - 1, t + 1) for x, t in begun.items()},
        "Configuration loaded": {x + ": configuration": (t - 1, t + 10) for x, t in begun.items()},
    }
    annotations = board.annotations()
    assert {a["name"] for a in annotations} == set(happened)
    now = time.time()
    for a in annotations:
        events = board.events(a, now, step)
        if a["name"] == "Primary up":  # a slow start finds them up late
            events = {e for e in events if e[1] >= int(w.stopped)}
        assert {text for text, _ in events} == set(happened[a["name"]]), a["name"]
        for text, at in events:
            low, high = happened[a["name"]][text]
            assert low - 1 <= at <= high, (text, at)


def test_each_selector_finds_series_and_obeys_the_variables(world):
    """Where nothing is expected a misspelt name would not be seen, nor would a
    variable that changes nothing here."""
    board = Board(world.prometheus).choose(job=["mxwatch"])
    obeys = {label: '%s=~"$%s"' % (label, label)
             for label in ("job", "instance", "domain", "primary")}
    selectors = {s for _, q in board.expressions()
                 for s in re.findall(r"[a-z_:0-9]+\{[^{}]*\}", q)}
    assert len(selectors) > 80
    with open(os.path.join(TOP, "watchd", "status", "metrics.def")) as f:
        table = f.read()
    for s in selectors:
        scopes = [x for prefix, x in OPTIONAL.items() if s.startswith(prefix)]
        if scopes:
            name = s.partition("{")[0][len("mxwatch_"):]
            assert any("METRIC(%s, %s," % (x, name) in table for x in scopes[0]), s
            continue
        found = world.prometheus.query(board.filled(s))
        assert found, s
        assert all(text in s for label, text in obeys.items() if label in found[0]["metric"]), s


def test_a_daemon_that_is_gone(world):
    board = Board(world.prometheus).choose(job=["small"])
    world.c.stop()
    agrees(board, lambda: {"Daemons down": {"": 1}, "Domains down": {},
                           "Alerts": {}, "Alerts not sent": {}, "First expires in": {}})


# ---- the file

def boxes(panels):
    for p in panels:
        yield p["gridPos"]


def overlap(a, b):
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and
            a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def test_panels_lie_beside_each_other():
    """Those of a folded row when it is open, too."""
    board = Board().json
    for panels in [board["panels"]] + [p["panels"] for p in board["panels"] if p["type"] == "row"]:
        at = list(boxes(panels))
        assert all(0 <= g["x"] and g["x"] + g["w"] <= 24 for g in at)
        assert not [1 for i, g in enumerate(at) for h in at[:i] if overlap(g, h)]


def test_panels_are_complete():
    board = Board()
    panels = list(board.panels())
    ids = [p["id"] for p in panels + board.json["panels"] if p["type"] != "row"]
    titles = [p["title"] for p in panels]
    assert len(titles) == len(set(titles)) and len(set(ids)) == len(panels)
    for p in panels:
        assert len(p["description"]) > 20 and p["description"].endswith("."), p["title"]
        assert p["fieldConfig"]["defaults"]["unit"], p["title"]
        assert p["targets"] and all(t["legendFormat"] for t in p["targets"]
                                    if p["type"] != "table"), p["title"]
    variables = [v["name"] for v in board.json["templating"]["list"]]
    for p, t in ((p, t) for p in panels for t in p["targets"]):
        quantile = re.match(r"histogram_quantile\((.*?),", t["expr"])
        assert not quantile or QUANTILES[quantile[1]] == t["legendFormat"], p["title"]
        # Two scrapes fit into $__rate_interval at any interval up to two minutes.
        assert 4 * seconds(t["interval"]) >= 2 * 120, p["title"]
        is_rate = "rate(" in t["expr"] or ":rate5m" in t["expr"]
        assert is_rate or p["fieldConfig"]["defaults"]["unit"] != "cps", p["title"]
    assert [w for w, q in board.expressions() if "bottomk" in q] == ["Certificates: time left"]
    assert variables == ["datasource", "job", "instance", "domain", "primary"]
    for where, q in board.expressions():
        assert 'job=~"$job",instance=~"$instance"' in q or "state:code) >" in q, where


def test_states_are_never_added_up():
    """A coded state of two daemons is the worst of both (REPORTS G)."""
    for where, q in Board().expressions():
        assert not re.search(r"\b(sum|avg)\b[^(]*\((?:[^()]*\()?[a-z_]+:[a-z_]+:code", q), where


def test_it_is_what_grafana_takes():
    r = subprocess.run([os.path.join(TOP, "tests/tools/grafana")], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode == 77:
        pytest.skip(r.stderr.strip())
    assert r.returncode == 0, r.stdout
