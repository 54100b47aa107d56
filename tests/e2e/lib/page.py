# SPDX-License-Identifier: ISC
"""A made-up installation for the status page, to see what a test cannot wait for, and a
server that has the page of the build with it."""
import http.server
import json
import math
import os
import threading
import time
import urllib.parse

from .net import free_port

BUILD = os.path.abspath(os.environ.get("MXWATCH_BUILD", "build/san"))
PAGE = os.path.join(BUILD, "exporters", "page", "page.html")
DAY = 86400
PHASES = dict(resolve=.002, connect=.021, greeting=.03, ehlo=.022, starttls=.06, mail=.01,
              rcpt=.012, quit=.008)
REFUSED = "connect: connection refused"
# Whose domains are down, and how many of them.
HOSTERS = (("mx1.hoster-a.example:25", 20), ("mx1.hoster-b.example:25", 8),
           ("mx.small.example:25", 2))


SHOTS = os.environ.get("SHOTS")  # a folder for screenshots


def shot(b, name):
    if SHOTS:
        b.screenshot(os.path.join(SHOTS, name + ".png"))


def no_overflow(b):
    # not of the window: that of a phone widens with what is too wide
    return b.run("return document.documentElement.scrollWidth <="
                 " document.documentElement.clientWidth;")


def hoster(i):
    """The primary that is to blame for the i-th domain that is down."""
    i %= 30
    for name, n in HOSTERS:
        if i < n:
            return name
        i -= n
    raise AssertionError


def primary(name, down, now):
    seconds = dict.fromkeys(PHASES, 0) if down else dict(PHASES)
    if down:
        seconds.update(resolve=.002, connect=.021)
    return {"primary": name, "priority": 10, "probed": True, "healthy": not down,
            "code": 0 if down else 250, "failed_phase": "connect" if down else None,
            "phase_seconds": seconds, "probe_seconds": sum(seconds.values()),
            "text": "connection refused" if down else "250 2.1.5 Ok", "probes": 9000,
            "failures": 40, "last_run": now - 12,
            "last_success": now - 90000 if down else now - 12,
            "cert_not_after": now + 40 * DAY}


def domain(i, now, **over):
    """Of ten one is down; of fifty one is being flushed."""
    down, flushing = i % 10 == 7, i % 50 == 9
    n = 1200 + i if down else 800 if flushing else 0
    # of the second hoster some expire today
    age = 29.4 * DAY if down and hoster(i // 10) == HOSTERS[1][0] else i * 7919 % (20 * DAY)
    age = age if down else 5000
    labels = [hoster(i // 10)] if down else ["mx%d.domain%04d.example.org:25" % (k, i)
                                            for k in (1, 2)]
    d = {"domain": "domain%04d.example.org" % i, "configured": True,
         "state": "down" if down else "recovering" if flushing else "up",
         "state_since": now - DAY - i * 60, "cause": REFUSED if down else "",
         "queue": {"messages": n, "active": 0, "deferred": n, "held": 0, "recipients": n * 2,
                   "bytes": n * 40000, "oldest": now - age if n else None,
                   "oldest_age_seconds": age if n else 0, "lifetime_seconds": 30 * DAY,
                   "lifetime_used_ratio": age / (30 * DAY) if n else 0,
                   "next_expiry": now + 30 * DAY - age if n else None, "next_try": None,
                   "on_hold": False},
         "flush": None,
         "counters": {"accepted_messages": 5000, "accepted_recipients": 5000,
                      "accepted_bytes": 10 ** 9, "attempts": 5000, "attempts_failed": 3,
                      "delivered": 4000, "deferred": 10, "bounced": 3, "expired": 0},
         "primaries": [primary(name, down, now) for name in labels]}
    if flushing:
        d["flush"] = {"running": True, "trigger": "recovery", "start": now - 60, "end": None,
                      "total": 2000, "remaining": 800, "delivered": 1200, "deferred": 0,
                      "failed": 0, "rate": 20, "eta_seconds": 40, "complete": False}
    d.update(over)
    return d


def alert(kind, severity, now, **over):
    return dict({"alert": kind, "domain": "", "list": "", "primary": "", "severity": severity,
                 "state": "firing", "silenced": False, "held": False, "since": now - 4000,
                 "summary": "its summary"}, **over)


def alerts_of(domains, now):
    out = []
    for d in domains:
        if d["state"] == "down":
            out.append(alert("primary_down", "critical", now, domain=d["domain"],
                             primary=d["primaries"][0]["primary"], summary=REFUSED,
                             silenced=d["primaries"][0]["primary"] == HOSTERS[2][0]))
    return out


def document(n, **over):
    """Brief and full at once: what is brief has these names, and less of them."""
    now = int(time.time())
    domains = [domain(i, now) for i in range(n)]
    servers = {}
    for d in domains:
        for p in d["primaries"]:
            s = servers.setdefault(p["primary"], {
                "primary": p["primary"], "domains": 0, "known_since": now - 20 * DAY,
                "reach": "up" if p["healthy"] else "down", "availability_30d": .9958,
                "reach_since": now - 2 * DAY, "cause": "" if p["healthy"] else REFUSED,
                "availability_365d": .99})
            s["domains"] += 1
    s = {"version": "1.2.3", "hostname": "mx2.example.net", "time": now, "started": now - 9e5,
         "ready": True, "not_ready": "",
         "spool": {"state": "ok", "accepting": True, "free_bytes": 2e11, "free_inodes": 1e6,
                   "reserve_bytes": 1e8},
         "reports": {"messages": 3, "bytes": 9000, "oldest": now - 7000},
         "vault": {"messages": 0, "bytes": 0, "oldest": None},
         "smtpd": {"sessions": 12, "connections": 4000}, "delivery": {"connections": 8},
         "config": {"reload_ok": True, "loaded": now - 9e5},
         "clock": {"doubted": False, "believed_in_seconds": 0},
         "primaries": list(servers.values()), "domains": domains, "receivers": [],
         "cluster": None, "alerts": alerts_of(domains, now)}
    s.update(over)
    return s


def history(names, points=288):
    """Of those domains, or of so many; the last seven of ten points are down."""
    if isinstance(names, int):
        names = ["domain%04d.example.org" % i for i in range(names)]
    out = []
    for i, name in enumerate(names):
        down = name[6:].split(".")[0].endswith("7")
        out.append({"domain": name,
                    "depth": [max(0, (k - points // 3) * 6) if down else 0
                              for k in range(points)],
                    "probe_ms": [int(150 + 60 * math.sin(k / 20 + i)) + (900 if k % 97 == 0 else 0)
                                 for k in range(points)],
                    "state": "u" * (points // 3) + "d" * (points - points // 3)
                             if down else "u" * points})
    return {"time": time.time(), "step_seconds": 300, "points": 288,
            "last": int(time.time()) // 300 * 300, "domains": out}


def why(d):
    return {"subject": d["domain"], "kind": "domain", "domain": d, "messages": [], "rcpt": None,
            "verdicts": [], "explain": [
                "%s is %s." % (d["domain"], d.get("state")),
                "What is queued goes when its primary is back, or by `mxwatchctl flush %s`."
                % d["domain"]]}


def queued(d):
    q = d.get("queue")
    return q.get("messages", 0) if isinstance(q, dict) else 0


def ages(d):
    n = queued(d)
    return {"domain": d["domain"], "ages": [
        {"le": le, "messages": n // 4 if le in (3600, DAY, 10 * DAY, None) else 0}
        for le in (60, 300, 900, 3600, 14400, 43200, DAY, 2 * DAY, 3 * DAY, 5 * DAY, 10 * DAY,
                   20 * DAY, 30 * DAY, None)]}


def messages(d, after, page=50):
    first = int(after, 16) if after else 0
    n = queued(d)
    now = time.time()
    return {"domain": d["domain"], "next": "%X" % (first + page) if first + page < n else None,
            "messages": [
                {"id": "%X" % (i + 1), "domain": d["domain"], "sender": "s%d@sender.example" % i,
                 "state": "deferred", "size": 40000, "arrival": now - 5000, "attempts": 3,
                 "expiry": now + 3000, "dsn": False, "damaged": False, "recipients": 2,
                 "rcpts": [{"address": "u@" + d["domain"], "state": "pending", "reply": ""}]}
                for i in range(first, min(n, first + page))]}


class Api:
    """Serves the page with documents of a test, which may change them as it goes on."""

    def __init__(self, status, past=None, outages=None):
        api = self
        self.status, self.past = status, past
        self.outages = outages or {"outages": [], "next": None}
        self.asked = []  # paths with their queries
        self.down = False
        self.silent = []  # nodes without an answer about mail
        self.refused = False  # envelopes are not for everybody

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                api.asked.append(self.path)
                if url.path == "/":
                    with open(PAGE, "rb") as f:
                        code, body, kind = 200, f.read(), "text/html; charset=utf-8"
                else:
                    code, answer = api.answer(url.path, urllib.parse.parse_qs(url.query))
                    body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
                    kind = "application/json"
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass
        self.port = free_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/" % self.port

    def answer(self, path, query):
        name = query.get("domain", [""])[0]
        d = next((x for x in self.status["domains"] if isinstance(x, dict)
                  and x.get("domain") == name), None)
        if self.down:
            return 503, "down"
        if path == "/api/v1/status":
            self.status["time"] = time.time()
            return 200, self.status
        if path == "/api/v1/history":
            points = self.past if isinstance(self.past, int) else 288
            return 200, history(query.get("domain", []), points)
        if path == "/api/v1/outages":
            return 200, self.outages
        if d is None:
            return 404, "no such domain"
        if path == "/api/v1/why":
            return 200, why(d)
        if self.silent and d.get("owner") in self.silent:
            return 503, "node %s, which has %s, did not answer" % (d["owner"], name)
        if path == "/api/v1/ages":
            return 200, dict(ages(d), silent=self.silent)
        if self.refused:
            return 403, "senders and recipients are shown with `envelopes`"
        return 200, dict(messages(d, query.get("after", [""])[0]), silent=self.silent)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()
