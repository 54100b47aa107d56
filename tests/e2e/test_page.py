# SPDX-License-Identifier: ISC
"""The status page in Chromium: an outage and its end as a person sees them, in all
states, and with hostile texts; test_page_many.py has it with many domains. SHOTS names a
folder for the screenshots."""
import threading
import time
import urllib.error
import urllib.request

import pytest

from lib import browser
from lib.net import LocalAddress, free_port
from lib.page import Api, document, no_overflow, shot
from lib.smtp import send
from lib.wait import wait_for

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))
HOSTILE = '<script>window.pwned=1</script><img src=x onerror="window.pwned=2">'


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


def test_an_outage_and_its_end(stack, chrome):
    up, mx = stack.fakemx(), stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port,
                        "fine.test": 'primary = {"127.0.0.1:%d"}' % up.port},
                       web='envelopes = "local"')
    for name in ("a.test", "fine.test"):
        d.wait_state(name, "up")
    chrome.emulate(1400, 900)
    chrome.go("http://127.0.0.1:%d/" % d.web_port)
    chrome.wait_text("#summary", "All is well")
    wait_row(chrome, "a.test", "up", "\u2713 127.0.0.1:%d" % mx.port, " ms")
    assert chrome.text("#title") == "mxwatch mx2.backup.test"
    assert chrome.run("return document.getElementById('alerts').hidden")

    mx.stop()
    d.wait_state("a.test", "down")
    for i in range(60):
        send(d.port, "m%d" % i)
    chrome.wait_text("#summary", "1\u00a0domain is down")
    wait_row(chrome, "a.test", "down", "60", "in 29 d", "failed, connect: connection refused")
    assert chrome.text("tr.row .name") == "a.test", "the urgent one is first"
    assert chrome.run("return document.title;").startswith("(1 down)")
    cause = chrome.text("#causes .cause").replace("\u00a0", " ")
    for part in ("127.0.0.1:%d" % mx.port, "connection refused", "1 domain down", "60 messages",
                 "first expires in 29 d"):
        assert part in cause, cause
    shot(chrome, "outage")

    # what the loop is asked: the sentences of why, ages, envelopes by pages
    chrome.run("document.querySelector('#causes .who').click()")
    wait_for(lambda: "a.test is down" in chrome.text(".part-why"), 15, "why, in words")
    assert d.ctl("why", "a.test")[1].splitlines()[0].split()[0] in chrome.text(".part-why")
    assert "60" in chrome.text(".part-ages")
    assert "60\u00a0messages for 60\u00a0recipients" in chrome.text(".part-figures")
    count = "return document.querySelectorAll('.messages tbody tr').length"
    wait_for(lambda: chrome.run(count) == 50, 15, "a page of messages")
    assert "s@sender.test" in chrome.text(".messages") and "u@a.test" in chrome.text(".messages")
    chrome.run("document.querySelector('.pages button').click()")
    wait_for(lambda: chrome.run(count) == 10, 15, "the next page")
    assert "Page 2, the last" in chrome.text(".pages")
    assert "mxwatchctl flush a.test" in chrome.text(".commands")
    shot(chrome, "outage-open")

    mx.start()
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    chrome.wait_text("#summary", "All is well")
    wait_row(chrome, "a.test", "up", "\u2713")
    wait_for(lambda: "queue is flushed: 60 delivered" in chrome.text(".part-events"), 40,
             "the flush is an event")
    assert chrome.run("return [...document.querySelectorAll('.part-record rect')].map("
                      "r => r.getAttribute('class'))").count("down") >= 1
    chrome.run("document.querySelector('nav [data-view=outages]').click()")
    wait_for(lambda: "draining" not in chrome.text("#events") and "60 messages accepted" in
             chrome.text("#events").replace("\u00a0", " "), 30, "the outage is on the page")
    assert chrome.text("#outages-title") == "2\u00a0outages"
    lanes = chrome.run("return [...document.querySelectorAll('#lanes svg.time')].map(s =>"
                       " s.getAttribute('aria-label')).join('|')")
    assert "127.0.0.1:%d: 1\u00a0outage, down for" % mx.port in lanes
    assert "127.0.0.1:%d: no outage" % up.port in lanes
    assert chrome.errors() == []
    shot(chrome, "recovered")


def test_what_only_some_may_see(stack):
    """Addresses of people are not for who may scrape the metrics, nor for who may be a
    proxy; with `envelopes = "local"` they are for who comes by the loopback, and for nobody
    else."""
    own = LocalAddress("192.0.2.77")
    try:
        if not own.added:
            pytest.skip(own.why)
        d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'})
        port = d.web_port
        code, _, text = d.http("/api/v1/messages?domain=a.test")
        assert code == 403 and "envelopes" in text
        assert d.reload(web='envelopes = "local" listen = {"127.0.0.1:%d", "192.0.2.77:%d"}'
                        % (port, port))[0] == 0
        for path, code in (("why?domain=a.test", 200), ("messages?domain=a.test", 403),
                           ("ages?domain=a.test", 200), ("status?brief=1", 200)):
            r = urllib.request.Request("http://192.0.2.77:%d/api/v1/%s" % (port, path))
            try:
                with urllib.request.urlopen(r, timeout=10) as got:
                    assert got.status == code, path
            except urllib.error.HTTPError as e:
                with e:
                    assert e.code == code and b"basic_auth_file" in e.read(), path
        what_is_answered(d)
    finally:
        own.close()


def what_is_answered(d):
    send(d.port, "m")
    for path in ("why?domain=A.test.", "ages?domain=a.test", "messages?domain=a.test"):
        code, headers, text = d.http("/api/v1/" + path)
        assert code == 200 and headers["Content-Type"] == "application/json", path
        assert "a.test" in text and headers["Cache-Control"] == "no-store"
    for path, code in (("why?domain=x.test", 404), ("ages?domain=x.test", 404),
                       ("messages?domain=x.test", 404), ("why", 400), ("why?domain=..", 400),
                       ("messages?domain=a.test&after=x", 400), ("ages?domain=a.test&after=1", 400)):
        assert d.http("/api/v1/" + path)[0] == code, path
    assert d.http("/api/v1/why?domain=a.test", "POST")[0] == 405


def test_the_daemon_stops_and_the_page_says_so(stack, chrome):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'})
    chrome.go("http://127.0.0.1:%d/" % d.web_port)
    chrome.wait_text("#rows", "a.test")
    d.stop()
    chrome.wait_text("#trouble", "does not answer")
    assert "not live" in chrome.text("#fresh")
    assert "ago" in chrome.text("#trouble time") and "a.test" in chrome.text("#rows")
    shot(chrome, "stale")
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
            self.said = HOSTILE + " ask ada@a.test"

        def run(self):
            while True:
                try:
                    c, _ = self.s.accept()
                except OSError:
                    return
                with c:
                    c.sendall(b"554 " + self.said.encode() + b"\x1b[2J\xff\r\n")
    evil = Evil()
    evil.start()
    try:
        d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % evil.s.getsockname()[1]})
        chrome.go("http://127.0.0.1:%d/" % d.web_port)
        wait_row(chrome, "a.test", "<script>window.pwned=1</script>")
        chrome.run("document.querySelector('.name').click()")
        chrome.wait_text(".part-primaries", "<img src=x")
        assert "ask *@a.test" in chrome.wait_text(".part-why", "<img src=x")
        assert "ask ada@a.test" in d.ctl("why", "a.test")[1]
        assert chrome.run("return window.pwned === undefined"
                          " && document.images.length === 0"
                          " && document.scripts.length === 1;")
        assert [e for e in chrome.errors() if "/messages" not in e] == []  # no addresses here
    finally:
        evil.s.close()


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
        told = []
        for name in ("domain0000.example.org", "domain0001.example.org"):
            chrome.run("location.hash = '#domain=' + arguments[0]", name)
            wait_for(lambda: "mx1." + name in chrome.text(".part-primaries"), 10, name)
            told += chrome.run("return [...document.querySelectorAll('.primary')]"
                               ".map(e => e.innerText)")
        assert len(told) == 4
        assert ["failed with BDAT" in t for t in told] == [True, False, False, False], told
        assert "one message at a time; this ends in\u00a019\u00a0h" in told[0]
        assert ["for a minute" in t for t in told] == [False, False, False, True], told
        assert no_overflow(chrome)
        chrome.run("document.querySelector('.primary').scrollIntoView()")
        shot(chrome, "stumbled")
        chrome.emulate(390, 800)
        assert no_overflow(chrome)
        shot(chrome, "stumbled-phone")
        assert chrome.errors() == []


def test_what_the_doctor_found(chrome):
    """Worst first as the document has it, each with its remedy, and how many there are."""
    s = document(3)
    found = [{"domain": "domain0001.example.org", "check": "mx", "severity": "error",
              "text": "mx2.example.net is not among its MX records.",
              "remedy": "Add: domain0001.example.org. MX 20 mx2.example.net.", "checked": s["time"]},
             {"domain": "", "check": "ptr", "severity": "warning", "text": HOSTILE, "remedy": "",
              "checked": s["time"]}]
    s["doctor"] = {"running": False, "checked": s["time"] - 3600, "errors": 1, "warnings": 1,
                   "infos": 52, "findings": found}
    with Api(s) as api:
        chrome.emulate(1400, 900)
        chrome.go(api.url + "#view=daemon")
        chrome.wait_text("#doctor-title", "Doctor: 1\u00a0error, 1\u00a0warning")
        assert "The last full check was" in chrome.text("#doctor-text")
        assert "mxwatchctl doctor --now" in chrome.text("#doctor-text")
        lines = chrome.run("return [...document.querySelectorAll('#doctor-list li')]"
                           ".map(e => [e.className, e.innerText])")
        assert [c for c, _ in lines] == ["crit", "warn", "soft"]
        assert lines[0][1].startswith("domain0001.example.org error, mx mx2.example.net is not")
        assert "MX 20 mx2.example.net." in lines[0][1]
        assert lines[1][1].startswith("This host warning, ptr ") and HOSTILE in lines[1][1]
        assert lines[2][1] == "and 52 more"
        shot(chrome, "doctor")
        chrome.run("document.querySelector('#doctor-list a').click()")
        wait_for(lambda: chrome.run("return location.hash") == "#domain=domain0001.example.org", 5)
        assert chrome.errors() == []


def whom_to_ask(chrome, api):
    """What a silent node has is said to be missing, with a way to its page: of a domain that
    others have some of, and of one that it has alone. Never by what is no address of a page."""
    api.silent = ["mx3", HOSTILE]
    for name, said in (("0001", "Ask at " + HOSTILE + ", which has its mail."),
                       ("0000", "Incomplete: no answer from mx3, " + HOSTILE)):
        chrome.run("location.hash = '#domain=domain%s.example.org'" % name)
        for part in (".part-messages", ".part-ages"):
            wait_for(lambda: said in chrome.text(part), 20, said)
    api.silent = []
    chrome.run("location.hash = '#view=daemon'")
    wait_for(lambda: chrome.run("return [...document.querySelectorAll('#node-list a')]"
                                ".map(a => a.href)") == ["https://mx3.example:10125/"], 5)
    chrome.errors()  # the 503 of what was asked
    chrome.run("location.hash = '#domain=domain0000.example.org'")
    wait_for(lambda: chrome.text(".part-messages") != "", 10, "back")


def test_what_is_refused_is_said_once(chrome):
    """Who may not see envelopes is told what to do, and does not fill a log with it."""
    with Api(document(8)) as api:
        api.refused = True
        chrome.emulate(1400, 900)
        chrome.go(api.url + "#domain=domain0007.example.org")
        wait_for(lambda: "are shown with envelopes" in chrome.text(".part-messages"), 15)
        assert "is down" in chrome.wait_text(".part-why", "is down")
        chrome.errors()
        # a minute later all is asked again, except for that
        chrome.run("const now = performance.now.bind(performance);"
                   "performance.now = () => now() + 60000;"
                   "window.dispatchEvent(new Event('scroll'))")
        for what in ("why", "ages"):
            wait_for(lambda: len([a for a in api.asked if a.startswith("/api/v1/" + what)]) == 2,
                     15, what)
        assert len([a for a in api.asked if a.startswith("/api/v1/messages")]) == 1


def test_it_never_answered(chrome):
    with Api(document(2)) as api:
        api.down = True
        chrome.go(api.url)
        chrome.wait_text("#trouble", "mxwatchd does not answer; the page retries")
        assert chrome.text("#summary") == "No answer"
        chrome.errors()


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
            "version": "1.0", "hostname": "", "url": "", "config_differs": False}
    s["cluster"] = {
        "node": "mx2", "left": False, "fenced": False,
        "engine": {"away_since": None, "synchronous": False, "require_sync": True},
        "local": {"messages": 7, "oldest": s["time"] - 60}, "live": 2, "missing": 1,
        "domains": {"all": 3, "ours": 1, "unowned": 1, "leaving": 0},
        "nodes": [dict(node, node="mx2", us=True),
                  dict(node, node="mx3", url="https://mx3.example:10125/", config_differs=True),
                  dict(node, node=HOSTILE, url="javascript:window.pwned=3", state="dead", up=False,
                       silent_seconds=31)]}
    with Api(s) as api:
        chrome.emulate(1400, 900)
        chrome.go(api.url)
        wait_for(lambda: "mx3 live" in chrome.text("#nodes-line"), 15, "nodes above the table")
        chrome.run("document.querySelector('nav [data-view=daemon]').click()")
        chrome.wait_text("#cluster-title", "2 of 3\u00a0nodes")
        assert "This is mx2. It has 1 of 3\u00a0domains; 1 without a node" in \
            chrome.text("#cluster-text")
        nodes = chrome.run("return [...document.querySelectorAll('#node-list li')]"
                           ".map(e => e.innerText)")
        assert nodes[0] == "mx2 (this node) live, 1\u00a0domain, 1.0"
        assert nodes[1].endswith("ANOTHER CONFIGURATION")
        assert nodes[2] == HOSTILE + " dead, 1\u00a0domain, silent for 31\u00a0s, 1.0"
        told = chrome.text("#trouble")
        assert "no synchronous standby" in told and "spool of this node alone" in told
        chrome.run("location.hash = ''")
        assert "no node" in wait_row(chrome, "domain0002.example.org", "no node")
        for name, said in (("0000", "mail at mx2 (this node)"), ("0001", "mail at " + HOSTILE)):
            chrome.run("location.hash = '#domain=domain%s.example.org'" % name)
            wait_for(lambda: said in chrome.text(".part-figures"), 10, said)
        chrome.run("location.hash = '#domain=domain0000.example.org'")
        detail = chrome.wait_text(".part-figures", "mail at mx2")
        assert "mx2 sees" in detail and HOSTILE in detail and "mx3 sees" in detail
        assert "In the spool of this node\n7\u00a0messages" in detail, detail
        whom_to_ask(chrome, api)
        assert no_overflow(chrome)
        shot(chrome, "cluster")
        chrome.emulate(390, 800)
        assert no_overflow(chrome)
        s["cluster"]["engine"]["away_since"] = s["time"] - 90
        s["cluster"]["local"]["messages"] = 0
        wait_for(lambda: "the engine went away" in chrome.text("#trouble").lower())
        assert "standby" not in chrome.text("#trouble")
        s["cluster"] = None
        wait_for(lambda: chrome.run("return document.getElementById('cluster').hidden"))
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
    with Api(document(1, primaries=[dict(known, primary=name)]), outages=outages) as api:
        chrome.go(api.url + "#view=outages")
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
    with Api(document(3, primaries=primaries), outages=outages) as api:
        chrome.emulate(1400, 1000, True)
        chrome.go(api.url + "#view=outages")
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
        assert "mxwatchd did not run" in events and "1234 messages accepted, 1230 delivered" in events
        assert "told: pager (primary_down, trigger)" in events and HOSTILE in events
        assert "with 2 flaps" in events and "4 returned" in events
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


STATES = {
    "removed": dict(configured=False, removed=True),
    "on hold": dict(queue={"messages": 4, "bytes": 99, "on_hold": True, "oldest": 1}),
    "breaker": dict(breaker={"since": 1, "reply": "554 5.7.1 no such user"}),
    "maintenance, held": dict(maintenance={"until": 2e9, "hold": True, "reason": "new disks"}),
    "1\u00a0expired": dict(expired_1d=1),
    "redirected": dict(redirect={"to": ["mx9.example.net"], "instead_of": [], "since": 1}),
}
SAID = {"removed": "mxwatchctl forget ", "on hold": "mxwatchctl release ",
        "breaker": "reset the breaker", "maintenance, held": "mxwatchctl why ",
        "1\u00a0expired": "mxwatchctl why ", "redirected": "mxwatchctl redirect --end "}


def test_states(chrome):
    """What a domain may be in beside its state, and what is to be typed then."""
    s = document(8)
    for d, over in zip(s["domains"], STATES.values()):
        d.update(over)
    s["domains"][3]["state"] = "down"  # the one in maintenance
    s["domains"][7]["maintenance"] = STATES["maintenance, held"]["maintenance"]
    with Api(s) as api:
        chrome.emulate(1400, 900)
        chrome.go(api.url)
        chrome.wait_text("#rows", "domain0007")
        assert chrome.text("#summary") == "\u25bc 2\u00a0domains are down, in maintenance"
        assert chrome.run("return document.getElementById('summary').className") == "is-suspect"
        for i, (tag, _) in enumerate(STATES.items()):
            name = "domain%04d.example.org" % i
            wait_row(chrome, name, tag.replace("\u00a0", " "))
            chrome.run("location.hash = '#domain=' + arguments[0]", name)
            wait_for(lambda: SAID[tag] in chrome.text(".part-commands")
                     and name in chrome.text(".part-commands"), 10, tag)
        shot(chrome, "states")
        chrome.run("location.hash = '#view=daemon'")
        wait_for(lambda: "domain0000" in chrome.text("#removed-list"), 10, "a removed domain")
        assert "3 reports" in chrome.text("#reports-list")
        shot(chrome, "daemon")
        assert chrome.errors() == []


def test_nothing_configured(chrome):
    with Api(document(0)) as api:
        chrome.go(api.url)
        chrome.wait_text("#summary", "Nothing to watch")
        assert "mxwatchd.conf(5)" in chrome.text("#none")
        assert chrome.run("return document.getElementById('alerts').hidden")
        shot(chrome, "nothing")
        assert chrome.errors() == []


def test_without_scripts(chrome):
    """Who has none is told where the same is."""
    with Api(document(1)) as api:
        chrome.command("Emulation.setScriptExecutionDisabled", value=True)
        try:
            chrome.go(api.url)
            text = chrome.command("Runtime.evaluate",
                                  expression="document.querySelector('noscript').innerText")
            assert "mxwatchctl status" in text["result"]["value"]
            shot(chrome, "no-script")
        finally:
            chrome.command("Emulation.setScriptExecutionDisabled", value=False)


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
        for i in range(4):
            chrome.run("document.querySelectorAll('.name')[arguments[0]].click()", i)
            assert chrome.run("return document.querySelectorAll('tr.detail').length") <= i + 1
        chrome.wait_text("#trouble", "<img src=x")
        assert chrome.run("return window.pwned === undefined && document.images.length === 0"
                          " && document.scripts.length === 1;")
        assert chrome.errors() == []
