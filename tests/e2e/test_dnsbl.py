# SPDX-License-Identifier: ISC
"""Clients in lists in the DNS (RFC 5782): NSD with sound and broken lists, and a
name server that does not answer."""
from lib.baddns import A, BadDns, reply
from lib.smtp import Raw
from lib.wait import wait_for

DOWN = 'primary = {"127.0.0.1:9"}'
BAD, GOOD, OTHER = "127.0.0.3", "127.0.0.4", "127.0.0.5"
TEST = "2.0.0.127 IN A 127.0.0.2\n"
ZONES = {
    "bl.test": TEST + "3.0.0.127 IN A 127.0.0.4\n4.0.0.127 IN A 127.0.0.2\n"
                      "9.0.0.127 IN A 127.0.0.4\n5.0.0.127 IN A 127.255.255.254\n",
    "wl.test": TEST + "4.0.0.127 IN A 127.0.10.2\n",
    "all.test": "* IN A 127.0.0.2\n",
    "gone.test": "x IN A 127.0.0.2\n",
}


def rcpts(port, source, *rcpt):
    with Raw(port, source=source) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        return [c.cmd("RCPT TO:<%s>" % r)[:9] for r in rcpt]


def alerts(d):
    return [a["list"] for a in d.status()["alerts"] if a["alert"] == "dnsbl_broken"]


def state(d, name):
    return {x["list"]: x for x in d.status()["dnsbls"]}[name]


def start(stack, port, smtpd, domains=None, tested=("bl.test",)):
    d = stack.mxwatchd(domains or {"a.test": DOWN}, defaults="",
                       smtpd="trusted = {} dnsbl_test = \"6s\" " + smtpd,
                       options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "1s"' % port)
    for name in tested:
        wait_for(lambda: state(d, name)["state"] != "untested", 10, "the test of " + name)
    return d


def test_lists_weights_and_health(stack):
    dns = stack.dns(ZONES)
    mx = stack.fakemx(host="127.0.0.9")
    d = start(stack, dns.port,
              'dnsbl = {"bl.test=127.0.0.[2;4]*2", "wl.test=127.0.[0..255].[1-3]*-1",'
              ' "all.test*9", "gone.test*9"} dnsbl_threshold = 2',
              {"a.test": DOWN, "b.test": 'primary = {"%s:%d"}' % ("127.0.0.9", mx.port)},
              tested=("bl.test", "wl.test", "all.test", "gone.test"))
    assert rcpts(d.port, BAD, "u@a.test", "postmaster@a.test", "u@a.test", "postmaster@b.test") == [
        "554 5.7.1", "250 2.1.5", "554 5.7.1", "250 2.1.5"]
    assert rcpts(d.port, GOOD, "u@a.test") == ["250 2.1.5"]  # 2 - 1
    assert rcpts(d.port, OTHER, "u@a.test") == ["250 2.1.5"]  # 127.255.255.254
    assert [state(d, z)["state"] for z in ("bl.test", "wl.test", "all.test", "gone.test")] == [
        "ok", "ok", "broken", "broken"]
    assert d.logged("refused=554 dnsbl=bl.test")
    assert d.log().count("refused=554 dnsbl=bl.test") == 1  # a line a session
    # in one segment, in order
    with Raw(d.port, source=BAD) as c:
        c.ok("EHLO client.test")
        c.send(b"MAIL FROM:<s@sender.test>\r\nRCPT TO:<u@a.test>\r\nRCPT TO:<postmaster@a.test>\r\n"
               b"RCPT TO:<u@nowhere.test>\r\nNOOP\r\n")
        assert [c.reply()[:9] for _ in range(5)] == [
            "250 2.1.0", "554 5.7.1", "250 2.1.5", "554 5.7.1", "250 2.0.0"]
    m = d.metrics()
    assert m.get("dnsbl_refusals_total", list="bl.test") == 3
    assert m.get("dnsbl_hits_total", list="bl.test") >= 1
    assert m.get("dnsbl_queries_total", list="all.test") == 0
    assert m.get("dnsbl_state", list="all.test", state="broken") == 1
    assert m.get("smtpd_recipients_rejected_total", code="554", reason="dnsbl") == 3
    # the primary is listed, too
    wait_for(lambda: d.metrics().get("primary_probe_sessions_total",
                                     primary="127.0.0.9:%d" % mx.port) > 0, 15)
    wait_for(lambda: rcpts(d.port, "127.0.0.9", "u@a.test") == ["250 2.1.5"], 15)
    # an alert for each, silenced by its name
    wait_for(lambda: alerts(d) == ["all.test", "gone.test"], 10)
    assert [a["domain"] for a in d.status()["alerts"] if a["list"]] == ["", ""]
    wait_for(lambda: d.metrics().get("alerts_active", list="gone.test",
                                     alert="dnsbl_broken") == 1, 10)
    assert d.metrics().get("alerts_active", list="bl.test", alert="dnsbl_broken") == 0
    assert "dnsbl all.test broken" in d.ctl("status")[1]
    assert "dnsbl_broken         gone.test" in d.ctl("alerts")[1]
    assert d.ctl("silence", "dnsbl_broken/gone.test", "--for", "1h")[0] == 0
    wait_for(lambda: [a["list"] for a in d.status()["alerts"] if a["silenced"]] == ["gone.test"], 10)
    assert d.logged("alert=dnsbl_broken list=all.test state=firing")
    # mended, seen by a reload at once
    dns.set(all_test=TEST)
    d.reload()
    wait_for(lambda: state(d, "all.test")["state"] == "ok", 10)
    wait_for(lambda: alerts(d) == ["gone.test"], 10)
    d.reload(smtpd='trusted = {} dnsbl_test = "6s" dnsbl = {"all.test*9"}')  # it is asked no more
    wait_for(lambda: alerts(d) == [], 10)


def test_who_is_not_asked_for(stack):
    dns = stack.dns(ZONES)
    d = start(stack, dns.port, 'dnsbl = {"bl.test"} xclient = {"127.0.0.3"}')
    assert rcpts(d.port, BAD, "u@a.test") == ["250 2.1.5"]
    with Raw(d.port, source=BAD) as c:  # a listed proxy, then its client
        c.ok("EHLO proxy.test")
        for client, code in (("127.0.0.9", "554 5.7.1"), ("127.0.0.6", "250 2.1.5")):
            c.ok("XCLIENT ADDR=" + client, "220")
            c.ok("EHLO client.test")
            c.ok("MAIL FROM:<s@sender.test>")
            assert c.cmd("RCPT TO:<u@a.test>")[:9] == code
            c.ok("RSET")
    d.reload(smtpd='trusted = {"127.0.0.9"} dnsbl = {"bl.test"}')
    assert rcpts(d.port, "127.0.0.9", "u@a.test") == ["250 2.1.5"]


def test_a_resolver_that_never_answers(stack):
    """Tests are answered, look-ups of clients are not: a RCPT waits for so long,
    others for nothing, and after some failures nobody waits."""
    def answer(question, query, tcp):
        name, kind = question
        if name.endswith("bl.test") and not name.startswith(("1.", "2.")):
            return []
        hit = name == "2.0.0.127.bl.test" and kind == A
        return [reply(query, [b"\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\x04\x7f\0\0\x02"] if hit else [],
                      flags=0x8180 if hit else 0x8183)]
    dns = stack.add(BadDns(answer), lambda x: x.close())
    d = start(stack, dns.port, 'dnsbl = {"bl.test"} dnsbl_wait = "700ms"')
    with Raw(d.port, source=BAD) as slow:
        slow.ok("EHLO client.test")
        slow.send(b"MAIL FROM:<s@sender.test>\r\nRCPT TO:<u@a.test>\r\nRCPT TO:<v@a.test>\r\n")
        with Raw(d.port, source=GOOD) as c:  # a session beside it goes on
            c.ok("EHLO client.test")
            c.ok("NOOP")
            assert c.cmd("RCPT TO:<u@a.test>").startswith("503")
        assert [slow.reply()[:3] for _ in range(3)] == ["250"] * 3
    for i in range(10, 16):
        assert rcpts(d.port, "127.0.0.%d" % i, "u@a.test") == ["250 2.1.5"]
        if state(d, "bl.test")["silent"]:
            break
    wait_for(lambda: state(d, "bl.test")["silent"], 10, "it is silent")
    assert d.logged("clients no longer wait for it")
    assert rcpts(d.port, "127.0.0.30", "u@a.test") == ["250 2.1.5"]


def test_wrong_lists_are_said(stack):
    d = stack.mxwatchd({"a.test": DOWN}, defaults="", start=False,
                       smtpd='dnsbl = {"bl.test=127.0.0.[2"}')
    r = d.run("-n", "-c", d.conf)
    assert r.returncode != 0 and "has an invalid filter" in r.stderr
