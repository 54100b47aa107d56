# SPDX-License-Identifier: ISC
"""The status page in Chromium: an outage and its end as a person sees them,
with the keyboard, on a phone, in the dark, and with hostile texts. SHOTS
names a folder for the screenshots."""
import http.server
import json
import math
import os
import threading
import time

import pytest

from lib import browser
from lib.net import free_port
from lib.smtp import send
from lib.wait import wait_for

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))
SHOTS = os.environ.get("SHOTS")
PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "exporters", "page", "index.html")
TAB, ENTER, SPACE = "\ue004", "\ue007", " "
HOSTILE = '<script>window.pwned=1</script><img src=x onerror="window.pwned=2">'


@pytest.fixture(scope="module")
def chrome():
    b = browser.Browser()
    yield b
    b.close()


def shot(b, name):
    if SHOTS:
        b.screenshot(os.path.join(SHOTS, name + ".png"))


def row(b, domain):
    return b.run("const r = [...document.querySelectorAll('tr.row')].find(r =>"
                 " r.querySelector('.name').textContent === arguments[0]);"
                 "return r ? r.innerText.replaceAll('\u00A0', ' ') : '';", domain)


def wait_row(b, domain, *parts):
    def there():
        got = row(b, domain)
        for p in parts:
            assert p in got, got
        return got
    return wait_for(there, 15, "the row of %s" % domain, step=0.1)


def no_overflow(b):
    return b.run("return document.documentElement.scrollWidth <= window.innerWidth;")


def test_an_outage_and_its_end(stack, chrome):
    up, mx = stack.fakemx(), stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port,
                        "fine.test": 'primary = {"127.0.0.1:%d"}' % up.port})
    for name in ("a.test", "fine.test"):
        d.wait_state(name, "up")
    chrome.emulate(1400, 900)
    chrome.go("http://127.0.0.1:%d/" % d.web_port)
    chrome.wait_text("#summary", "All is well")
    wait_row(chrome, "a.test", "up", "empty", "127.0.0.1:%d" % mx.port, " ms")
    assert chrome.text("#title") == "mxwatch mx2.backup.test"

    mx.stop()
    d.wait_state("a.test", "down")
    for i in range(5):
        send(d.port, "m%d" % i)
    chrome.wait_text("#summary", "1\u00a0domain is down")
    wait_row(chrome, "a.test", "down for", "5 messages", "5 recipients", "of 30 d",
             "first expires in 29 d", "failed at connect")
    assert chrome.text("tr.row .name") == "a.test", "the urgent one is first"
    assert chrome.run("return document.title;").startswith("(1 down)")
    assert chrome.run("return document.querySelector('[role=meter]').getAttribute('aria-valuenow')") == "0"
    assert chrome.run("return document.querySelectorAll('tr.down .bar .b1').length") == 1
    shot(chrome, "outage")

    mx.start()
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    chrome.wait_text("#summary", "All is well")
    wait_row(chrome, "a.test", "up for", "empty", "last flush")
    wait_for(lambda: "draining" not in chrome.text("#events") and "5 messages taken" in
             chrome.text("#events").replace("\u00a0", " "), 30, "the outage is on the page")
    assert chrome.text("#outages-title") == "2\u00a0outages"
    lanes = chrome.run("return [...document.querySelectorAll('svg.time')].map(s =>"
                       " s.getAttribute('aria-label')).join('|')")
    assert "127.0.0.1:%d: 1\u00a0outage, down for" % mx.port in lanes
    assert "127.0.0.1:%d: no outage" % up.port in lanes
    chrome.go("http://127.0.0.1:%d/" % d.web_port)  # the history is asked for twice a minute
    wait_for(lambda: chrome.run("return document.querySelectorAll('svg.spark').length") == 2)
    assert "Last day: up to 5\u00a0messages" in chrome.run(
        "return [...document.querySelectorAll('svg.spark')].map(s =>"
        " s.getAttribute('aria-label')).join('|')")
    assert chrome.errors() == []
    shot(chrome, "recovered")


def test_the_daemon_stops_and_the_page_says_so(stack, chrome):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'})
    chrome.go("http://127.0.0.1:%d/" % d.web_port)
    chrome.wait_text("#rows", "a.test")
    d.stop()
    chrome.wait_text("#trouble", "does not answer")
    assert "not live" in chrome.text("#fresh")
    d.start()
    wait_for(lambda: chrome.text("#trouble") == "", 20, "live again")
    chrome.errors()  # the refused connections are in the console


def test_hostile_banner_stays_text(stack, chrome):
    """What a primary says is shown, and is nothing but text."""
    class Evil(threading.Thread):
        def __init__(self):
            super().__init__(daemon=True)
            import socket
            self.s = socket.create_server(("127.0.0.1", free_port()))

        def run(self):
            while True:
                try:
                    c, _ = self.s.accept()
                except OSError:
                    return
                with c:
                    c.sendall(b"554 " + HOSTILE.encode() + b"\x1b[2J\xff\r\n")
    evil = Evil()
    evil.start()
    try:
        d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % evil.s.getsockname()[1]})
        chrome.go("http://127.0.0.1:%d/" % d.web_port)
        wait_row(chrome, "a.test", "<script>window.pwned=1</script>")
        chrome.run("document.querySelector('.name').click()")
        chrome.wait_text(".detail", "<img src=x")
        assert chrome.run("return window.pwned === undefined"
                          " && document.images.length === 0"
                          " && document.scripts.length === 1;")
        assert chrome.errors() == []
    finally:
        evil.s.close()


# ---- a made-up installation, to see what a test cannot wait for

def domain(i, now, **over):
    down, flushing = i % 50 == 7, i % 50 == 9
    n = 1200 + i if down else 800 if flushing else 0
    oldest = (i * 7919) % (29 * 86400) if down else 5000
    seconds = dict(resolve=.002, connect=.021, greeting=.03, ehlo=.022, starttls=.06,
                   mail=.01, rcpt=.012, quit=.008)
    d = {"domain": "domain%04d.example.org" % i, "configured": True,
         "state": "down" if down else "recovering" if flushing else "up",
         "state_since": now - 86400 - i * 60, "cause": "connection refused" if down else "",
         "queue": {"messages": n, "active": 0, "deferred": n, "held": 0, "recipients": n * 2,
                   "bytes": n * 40000, "oldest": now - oldest if n else None,
                   "oldest_age_seconds": oldest if n else 0, "lifetime_seconds": 30 * 86400,
                   "next_expiry": now + 30 * 86400 - oldest if n else None, "next_try": None,
                   "on_hold": False},
         "flush": None,
         "counters": {"accepted_messages": 5000, "accepted_recipients": 5000,
                      "accepted_bytes": 10 ** 9, "attempts": 5000, "attempts_failed": 3,
                      "delivered": 4000, "deferred": 10, "bounced": 3 if i % 5 else 0,
                      "expired": 2 if i == 57 else 0},
         "primaries": [{"primary": "mx%d.domain%04d.example.org:25" % (k, i), "priority": 10 * k,
                        "probed": True, "healthy": not down, "code": 0 if down else 250,
                        "failed_phase": "connect" if down else None,
                        "phase_seconds": dict(seconds, **({} if not down else dict.fromkeys(
                            ("greeting", "ehlo", "starttls", "mail", "rcpt", "quit"), 0))),
                        "text": "connection refused" if down else "250 2.1.5 Ok",
                        "probes": 9000, "failures": 40, "last_run": now - 12,
                        "last_success": now - 90000 if down else now - 12,
                        "cert_not_after": now + 40 * 86400} for k in (1, 2)]}
    if flushing:
        d["flush"] = {"running": True, "trigger": "recovery", "start": now - 60, "end": None,
                      "total": 2000, "remaining": 800, "delivered": 1200, "deferred": 0,
                      "failed": 0, "rate": 20, "eta_seconds": 40, "complete": False}
    d.update(over)
    return d


def document(n, **over):
    now = int(time.time())
    s = {"version": "1.2.3", "hostname": "mx2.example.net", "time": now, "started": now - 9e5,
         "ready": True, "not_ready": "",
         "spool": {"state": "ok", "accepting": True, "free_bytes": 2e11, "free_inodes": 1e6,
                   "reserve_bytes": 1e8},
         "smtpd": {"sessions": 12, "connections": 4000}, "delivery": {"connections": 8},
         "config": {"reload_ok": True, "loaded": now - 9e5},
         "clock": {"doubted": False, "believed_in_seconds": 0},
         "domains": [domain(i, now) for i in range(n)],
         "alerts": [{"alert": "queue_age", "domain": "domain0007.example.org",
                     "severity": "critical", "state": "firing", "since": now - 4000,
                     "summary": "oldest message past 80% of its lifetime"},
                    {"alert": "primary_down", "domain": "domain0057.example.org",
                     "severity": "warning", "state": "firing", "since": now - 90000,
                     "summary": "connection refused"}]}
    s.update(over)
    return s


def history(n):
    out = []
    for i in range(n):
        down = i % 50 == 7
        out.append({"domain": "domain%04d.example.org" % i,
                    "depth": [max(0, (k - 100) * 6) if down else 0 for k in range(288)],
                    "probe_ms": [int(150 + 60 * math.sin(k / 20 + i)) + (900 if k % 97 == 0 else 0)
                                 for k in range(288)],
                    "state": "u" * 100 + "s" + "d" * 187 if down else "u" * 288})
    return {"time": time.time(), "step_seconds": 300, "points": 288,
            "last": int(time.time()) // 300 * 300, "domains": out}


class Api:
    """Serves the page of the tree with documents of a test."""

    def __init__(self, status, past=None, outages=None):
        api = self
        self.documents = {"/api/v1/status": status, "/api/v1/history": past or history(0),
                          "/api/v1/outages": outages or {"outages": [], "next": None}}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/":
                    with open(PAGE, "rb") as f:
                        body, kind = f.read(), "text/html; charset=utf-8"
                else:
                    body = json.dumps(api.documents[self.path.split("?")[0]]).encode()
                    kind = "application/json"
                self.send_response(200)
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

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()


def test_a_thousand_domains(chrome):
    with Api(document(1000), history(1000)) as api:
        chrome.emulate(1400, 1000)
        chrome.go(api.url)
        chrome.wait_text("#summary", "20\u00a0domains are down")
        count = "return document.querySelectorAll('tr.row').length"
        assert chrome.run(count) == 100
        assert "down" in chrome.text("tr.row .state")
        assert chrome.text("#tiles li .n").startswith("960 of 1")
        assert "critical: queue_age" in chrome.text("#alerts")
        wait_for(lambda: chrome.run("return document.querySelectorAll('svg.spark').length") == 100)
        took = chrome.run("const b = performance.now(); document.getElementById('order')"
                          ".dispatchEvent(new Event('change')); return performance.now() - b;")
        assert took < 5000, "%d ms to draw" % took
        chrome.run("window.scrollTo(0, 0)")
        shot(chrome, "thousand")
        chrome.run("const f = document.getElementById('filter'); f.value = 'domain0123';"
                   "f.dispatchEvent(new Event('input'));")
        assert chrome.run(count) == 1 and "1 of 1\u202f000" in chrome.text("#domains-title")
        chrome.run("const f = document.getElementById('filter'); f.value = 'nothing such';"
                   "f.dispatchEvent(new Event('input'));")
        assert "No domain fits" in chrome.text("#domains")
        chrome.run("const f = document.getElementById('filter'); f.value = '';"
                   "f.dispatchEvent(new Event('input'));"
                   "document.getElementById('attention').click();")
        assert chrome.run(count) == 40
        chrome.run("document.getElementById('attention').click();"
                   "document.getElementById('more').click()")
        assert chrome.run(count) == 200
        assert chrome.errors() == []


def test_a_server_that_stumbled(chrome):
    """Why a long way to a primary is not filled, with it in the open row."""
    s = document(2)
    off = s["time"] + 20 * 3600
    # the first primary of the one, the second of the other
    s["domains"][0]["primaries"][0]["delivery"] = {"chunking_off_until": off, "alone": True}
    s["domains"][1]["primaries"][0]["delivery"] = {"chunking_off_until": None, "alone": False}
    s["domains"][1]["primaries"][1]["delivery"] = {"chunking_off_until": None, "alone": True}
    with Api(s) as api:
        chrome.emulate(1400, 900)
        chrome.go(api.url)
        chrome.wait_text("#rows", "domain0001")
        chrome.run("document.querySelectorAll('.name').forEach(e => e.click())")
        told = chrome.run("return [...document.querySelectorAll('.primary')].map(e => e.innerText)")
        until = chrome.run("return new Date(arguments[0] * 1000).toLocaleString(undefined,"
                           " {dateStyle: 'medium', timeStyle: 'short'})", off)
        assert len(told) == 4
        assert ["stumbled over BDAT" in t for t in told] == [True, False, False, False], told
        assert "one message at a time, until %s" % until in told[0]
        assert ["for a minute" in t for t in told] == [False, False, False, True], told
        assert no_overflow(chrome)
        chrome.run("document.querySelector('.primary').scrollIntoView()")
        shot(chrome, "stumbled")
        chrome.emulate(390, 800)
        assert no_overflow(chrome)
        shot(chrome, "stumbled-phone")
        assert chrome.errors() == []


def test_a_cluster(chrome):
    """The nodes, whose a domain is, what each of them sees, and what is wrong."""
    s = document(3)
    owners = ["mx2", HOSTILE, ""]
    for d, owner in zip(s["domains"], owners):
        d.update(owner=owner, ours=owner == "mx2", local_messages=7 if owner == "mx2" else 0,
                 verdicts=[{"node": "mx2", "state": "down", "since": s["time"] - 60,
                            "cause": HOSTILE},
                           {"node": "mx3", "state": "up", "since": s["time"] - 600, "cause": ""}])
    node = {"state": "live", "us": False, "up": True, "silent_seconds": 0.2, "domains": 1,
            "version": "1.0", "hostname": "", "config_differs": False}
    s["cluster"] = {
        "node": "mx2", "left": False, "fenced": False,
        "engine": {"away_since": None, "synchronous": False, "require_sync": True},
        "local": {"messages": 7, "oldest": s["time"] - 60}, "live": 2, "missing": 1,
        "domains": {"all": 3, "ours": 1, "unowned": 1, "leaving": 0},
        "nodes": [dict(node, node="mx2", us=True), dict(node, node="mx3", config_differs=True),
                  dict(node, node=HOSTILE, state="dead", up=False, silent_seconds=31)]}
    with Api(s) as api:
        chrome.emulate(1400, 900)
        chrome.go(api.url)
        chrome.wait_text("#cluster-title", "2 of 3\u00a0nodes")
        assert "This is mx2. It has 1 of 3\u00a0domains; 1 without a node" in \
            chrome.text("#cluster-text")
        nodes = chrome.run("return [...document.querySelectorAll('#node-list li')]"
                           ".map(e => e.innerText)")
        assert nodes[0] == "mx2 (this node) live, 1\u00a0domain, 1.0"
        assert nodes[1].endswith("ANOTHER CONFIGURATION")
        assert nodes[2] == HOSTILE + " dead, 1\u00a0domain, silent for 31 s, 1.0"
        told = chrome.text("#trouble")
        assert "no synchronous standby" in told and "spool of this node alone" in told
        rows = chrome.run("return [...document.querySelectorAll('tr.row th')]"
                          ".map(e => e.innerText)")
        for name, said in zip(("0000", "0001", "0002"),
                              ("mail at mx2 (this node)", "mail at " + HOSTILE,
                               "no node has its mail")):
            assert [said in r for r in rows if name in r] == [True], rows
        chrome.run("[...document.querySelectorAll('.name')].find(e => "
                   "e.innerText.includes('0000')).click()")
        detail = chrome.text(".detail")
        assert "mx2 sees" in detail and HOSTILE in detail and "mx3 sees" in detail
        assert "In the spool of this node\n7\u00a0messages" in detail
        assert no_overflow(chrome)
        shot(chrome, "cluster")
        chrome.emulate(390, 800)
        assert no_overflow(chrome)
        s["cluster"]["engine"]["away_since"] = s["time"] - 90
        s["cluster"]["local"]["messages"] = 0
        wait_for(lambda: "the engine is away since" in chrome.text("#trouble").lower())
        assert "standby" not in chrome.text("#trouble")
        s["cluster"] = None
        wait_for(lambda: chrome.run("return document.getElementById('cluster').hidden"))
        assert chrome.errors() == []


def test_a_link_opens_a_domain(chrome):
    """As alerts have it: first in the list and open, whatever else is more urgent; a
    primary's shows what it has."""
    with Api(document(1000), history(1000)) as api:
        chrome.emulate(1400, 900)
        chrome.go(api.url + "#domain0123.example.org")
        chrome.wait_text(".detail", "Accepted since the start")
        assert chrome.text("tr.row .name") == "domain0123.example.org"
        assert chrome.focus() == "domain0123.example.org"
        assert chrome.run("return document.querySelector('tr.row .name')"
                          ".getAttribute('aria-expanded')") == "true"
        chrome.run("location.hash = '#domain0124.example.org'")
        wait_for(lambda: chrome.text("tr.row .name") == "domain0124.example.org")
        assert "1 of 1\u202f000" in chrome.text("#domains-title")
        # what is no domain is looked for
        chrome.run("location.hash = '#domain000'")
        wait_for(lambda: "10 of 1\u202f000" in chrome.text("#domains-title"))
        # hostile, or of the page itself: nothing
        for what in ("#%E0%A4%A", "#<img src=x onerror=window.pwned=1>", "#domains", "#"):
            chrome.run("location.hash = arguments[0]", what)
        chrome.run("location.hash = '#domain0125.example.org'")
        wait_for(lambda: chrome.text("tr.row .name") == "domain0125.example.org")
        assert chrome.run("return window.pwned") is None
        assert chrome.errors() == []


def record(i, kind, name, failed, **over):
    o = {"id": i, "kind": kind, "name": name, "state": "over", "primary": "", "part_of": None,
         "gone": False, "phase": "connect", "reply": "connect: Connection refused",
         "seen": "probe", "failed": failed, "detected": failed + 60, "recovered": failed + 7200,
         "first_delivery": failed + 7201, "drained": failed + 9000, "down_seconds": 7200,
         "detected_after_seconds": 60, "drain_seconds": 1800, "unwatched_seconds": 0,
         "maintenance_seconds": 0, "flaps": 2, "domains": 12, "recorded": 3, "unrecorded": 0,
         "accepted": 1234, "refused": 0, "delivered": 1230, "returned": 3, "expired": 1,
         "depth": 1200, "age_seconds": 7100, "peak_rate": 12.5, "marks_lost": 0, "marks": [
             {"at": failed + 61, "what": "told", "who": "pager", "text": "primary_down, trigger"},
             {"at": failed + 90, "what": "operator", "who": "uid 0", "text": HOSTILE}]}
    o.update(over)
    return o


def record_of_outages(now):
    day = 86400
    known = dict(known_since=now - 20 * day, availability_30d=.9958, availability_365d=.99)
    primaries = [dict(known, primary="mx%d.hoster.example:25" % i) for i in range(3)]
    primaries.append(dict(primary="new.example:25", known_since=None, availability_30d=None,
                          availability_365d=None))
    return primaries, {"next": None, "outages": [
        record(9, "primary", "mx1.hoster.example:25", now - 3600, state="down", recovered=None,
               first_delivery=None, drained=None, down_seconds=5, flaps=0),
        record(8, "daemon", "mxwatchd", now - 5 * day, recovered=now - 4 * day,
               unwatched_seconds=day, marks=[]),
        record(7, "domain", "a.example", now - 10 * day, primary="mx0.hoster.example:25"),
        record(6, "primary", "mx0.hoster.example:25", now - 10 * day, recovered=now - 9 * day,
               drained=now - 8 * day),
        record(5, "primary", "mx0.hoster.example:25", now - 15 * day, recovered=now - 14 * day,
               down_seconds=day, maintenance_seconds=day),
        record(4, "primary", "mx0.hoster.example:25", now - 300 * day)]}


def test_the_record_of_a_cluster(chrome):
    """Which nodes saw it; what others saw up meanwhile was not down, nor is a time in which
    others watched one of which nothing is known."""
    now, day = int(time.time()), 86400
    name = "mx0.hoster.example:25"
    outages = {"next": None, "outages": [
        record(130, "primary", name, now - 3600, state="down", recovered=None, drained=None,
               first_delivery=None, down_seconds=1800, nodes=["mx1", HOSTILE], flaps=0),
        record(97, "daemon", "mxwatchd", now - 5 * day, recovered=now - 4 * day,
               unwatched_seconds=0, marks=[], nodes=["mx2"]),
        record(65, "primary", name, now - 9 * day, recovered=now - 8 * day, drained=now - 8 * day,
               down_seconds=0, nodes=["mx1"])]}
    known = dict(known_since=now - 20 * day, availability_30d=1, availability_365d=1)
    with Api(document(1, primaries=[dict(known, primary=name)]), history(1), outages) as api:
        chrome.go(api.url)
        chrome.wait_text("#events", "mx0.hoster.example:25 is down")
        assert chrome.run("return [...document.querySelectorAll('.lane rect')].map("
                          "r => r.getAttribute('class')).join(',');") == "known,down,partly"
        assert "down for 30 min" in chrome.run(
            "return document.querySelector('.lane svg').getAttribute('aria-label');").replace(
                "\u00a0", " ")
        events = chrome.text("#events").replace("\u00a0", " ")
        assert "seen by mx1, " + HOSTILE in events and "seen by mx1" in events
        assert "mxwatchd of mx2 did not run" in events and "others watched" in events
        assert chrome.run("return window.pwned === undefined && document.images.length === 0;")
        assert chrome.errors() == []


def test_the_record_of_outages(chrome):
    now = int(time.time())
    primaries, outages = record_of_outages(now)
    with Api(document(3, primaries=primaries), history(3), outages) as api:
        chrome.emulate(1400, 1000, True)
        chrome.go(api.url)
        chrome.wait_text("#events", "mx1.hoster.example:25 is down")
        lanes = chrome.run("return [...document.querySelectorAll('.lane')].map(l =>"
                           " l.querySelector('.who').textContent + ' ' +"
                           " l.querySelector('svg').getAttribute('aria-label') + ' ' +"
                           " l.querySelector('.ratio').textContent + ' ' +"
                           " [...l.querySelectorAll('rect')].map(r =>"
                           " r.getAttribute('class')).join(','));")
        lanes = [l.replace("\u00a0", " ") for l in lanes]
        assert lanes[0].startswith("mx1.hoster.example:25 mx1.hoster.example:25: 1 outage, "
                                   "down for 1 h")
        assert "99.58 % known,down,away" in lanes[0]
        assert ": 2 outages, " in lanes[1]
        assert "known,draining,down,maintenance,away" in lanes[1]
        assert "no outage" in lanes[2] and lanes[3].endswith("no outage \u2013 away")
        events = chrome.text("#events").replace("\u00a0", " ").replace("\u202f", "")
        assert "mxwatchd did not run" in events and "1234 messages taken, 1230 delivered" in events
        assert "told: pager (primary_down, trigger)" in events and HOSTILE in events
        assert "with 2 flaps" in events and "4 given back" in events
        assert chrome.text("#outages-title") == "5\u00a0outages"
        assert chrome.run("return window.pwned === undefined && document.images.length === 0;")
        chrome.run("document.getElementById('outages').scrollIntoView()")
        shot(chrome, "outages")
        chrome.run("const s = document.getElementById('span'); s.value = '365';"
                   "s.dispatchEvent(new Event('change'));")
        chrome.wait_text("#outages-title", "6\u00a0outages")
        assert "99.00" in chrome.text("#lanes")
        for width, phone in ((390, True), (320, True), (820, False)):
            chrome.emulate(width, 844, True, phone)
            assert no_overflow(chrome), width
        shot(chrome, "outages-narrow")
        assert chrome.errors() == []
    chrome.emulate(1400, 900)


def test_dark_and_phone(chrome):
    with Api(document(60), history(60)) as api:
        for name, width, height, dark, phone in (
                ("dark", 1400, 1000, True, False), ("phone", 390, 844, False, True),
                ("phone-dark", 390, 844, True, True), ("tablet", 820, 1100, True, False),
                ("narrow", 320, 700, False, True)):
            chrome.emulate(width, height, dark, phone)
            chrome.go(api.url)
            chrome.wait_text("#rows", "domain0007")
            assert no_overflow(chrome), name
            light = chrome.run("return getComputedStyle(document.body).backgroundColor")
            assert (light == "rgb(15, 19, 24)") == dark
            shot(chrome, name)
    chrome.emulate(1400, 900)


def test_keyboard(chrome):
    with Api(document(10), history(10)) as api:
        chrome.go(api.url)
        chrome.wait_text("#rows", "domain0007")
        seen = []
        for _ in range(6):
            chrome.keys(TAB)
            seen.append(chrome.focus())
        assert seen[:4] == ["Skip to the domains", "filter", "order", "attention"]
        assert seen[4] == "domain0007.example.org"
        outline = chrome.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "the focus is to be seen"
        chrome.keys(ENTER)
        assert "Accepted since the start" in chrome.wait_text(".detail", "preference 20")
        assert chrome.run("return document.activeElement.getAttribute('aria-expanded')") == "true"
        focus = chrome.focus()
        chrome.run("window.seen = document.getElementById('fresh').textContent")
        wait_for(lambda: chrome.run(
            "return document.getElementById('fresh').textContent !== window.seen"), 15)
        assert chrome.focus() == focus, "a refresh takes the focus away"
        chrome.keys(SPACE)
        assert chrome.text(".detail") == ""


def test_semantics(chrome):
    """What a screen reader is told."""
    with Api(document(10), history(10)) as api:
        chrome.go(api.url)
        chrome.wait_text("#rows", "domain0007")
        assert chrome.run("return document.getElementById('summary').getAttribute('aria-live')") == "polite"
        nodes = chrome.command("Accessibility.getFullAXTree")["nodes"]
        roles = [n["role"]["value"] for n in nodes if not n.get("ignored")]
        for role in ("table", "columnheader", "rowheader", "status", "searchbox", "meter", "heading"):
            assert role in roles, role
        assert roles.count("row") == 11
        unnamed = [n for n in nodes if not n.get("ignored") and n["role"]["value"] in (
            "button", "link", "searchbox", "combobox", "checkbox", "img", "meter", "progressbar")
            and not n.get("name", {}).get("value")]
        assert unnamed == []


def test_hostile_and_broken_documents(chrome):
    evil = document(2, hostname=HOSTILE, version=HOSTILE, not_ready=HOSTILE, ready=False,
                    alerts=[{"alert": HOSTILE, "severity": HOSTILE, "summary": HOSTILE}, None, 7])
    evil["domains"][0].update(domain=HOSTILE, state=HOSTILE, cause=HOSTILE, trouble=HOSTILE)
    evil["domains"][1]["primaries"][0].update(primary=HOSTILE, text=HOSTILE, healthy=False,
                                            finding=HOSTILE, finding_about=HOSTILE,
                                            delivery=HOSTILE)
    evil["domains"][1]["primaries"][1]["delivery"] = {"chunking_off_until": HOSTILE,
                                                      "alone": HOSTILE}
    evil["domains"] += [None, 3, {"domain": "bare.test"},
                        {"domain": "odd.test", "queue": 5, "primaries": "x", "flush": [], "counters": 1}]
    with Api(evil) as api:
        chrome.go(api.url)
        chrome.wait_text("#rows", "bare.test")
        chrome.run("document.querySelectorAll('.name').forEach(e => e.click())")
        chrome.wait_text("#trouble", "<img src=x")
        assert chrome.run("return window.pwned === undefined && document.images.length === 0"
                          " && document.scripts.length === 1;")
        assert chrome.errors() == []
