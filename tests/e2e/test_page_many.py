# SPDX-License-Identifier: ISC
"""The status page in Chromium with 2, 300 and 5,000 domains: what a person sees of them,
how he finds his way, and that it stays light. SHOTS names a folder for the screenshots."""
import re
import time

import pytest

from lib import browser
from lib.page import (DAY, HOSTERS, Api, alert, alerts_of, document, domain, no_overflow,
                      shot)
from lib.wait import wait_for

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))
TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
DOWN, UP, END, HOME = "\ue015", "\ue013", "\ue010", "\ue011"
RED = {"light": "rgb(184, 34, 42)", "dark": "rgb(255, 123, 123)"}
MANY = (2, 300, 5000)


def looked(b, api, fragment="", width=1400, height=900, dark=False, phone=False):
    b.emulate(width, height, dark, phone)
    b.go(api.url + fragment)
    wait_for(lambda: b.run("return document.querySelectorAll('tr.row').length > 0"), 20, "rows")


def names(b):
    return b.run("return [...document.querySelectorAll('tr.row .name')].map(e => e.textContent)")


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", "")


def lines(b):
    return [plain(t) for t in b.run("return [...document.querySelectorAll('#causes .cause')]"
                                    ".map(e => e.innerText.replaceAll('\\n', ' | '))")]


def opened(b):
    """The rows in the document that are open, with their details behind them."""
    return set(b.run("return [...document.querySelectorAll('tr.open')].filter(r =>"
                     " r.nextSibling.matches('.detail')).map(r =>"
                     " r.querySelector('.name').textContent)"))


# What is said of cost and time and does not fit where it is said.
CUT_OFF = ("return [...document.querySelectorAll('.cause-line > .hit, .cause-line > .cost,"
           " .cause-line > .size, .cause-line > .until, .cause-line > .tags, .row > .n,"
           " .row > .c-state')].filter(e => e.scrollWidth > e.clientWidth + 1)"
           ".map(e => e.className + ': ' + e.textContent)")


def click(b, css):
    b.run("document.querySelector(arguments[0]).click()", css)


def color(b, css):
    return b.run("return getComputedStyle(document.querySelector(arguments[0])).color", css)


def asked(api, path):
    return [a for a in api.asked if a.startswith(path)]


def refreshed(b):
    """The page has rendered what it has asked for meanwhile."""
    as_of = "return document.getElementById('fresh').title"
    was = b.run(as_of)
    wait_for(lambda: b.run(as_of) != was, 30, "a refresh")


# ---- at a glance

def test_which_primary_what_it_costs_and_until_when(chrome):
    with Api(document(300)) as api:
        looked(chrome, api)
        chrome.wait_text("#summary", "30\u00a0domains are down")
        b, a, mending, silent = lines(chrome)
        # The one of which mail expires today comes first, though the other is larger.
        for line, part in ((b, HOSTERS[1][0]), (b, "connect: connection refused"),
                           (b, "8 domains down"), (b, "11536 messages | 440 MiB"), (b, "8 alerts"),
                           (b, "first expires in 14 h"), (a, HOSTERS[0][0]), (a, "2 d ago"),
                           (a, "20 domains down"), (a, "26040 messages"), (a, "in 11 d"),
                           (mending, "recovering"), (mending, "6 domains"),
                           (silent, HOSTERS[2][0]), (silent, "silenced"),
                           (silent, "2 domains down"), (silent, "2 alerts")):
            assert part in line, (part, lines(chrome))
        assert plain(chrome.text("#alerts-title")) == \
            "3 causes, 1 silenced, 36 domains, 45360 messages wait"
        assert chrome.run("return document.getElementById('causes-more').hidden")
        # all of it, and the table, without scrolling
        assert chrome.run("return document.querySelector('#table').getBoundingClientRect().top"
                          " < 300")
        # what expires today is red, there and in the rows, and what does not is not
        assert color(chrome, "#causes .until") == RED["light"]
        red = chrome.run("return [...document.querySelectorAll('tr.row')].map(r => ["
                         "r.querySelector('.name').textContent,"
                         "getComputedStyle(r.querySelector('.c-expires time')).color])")
        assert [c == RED["light"] for _, c in red[:9]] == [True] * 8 + [False], red[:9]
        assert names(chrome)[0] == "domain0207.example.org"
        shot(chrome, "300")
        assert chrome.run(CUT_OFF) == []
        assert chrome.run("const p = document.querySelector('.row > .c-probe');"
                          "return p.scrollWidth <= p.clientWidth"), "nor why"
        # how many are what, and a way to them
        assert " ".join(plain(chrome.text("#tiles li")).split()) == \
            "264 of 300 up 30 down 6 recovering"
        click(chrome, ".states .is-recovering")
        wait_for(lambda: plain(chrome.text("#domains-title")) == "6 of 300 domains", 10, "those")


def worst(s):
    """Of the primary whose domains expire first: name, domains, messages."""
    down = [d for d in s["domains"] if d["state"] == "down"]
    name = min(down, key=lambda d: d["queue"]["next_expiry"])["primaries"][0]["primary"]
    theirs = [d for d in down if d["primaries"][0]["primary"] == name]
    return name, len(theirs), sum(d["queue"]["messages"] for d in theirs)


@pytest.mark.parametrize("n", (2, 5000))  # 300: the one before
def test_at_a_glance(chrome, n):
    """In light and dark: the primary, its cost and its time, all of it on the screen and
    none of it cut off."""
    s = document(n)
    if n < 30:
        s["domains"][1] = domain(207, int(s["time"]), domain="domain0001.example.org")
        s["alerts"] = alerts_of(s["domains"], s["time"])
    name, down, waiting = worst(s)
    with Api(s) as api:
        looked(chrome, api)
        first = lines(chrome)[0].split(" | ")
        assert first[1:3] == [name, "connect: connection refused"]
        assert first[4:6] == ["%d domain%s down" % (down, "" if down == 1 else "s"),
                              "%d messages" % waiting]
        assert first[7:] == ["first expires in 14 h",
                             "%d alert%s" % (down, "" if down == 1 else "s")]
        assert 1 <= len(lines(chrome)) <= 5
        assert chrome.run("return document.querySelector('tr.row').getBoundingClientRect()"
                          ".bottom < 300")
        for dark in (False, True):
            chrome.emulate(1400, 900, dark)
            assert color(chrome, "#causes .until") == RED["dark" if dark else "light"]
            assert chrome.run(CUT_OFF) == []


def test_alerts_lead_to_rows(chrome):
    with Api(document(300)) as api:
        looked(chrome, api)
        click(chrome, "#causes .fold")
        alerts = chrome.text(".cause-alerts")
        assert "critical: primary_down" in alerts and "domain0207.example.org" in alerts
        click(chrome, ".cause-alerts li.critical a")
        wait_for(lambda: "Why" in chrome.text(".detail"), 10, "the row is open")
        assert "domain=domain0207.example.org" in chrome.run("return location.hash")
        # a primary leads to its domains
        click(chrome, "#causes .who")
        wait_for(lambda: "8 of 300" in plain(chrome.text("#domains-title")), 10, "those of one")
        assert chrome.run("return document.getElementById('filter').value") == HOSTERS[1][0]


def test_causes_are_capped(chrome):
    now = int(time.time())
    s = document(60)
    for i, d in enumerate(s["domains"][:40]):
        d.update(domain(7, now, domain=d["domain"]))
        d["primaries"][0] = dict(d["primaries"][0], primary="mx%d.test:25" % i)
    s["alerts"] = [alert("queue_age", "warning", now, domain="domain0003.example.org",
                         acked_by="ann"),
                   alert("spool_space", "critical", now, summary="the spool is nearly full"),
                   alert("dnsbl_broken", "warning", now, list="bl.example", state="pending")]
    with Api(s) as api:
        looked(chrome, api)
        count = "return document.querySelectorAll('#causes .cause').length"
        assert chrome.run(count) == 5
        assert "mxwatchd itself" in lines(chrome)[0] and "nearly full" in lines(chrome)[0]
        more = plain(chrome.text("#causes-more"))
        assert re.fullmatch(r"and \d+ more", more), more
        click(chrome, "#causes-more")
        assert chrome.run(count) == 5 + int(more.split()[1])
        assert "in hand: ann" in [x for x in lines(chrome) if "mx3.test" in x][0]
        assert "pending" in [x for x in lines(chrome) if "list bl.example" in x][0]


# ---- the table

def test_no_time_is_cut_off(chrome):
    """The longest there are, at every width that has columns."""
    s = document(60)
    for d in s["domains"]:
        d["queue"].update(messages=123456, bytes=987 * 2 ** 20, oldest=s["time"] - 9.99 * DAY,
                          next_expiry=s["time"] + 9 * 3600 + 59 * 60 + 50)
    with Api(s) as api:
        looked(chrome, api)
        for width in (1400, 1121, 1119, 900, 800):
            chrome.emulate(width, 900)
            assert chrome.run(CUT_OFF) == [], width


@pytest.mark.parametrize("n", MANY)
def test_rows_are_dense_and_few(chrome, n):
    """Twenty and more on a screen; of thousands those in sight are in the document."""
    with Api(document(n)) as api:
        looked(chrome, api)
        seen = chrome.run("return [...document.querySelectorAll('tr.row')].filter(r => {"
                          "const b = r.getBoundingClientRect();"
                          "return b.top >= 0 && b.bottom <= window.innerHeight}).length")
        assert seen == n if n < 20 else seen >= 20
        there = len(names(chrome))
        assert there == n if n <= 60 else there <= 60
        assert chrome.run("return document.getElementById('table')"
                          ".getAttribute('aria-rowcount')") == str(n + 1)
        assert plain(chrome.text("#domains-title")) == "%d domains" % n
        # asked for: what a table needs, and the curves of what is seen
        assert asked(api, "/api/v1/status") and all("?brief=1" in a for a in
                                                     asked(api, "/api/v1/status"))
        wait_for(lambda: chrome.run("return document.querySelectorAll('svg.spark').length")
                 == min(n, there), 15, "curves")
        assert all(a.count("domain=") <= 64 for a in asked(api, "/api/v1/history"))
        for width, phone in ((390, True), (320, True), (820, False)):
            chrome.emulate(width, 844, phone=phone)
            assert no_overflow(chrome), width
            gap = chrome.run("const r = document.querySelector('tr.row'); return Math.max("
                             "...[...r.children].map(c => c.getBoundingClientRect().right)) -"
                             " document.getElementById('table').getBoundingClientRect().right")
            assert -16 < gap <= 0, "columns as wide as the table"
            out = chrome.run("return [...document.querySelectorAll('.row > *')].filter(c =>"
                             " c.getBoundingClientRect().bottom >"
                             " c.parentNode.getBoundingClientRect().bottom + 1)"
                             ".map(c => c.className + ' ' + c.textContent)")
            assert out == [], "what a row has is in it"
            shot(chrome, "%d-%d" % (n, width))
        assert chrome.errors() == []


def test_scrolling_thousands(chrome):
    with Api(document(5000)) as api:
        looked(chrome, api, "#sort=domain")
        assert names(chrome)[0] == "domain0000.example.org"
        chrome.run("window.scrollTo(0, document.documentElement.scrollHeight / 2)")
        wait_for(lambda: any(abs(int(x[6:10]) - 2500) < 30 for x in names(chrome)), 10, "the middle")
        assert len(names(chrome)) <= 60
        top = chrome.run("return [...document.querySelectorAll('tr.row')].filter(r =>"
                         "r.getBoundingClientRect().top < 30 && r.getBoundingClientRect().bottom"
                         " > 30).length")
        assert top == 1, "no hole at the top of the window"
        at = chrome.run("return window.scrollY")
        chrome.run("window.kept = [...document.querySelectorAll('tr.row')]")
        refreshed(chrome)
        assert chrome.run("return window.scrollY") == at
        assert chrome.run("return window.kept.every(r => r.isConnected)"), "nothing is made anew"
        # the last one, by keyboard
        chrome.run("document.querySelector('tr.row .name').focus()")
        chrome.keys(END)
        wait_for(lambda: chrome.focus() == "domain4999.example.org", 10, "the last row")
        chrome.keys(HOME)
        wait_for(lambda: chrome.focus() == "domain0000.example.org", 10, "the first row")
        shot(chrome, "5000")
        assert chrome.errors() == []


def test_sort_filter_and_row_are_in_the_address(chrome):
    with Api(document(300)) as api:
        looked(chrome, api)
        sort = "return document.querySelector('th[data-sort=%s]').getAttribute('aria-sort')"
        assert chrome.run(sort % "state") == "descending"
        click(chrome, "th[data-sort=queued] button")
        assert chrome.run(sort % "queued") == "descending" and chrome.run(sort % "state") == "none"
        assert names(chrome)[0] == "domain0297.example.org"
        click(chrome, "th[data-sort=queued] button")
        assert chrome.run(sort % "queued") == "ascending"
        click(chrome, "th[data-sort=domain] button")
        assert names(chrome)[:2] == ["domain0000.example.org", "domain0001.example.org"]
        for column, first in (("size", "0297"), ("oldest", "0207"), ("expires", "0207"),
                              ("probe", "0007")):
            click(chrome, "th[data-sort=%s] button" % column)
            assert names(chrome)[0] == "domain%s.example.org" % first, column
        chrome.run("const f = document.getElementById('filter'); f.value = 'hoster-b down';"
                   "f.dispatchEvent(new Event('input'));")
        assert len(names(chrome)) == 8
        click(chrome, "tr.row .name")
        address = chrome.run("return location.hash")
        for part in ("q=hoster-b+down", "sort=-probe", "domain=domain0207.example.org"):
            assert part in address, address
        # whom it is sent to sees the same
        looked(chrome, api, address)
        wait_for(lambda: "is down" in chrome.text(".part-why"), 10, "open")
        assert len(names(chrome)) == 8 and chrome.run(sort % "probe") == "descending"
        chrome.run("window.history.back()")
        looked(chrome, api, "#attention=1")
        assert plain(chrome.text("#domains-title")) == "36 of 300 domains"
        chrome.run("document.getElementById('attention').click()")
        assert "attention" not in chrome.run("return location.hash")
        # open, and Back
        click(chrome, "tr.row .name")
        wait_for(lambda: chrome.text(".detail") != "", 10, "open")
        chrome.run("window.history.back()")
        wait_for(lambda: chrome.text(".detail") == "", 10, "closed")
        chrome.run("const f = document.getElementById('filter'); f.value = 'nothing such';"
                   "f.dispatchEvent(new Event('input'));")
        assert "No domain matches" in chrome.text("#domains")


def test_links_of_alerts(chrome):
    """Of earlier versions, and of alerts: the name alone."""
    with Api(document(5000)) as api:
        looked(chrome, api, "#domain4123.example.org")
        wait_for(lambda: "domain4123.example.org is up" in chrome.text(".part-why"), 10, "open")
        assert chrome.focus() == "domain4123.example.org"
        where = chrome.run("return document.querySelector('tr.open').getBoundingClientRect().top")
        assert 0 <= where < 400, "it is seen"
        chrome.run("location.hash = '#domain000'")  # what is no domain is looked for
        wait_for(lambda: "10 of 5000" in plain(chrome.text("#domains-title")), 10, "looked for")
        for what in ("#%E0%A4%A", "#<img src=x onerror=window.pwned=1>", "#sort=x&view=y&q=", "#"):
            chrome.run("location.hash = arguments[0]", what)
        chrome.run("location.hash = '#domain=domain0125.example.org'")
        wait_for(lambda: chrome.text("tr.open .name") == "domain0125.example.org", 10, "the next")
        assert chrome.run("return window.pwned") is None and chrome.errors() == []


def test_failed_probes_look_failed(chrome):
    with Api(document(300)) as api:
        looked(chrome, api, "#sort=domain")
        for dark in (False, True):
            chrome.emulate(1400, 900, dark)
            got = dict(chrome.run(
                "return [...document.querySelectorAll('tr.row')].map(r => {"
                "const p = r.querySelector('.c-probe');"
                "return [r.querySelector('.name').textContent.slice(6, 10),"
                " [p.textContent, getComputedStyle(p).color]]})"))
            text, its = got["0007"]
            assert text.startswith("\u2715 mx1.hoster-a") and "connection refused" in text
            assert its == RED["dark" if dark else "light"]
            text, its = got["0006"]
            assert text.startswith("\u2713 ") and "165\u00a0ms" in text and its not in RED.values()
        chrome.emulate(1400, 900)
        chrome.run("location.hash = '#domain=domain0007.example.org'")
        wait_for(lambda: "failed at connect" in chrome.text(".part-primaries"), 10, "open")
        assert chrome.run("return document.querySelectorAll('.primary .bar .crit').length") == 1


def test_the_trend_fits_the_time_there_is(chrome):
    """An hour of a daemon is as wide as the day of another."""
    for points, said in ((1, "Last 5 min"), (12, "Last 55 min"), (288, "Last day")):
        with Api(document(2), points) as api:
            looked(chrome, api)
            wait_for(lambda: chrome.run("return document.querySelectorAll('svg.spark').length") == 2)
            assert plain(chrome.text("#trend-title")) == said
            x = chrome.run("return [...document.querySelector('.spark .probe').getAttribute('d')"
                           ".matchAll(/[ML]([\\d.]+)/g)].map(m => Number(m[1]))")
            assert min(x) == 0 and max(x) == 120 and len(x) == max(points, 2)


def test_one_style_of_time(chrome):
    relative = re.compile(r"(in )?(\d+ (s|min|h|d)( \d+ (min|h))?)( ago)?|now|never")
    with Api(document(300)) as api:
        looked(chrome, api, "#domain=domain0007.example.org")
        wait_for(lambda: chrome.text(".messages") != "", 10, "messages")
        times = chrome.run("return [...document.querySelectorAll('time')].filter(e =>"
                           " e.textContent).map(e => [e.textContent, e.title])")
        assert len(times) > 100
        for text, exact in times:
            assert relative.fullmatch(plain(text)), text
            assert text == "never" or re.fullmatch(
                r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", exact), (text, exact)
        # and no other one
        assert not re.search(r"20\d\d|\d:\d\d", chrome.text("main").replace(
            "(BDAT)", "")), "a time that is written otherwise"


# ---- several domains

@pytest.mark.parametrize("n", MANY)
def test_several_rows_are_open(chrome, n):
    """They are in the address, each has its own, and the table behind them has no hole."""
    a, b = ("domain%04d.example.org" % i for i in (0, n - 1))
    with Api(document(n)) as api:
        looked(chrome, api, "#sort=domain")
        chrome.run("document.querySelector('tr.row .name').focus()")
        chrome.keys(ENTER)
        wait_for(lambda: opened(chrome) == {a}, 10, "Enter opens")
        chrome.keys(END)
        wait_for(lambda: chrome.focus() == b, 10, "the last row")
        chrome.keys(ENTER)
        wait_for(lambda: b + " is" in chrome.text("#rows"), 10, "and another")
        address = chrome.run("return location.hash")
        assert address.count("domain=") == 2 and a in address and b in address
        assert plain(chrome.text("#close-all")) == "Close 2 rows"
        # whom it is sent to, and who loads it again, sees the same
        chrome.run("location.reload()")
        wait_for(lambda: b in opened(chrome), 20, "the last one opened is seen")
        wait_for(lambda: b + " is" in chrome.text("#rows"), 10, "with its details")
        assert chrome.run("return location.hash") == address
        assert chrome.run("const r = [...document.querySelectorAll('#rows > tr:not([hidden])')]"
                          ".map(e => e.getBoundingClientRect()); return r.every((e, i) =>"
                          " i === 0 || Math.abs(e.top - r[i - 1].bottom) <= 1)"), "no hole"
        chrome.run("window.scrollTo(0, 0)")
        wait_for(lambda: a in opened(chrome) and a + " is" in chrome.text("#rows"), 10, "the first")
        assert chrome.run("return new Set([...document.querySelectorAll('[id]')].map(e => e.id))"
                          ".size === document.querySelectorAll('[id]').length"), "ids are unique"
        # Escape closes the one that one is in, then the other
        chrome.run("[...document.querySelectorAll('.name')].find(e => e.textContent ==="
                   " arguments[0]).focus()", a)
        chrome.keys(ESCAPE)
        wait_for(lambda: chrome.run("return location.hash").count("domain=") == 1, 10, "one left")
        assert a not in chrome.run("return location.hash") and chrome.focus() == a
        chrome.keys(ESCAPE)
        assert "domain=" not in chrome.run("return location.hash") and opened(chrome) == set()
        assert chrome.run("return document.getElementById('close-all').hidden")
        # no more than eight
        some = ["domain=domain%04d.example.org" % i for i in range(min(n, 12))]
        chrome.run("location.hash = '#sort=domain&' + arguments[0]", "&".join(some))
        wait_for(lambda: plain(chrome.text("#close-all")) == "Close %d rows" % min(n, 8), 10)
        click(chrome, "#close-all")
        wait_for(lambda: opened(chrome) == set(), 10, "none")
        assert chrome.run("return location.hash") == "#sort=domain"
        assert chrome.focus() == "domains"
        assert chrome.errors() == []


def test_on_paper(chrome):
    """All rows are printed, up to a thousand, and nothing that is only for a screen."""
    with Api(document(1200)) as api:
        looked(chrome, api, "#q=domain00")
        chrome.command("Emulation.setEmulatedMedia", media="print")
        for q, rows, cut in (("domain00", 100, False), ("", 1000, True)):
            chrome.run("location.hash = '#q=' + arguments[0];"
                       "window.dispatchEvent(new Event('beforeprint'))", q)
            wait_for(lambda: len(names(chrome)) == rows, 10, "all rows")
            assert chrome.run("return !document.getElementById('cut').hidden") == cut
            assert chrome.run("return [...document.querySelectorAll('nav, .fold, .tools label')]"
                              ".every(e => getComputedStyle(e).display === 'none')")
            assert chrome.run("return document.getElementById('below').hidden")
        chrome.run("window.dispatchEvent(new Event('afterprint'))")
        assert len(names(chrome)) <= 60


# ---- one domain

@pytest.mark.parametrize("n", MANY)
def test_a_domain(chrome, n):
    name = "domain%04d.example.org" % (7 if n > 2 else 1)
    s = document(n)
    now = s["time"]
    out = {"next": None, "outages": [
        {"id": 5, "kind": "domain", "name": name, "state": "down", "failed": now - DAY,
         "recovered": None, "drained": None, "down_seconds": 5, "reply": "refused",
         "marks": [{"at": now - DAY + 61, "what": "told", "who": "pager", "text": "trigger"},
                   {"at": now - DAY + 70, "what": "flap", "who": "", "text": ""}]},
        {"id": 4, "kind": "domain", "name": name, "state": "over", "failed": now - 9 * DAY,
         "recovered": now - 8 * DAY, "drained": now - 7 * DAY, "down_seconds": DAY,
         "drain_seconds": DAY, "delivered": 77, "marks": []}]}
    d = next(x for x in s["domains"] if x["domain"] == name)
    d["queue"].update(messages=120, next_expiry=now + 3000, recipients=240, oldest=now - 99)
    with Api(s, outages=out) as api:
        looked(chrome, api, "#domain=" + name)
        wait_for(lambda: name + " is" in chrome.text(".part-why"), 15, "why, in words")
        assert "mxwatchctl flush " + name in chrome.run(
            "return document.querySelector('.part-why code').textContent")
        assert "mxwatchctl flush %s" % name in chrome.text(".part-commands")
        assert "preference 10" in chrome.text(".part-primaries")
        assert chrome.run("return document.querySelectorAll('.ages .fill, .ages .crit').length") > 2
        wait_for(lambda: re.search(r"up to \d+ queued", plain(chrome.text(".part-trend"))), 10)
        rects = "return document.querySelectorAll('.part-record rect.%s').length"
        wait_for(lambda: chrome.run(rects % "down") == 2, 10, "outages as a timeline")
        assert chrome.run(rects % "draining") == 1, "and the flush behind one"
        events = plain(chrome.text(".part-events"))
        for part in ("1 d ago went down: refused", "told: pager (trigger)", "23 h ago failed again",
                     "7 d ago queue is flushed: 77 delivered", "8 d ago is back after 1 d"):
            assert part in events, events
        assert color(chrome, ".part-figures .bad") == RED["light"], "expiry is near"
        chrome.run("document.querySelector('.commands .copy').focus()")
        chrome.keys(ENTER)
        wait_for(lambda: chrome.text(".commands .copy") == "Copied", 10, "copied")
        # envelopes, page by page
        count = "return document.querySelectorAll('.messages tbody tr').length"
        wait_for(lambda: chrome.run(count) == 50, 10, "a page")
        assert "s0@sender.example" in chrome.text(".messages")
        assert "and 1 more" in chrome.text(".messages")
        chrome.run("[...document.querySelectorAll('.pages button')].at(-1).click()")
        wait_for(lambda: "s50@sender" in chrome.text(".messages"), 10, "the second")
        chrome.run("[...document.querySelectorAll('.pages button')].at(-1).click()")
        wait_for(lambda: chrome.run(count) == 20 and "the last" in chrome.text(".pages"), 10, "last")
        chrome.run("document.querySelector('.pages button').click()")
        wait_for(lambda: "s50@sender" in chrome.text(".messages"), 10, "back")
        shot(chrome, "open-%d" % n)
        chrome.emulate(390, 844, phone=True)
        assert no_overflow(chrome)
        wait_for(lambda: 0 <= (chrome.run("const r = document.querySelector('tr.open');"
                                          "return r ? r.getBoundingClientRect().top : -1"))
                 < 844, 10, "a phone that is turned still shows it")
        shot(chrome, "open-phone-%d" % n)
        # Read only: no form, nothing but GET was asked, and what is to be done is text.
        assert chrome.run("return document.forms.length") == 0
        assert chrome.run("return [...document.querySelectorAll('.commands li')].every(e =>"
                          "e.querySelector('code').textContent.startsWith('mxwatchctl ') &&"
                          "e.querySelector('button').getAttribute('aria-label').startsWith('Copy'))")
        assert chrome.errors() == []


# ---- without a mouse, without eyes

def test_keyboard(chrome):
    with Api(document(300)) as api:
        looked(chrome, api)
        seen = []
        for _ in range(25):
            chrome.keys(TAB)
            seen.append(chrome.focus())
        assert seen[0] == "Skip to the domains" and "filter" in seen and "attention" in seen
        assert seen.count("domain0207.example.org") == 1, "a table is one stop"
        chrome.run("document.activeElement.blur()")
        chrome.keys("/")
        assert chrome.focus() == "filter"
        chrome.keys(*"hoster-a", DOWN)
        first = chrome.focus()
        assert first == names(chrome)[0] and len(names(chrome)) == 20
        outline = chrome.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "the focus is to be seen"
        chrome.keys(DOWN, DOWN, UP)
        second = chrome.focus()
        assert second == names(chrome)[1]
        chrome.keys(ENTER)
        wait_for(lambda: "is down" in chrome.text(".part-why"), 10, "Enter opens")
        assert chrome.run("return document.activeElement.getAttribute('aria-expanded')") == "true"
        chrome.run("getSelection().selectAllChildren(document.querySelector('.part-why p'))")
        chrome.run("window.scrollBy(0, 40); window.row = document.activeElement;"
                   "window.part = document.querySelector('.part-commands li')")
        at = chrome.run("return window.scrollY")
        # A refresh that brings others above it takes neither focus nor place nor selection.
        d = next(x for x in api.status["domains"] if x["domain"] == names(chrome)[9])
        d["queue"].update(next_expiry=api.status["time"] + 60, lifetime_used_ratio=.999)
        refreshed(chrome)
        wait_for(lambda: names(chrome)[0] == d["domain"], 10, "another is first now")
        assert chrome.focus() == second and chrome.run(
            "return window.row === document.activeElement && window.part.isConnected")
        assert abs(chrome.run("return window.scrollY") - at - chrome.run(
            "return document.querySelector('tr.row').getBoundingClientRect().height")) <= 1
        assert "is down" in chrome.run("return getSelection().toString()")
        chrome.keys(ESCAPE)
        assert chrome.text(".detail") == "" and chrome.focus() == second, "Escape closes"
        chrome.keys("/", ESCAPE)
        assert chrome.run("return document.getElementById('filter').value") == ""
        assert chrome.errors() == []


CONTRAST = """
const lum = c => { const v = c.map(x => { x /= 255; return x <= .03928 ? x / 12.92 :
    Math.pow((x + .055) / 1.055, 2.4) }); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2] };
const rgb = s => s.match(/[\\d.]+/g).map(Number);
const under = e => { for (; e; e = e.parentElement) { const b = rgb(getComputedStyle(e)
    .backgroundColor); if (b.length < 4 || b[3] > 0) return b.slice(0, 3) } return [255, 255, 255] };
const bad = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let t; (t = walk.nextNode());) {
    const e = t.parentElement;
    if (!t.textContent.trim() || e.closest('[hidden], script, style, noscript, .skip, svg')) continue;
    if (e.getClientRects().length === 0) continue;
    const a = lum(rgb(getComputedStyle(e).color).slice(0, 3)), b = lum(under(e));
    const c = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (c < 4.5) bad.push([t.textContent.trim().slice(0, 30), c.toFixed(2), e.className]);
}
return bad;
"""


def test_contrast(chrome):
    s = document(60)
    s["domains"][1]["removed"] = True
    s["domains"][2]["queue"]["on_hold"] = True
    s["domains"][3]["breaker"] = {"since": 1, "reply": "no"}
    with Api(s) as api:
        for dark in (False, True):
            looked(chrome, api, "#domain=domain0007.example.org", dark=dark)
            wait_for(lambda: chrome.text(".messages") != "", 10, "all parts")
            assert chrome.run(CONTRAST) == [], "dark" if dark else "light"
            shot(chrome, "dark" if dark else "light")
            for view in ("outages", "daemon"):
                chrome.run("location.hash = '#view=' + arguments[0]", view)
                wait_for(lambda: chrome.run("return !document.getElementById('view-%s').hidden"
                                            % view), 10, view)
                assert chrome.run(CONTRAST) == [], view
    chrome.emulate(1400, 900)


@pytest.mark.parametrize("n", MANY)
def test_read_aloud(chrome, n):
    with Api(document(n)) as api:
        looked(chrome, api)
        for live in ("summary", "alerts-title"):
            assert chrome.run("return document.getElementById(arguments[0])"
                              ".getAttribute('aria-live')", live) == "polite"
        click(chrome, "tr.row .name")
        wait_for(lambda: "is" in chrome.text(".part-why"), 10, "open")
        nodes = chrome.command("Accessibility.getFullAXTree")["nodes"]
        nodes = [x for x in nodes if not x.get("ignored")]
        roles = [x["role"]["value"] for x in nodes]
        for role in ("table", "columnheader", "rowheader", "status", "searchbox", "navigation",
                     "heading", "region"):
            assert role in roles, role
        unnamed = [x for x in nodes if x["role"]["value"] in (
            "button", "link", "searchbox", "combobox", "checkbox", "img", "image", "region")
            and not x.get("name", {}).get("value")]
        assert unnamed == []
        # where a row is among all of them
        index = chrome.run("return [...document.querySelectorAll('tr.row')].map(r =>"
                           " Number(r.getAttribute('aria-rowindex')))")
        assert index == list(range(2, 2 + len(index)))
