# SPDX-License-Identifier: ISC
"""mxwatchctl doctor: NSD, a Postfix as the primary and a web server for MTA-STS, first
with one thing wrong after the other, then with all of them right."""
import http.server
import json
import socket
import ssl
import subprocess
import threading

from lib.dnssec import tlsa
from lib.metrics import Metrics
from lib.net import Workdir, certificate, end_process
from lib.smtp import send
from lib.wait import wait_for

US = "192.0.2.25"
HOST = "mx2.backup.test"
POLICY = "version: STSv1\r\nmode: %s\r\nmx: %s\r\nmax_age: 86400\r\n"


class Policies:
    """https://mta-sts.*: `text[host]` is the policy; what is not there is 404, and what
    begins with http leads elsewhere."""

    def __init__(self, cert, key):
        self.text, text = {}, {}
        self.text = text

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = text.get(self.headers["Host"], "")
                content = body.encode()
                moved = body.startswith("http")
                if self.path != "/.well-known/mta-sts.txt" or not body:
                    self.send_error(404)
                    return
                self.send_response(302 if moved else 200)
                self.send_header("Location" if moved else "Content-Type",
                                 body if moved else "text/plain")
                # Without it the end of the connection is that of the content, and Python
                # leaves out the close_notify that newer libraries want to see then.
                self.send_header("Content-Length", str(0 if moved else len(content)))
                self.end_headers()
                self.wfile.write(b"" if moved else content)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def found(d, *args, rc=None):
    """{(domain, check): (severity, text, remedy)}, the worst of each, and the end."""
    r = d.ctl_run("doctor", *args, "--json")
    assert rc is None or r.returncode == rc, r.stdout + r.stderr
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    order = ["error", "warning", "info", "ok"]
    out = {}
    for f in lines[:-1]:
        key = f["domain"], f["check"]
        if key not in out or order.index(f["severity"]) < order.index(out[key][0]):
            out[key] = f["severity"], f["text"], f["remedy"]
    return out, lines[-1]


def world(stack, **parts):
    """The primary, DNS with little in it, and the daemon, which sends from US."""
    stack.address(US)
    folder = stack.add(Workdir("doctor"), lambda w: w.remove()).path
    mx = stack.primary(extra="smtpd_discard_ehlo_keywords = 8bitmime, smtputf8\n"
                             "message_size_limit = 1048576", name="primary.a.test")
    zones = {
        "backup.test": "",
        "2.0.192.in-addr.arpa": "99 PTR elsewhere.test.",
        "bl.test": "25.2.0.192 A 127.0.0.2\n",
        "a.test": "@ MX 10 primary\nprimary A 127.0.0.1\n_mta-sts TXT \"v=STSv1; id=1\"\n"
                  "mta-sts A 127.0.0.1",
    }
    dns = stack.dns(zones)
    cert = certificate(folder, "mta-sts.a.test")
    web = stack.add(Policies(*cert), lambda w: w.close())
    own = certificate(folder, "other.test", days=5)
    d = stack.mxwatchd(
        {"a.test": 'primary = {"primary.a.test:%d"}' % mx.port}, options="""
resolver = {"127.0.0.1@%d"}
resolver_timeout = "1s"
doctor { interval = "0s" dnsbl = {"bl.test"} ca_file = "%s" }
""" % (dns.port, cert[0]), smtpd='tls_cert = "%s" tls_key = "%s" message_size = "2M"' % own,
        defaults="""
    probe { interval = "200ms" timeout = "2s" fall = 2 rise = 2 hold = "0s" depth = "rcpt" }
    deliver { source = "%s" }
""" % US, **parts)
    d.wait_state("a.test", "up")
    return d, dns, mx, web, folder


def test_sick_then_well(stack):
    d, dns, mx, web, folder = world(stack)
    mx.set_access({"postmaster@a.test": "450 4.2.0 Greylisted"})
    web.text["mta-sts.a.test"] = POLICY % ("enforce", "primary.a.test")
    d.wait_state("a.test", "up")
    f, end = found(d, "a.test", rc=1)
    want = {
        ("", "address"): ("error", "has no address", "Publish its A"),
        ("", "helo"): ("ok", HOST, ""),
        ("", "ptr"): ("warning", US + " has no PTR record", "set it to " + HOST),
        ("", "spf"): ("info", "has no SPF record", 'TXT "v=spf1 a -all"'),
        ("", "dnsbl"): ("error", US + " is in the list bl.test", "removal"),
        ("", "certificate"): ("error", "is not for " + HOST, "DNS name " + HOST),
        ("", "tlsa"): ("ok", "no TLSA record", ""),
        ("a.test", "mx"): ("error", "is not in the MX records of a.test",
                           "Add: a.test. MX 20 mx2.backup.test."),
        ("a.test", "mta_sts"): ("error", "(mode enforce) does not cover " + HOST,
                                'Add "mx: mx2.backup.test"'),
        ("a.test", "primary"): ("ok", "is up", ""),
        ("a.test", "acceptance"): ("warning", "450", "Exempt " + US),
        ("a.test", "recipients"): ("ok", "has refused no recipient of a list", ""),
        ("a.test", "primary_tls"): ("info", "does not offer STARTTLS", "smtpd_tls_security_level"),
        ("a.test", "xforward"): ("info", "does not offer XFORWARD",
                                 "smtpd_authorized_xforward_hosts = " + US),
        ("a.test", "size"): ("warning", "accepts messages of up to 2M", 'message_size = "1M"'),
        ("a.test", "eightbitmime"): ("info", "does not offer 8BITMIME", ""),
        ("a.test", "smtputf8"): ("info", "does not offer SMTPUTF8", "smtputf8_enable"),
    }
    assert set(f) == set(want)
    for key, (severity, text, remedy) in want.items():
        assert f[key][0] == severity and text in f[key][1] and remedy in f[key][2], (key, f[key])
    # the certificate ends soon, too
    assert (end["errors"], end["warnings"], end["rc"]) == (5, 4, 1)
    rc, text = d.ctl("doctor", "a.test")
    assert rc == 1 and "mxwatchctl: 5 errors, 4 warnings" in text
    assert text.startswith("this host\n  error   address       mx2.backup.test has no address")
    assert "-> Add: a.test. MX 20 mx2.backup.test." in text
    assert max(len(line) for line in text.splitlines()) <= 80

    # all of it is mended
    own = certificate(folder, HOST)
    mx.set_access({})
    mx.set_service((mx.host, mx.port), smtpd_discard_ehlo_keywords="",
                   smtpd_authorized_xforward_hosts=US)
    web.text["mta-sts.a.test"] = POLICY % ("enforce", "*.backup.test")
    dns.set(
        backup_test='mx2 A %s\nmx2 TXT "v=spf1 ip4:192.0.2.0/28 " "include:spf.a.test -all"\n'
                    "_25._tcp.mx2 TLSA %s" % (US, tlsa(own[0])),
        a_test=dns.zones["a.test"] + "\n@ MX 20 %s." % HOST +
        '\nspf TXT "v=spf1 redirect=_spf.a.test"\n_spf TXT "v=spf1 a:mx2.backup.test ~all"',
        bl_test="2.0.0.127 A 127.0.0.2",
        **{"2.0.192.in-addr.arpa": "25 PTR %s." % HOST})
    d.reload(smtpd='tls_cert = "%s" tls_key = "%s" message_size = "1M"' % own)

    def is_well():
        f, end = found(d, "a.test")
        bad = {k: v for k, v in f.items() if v[0] != "ok" and k != ("a.test", "primary_tls")}
        assert not bad, bad
        assert set(f) == set(want)
        assert end["rc"] == 0
        return True
    wait_for(is_well, 20, "all is well")

    # where others send is not what is watched
    dns.set(a_test=dns.zones["a.test"] + "\ninner A 127.0.0.1")
    d.reload(domains={"a.test": 'primary = {"inner.a.test:%d"}' % mx.port})
    wait_for(lambda: "primary.a.test is the first MX of a.test" in
             found(d, "a.test")[0]["a.test", "mx"][1], 10)


def test_a_look_at_all(stack):
    """By itself, once an interval: kept, shown, and told."""
    d, dns, mx, web, folder = world(stack)
    web.text["mta-sts.a.test"] = "https://elsewhere.test/"
    options = d.parts["options"].replace('interval = "0s"', 'interval = "1s"')
    d.reload(options=options + '\nalert "doctor_finding" { enabled = yes }\n')
    wait_for(lambda: d.metrics().get("doctor_last_run_timestamp_seconds") > 0, 15, "a run")
    f, end = found(d, rc=1)
    assert ("a.test", "primary") not in f  # it is well
    assert f["a.test", "mx"][0] == "error" and end["checked"] > 0
    assert "HTTP 302, a redirect, is not followed" in f["a.test", "mta_sts"][1]
    m = d.metrics()
    assert m.get("doctor_findings", check="mx", severity="error") == 1
    assert m.get("doctor_findings", check="mx", severity="warning") == 0
    assert m.get("doctor_findings", check="dnsbl", severity="error") == 1
    doctor = d.status()["doctor"]
    assert doctor["errors"] == 4 and doctor["checked"] > 0
    assert [x["severity"] for x in doctor["findings"]][:4] == ["error"] * 4
    assert {x["domain"] for x in doctor["findings"]} == {"", "a.test"}
    wait_for(lambda: [a["alert"] for a in d.status()["alerts"] if a["state"] == "firing"] ==
             ["doctor_finding"], 15, "the alert")
    # a restart knows what was found, and when
    d.reload(options=options.replace('interval = "1s"', 'interval = "0s"') +
             '\nalert "doctor_finding" { enabled = yes }\n')
    wait_for(lambda: not d.status()["doctor"]["running"], 15, "the last run is over")
    before = found(d, rc=1)
    d.stop()
    d.start()
    after = found(d, rc=1)
    assert after == before and after[1]["checked"] > 0
    m = d.metrics()
    assert m.get("doctor_findings", check="mx", severity="error") == 1
    assert m.get("doctor_last_run_timestamp_seconds") == after[1]["checked"]
    assert d.status()["doctor"]["errors"] == 4
    wait_for(lambda: [a["alert"] for a in d.status()["alerts"] if a["state"] == "firing"] ==
             ["doctor_finding"], 15, "the alert")
    # a domain that left is not told of any more
    d.reload(domains={"b.test": 'primary = {"127.0.0.1:9"}'})
    wait_for(lambda: {k[0] for k in found(d, "--now")[0]} == {"", "b.test"}, 15, "b.test alone")
    assert d.ctl("doctor", "a.test") == (
        1, "mxwatchctl: a.test: no such domain in the configuration\n")


def test_each_in_its_own_way(stack):
    """MX records and policies of many domains at once, and a host of which nothing is
    right, though all of it is there."""
    stack.address(US)
    folder = stack.add(Workdir("doctor"), lambda w: w.remove()).path
    names = "abcdefghij"
    cert = certificate(folder, also=["mta-sts.%s.test" % n for n in names])
    web = stack.add(Policies(*cert), lambda w: w.close())
    announced = '\n_mta-sts TXT "v=STSv1; id=1"\nmta-sts A 127.0.0.1'
    zones = {
        "backup.test": 'mx2 CNAME real.backup.test.\nreal A %s\nreal TXT "v=spf1 -all"\n'
                       "named A %s" % (US, US),
        "2.0.192.in-addr.arpa": "25 PTR elsewhere.backup.test.",
        "deaf.test": "25.2.0.192 A 127.255.255.254",
        "all.test": "* A 127.0.0.2",
        "a.test": "@ MX 10 mx.a.test.\n@ MX 10 mx2.backup.test.",
        "b.test": "@ MX 5 mx2.backup.test.\n@ MX 10 mx.b.test.",
        "c.test": "@ MX 10 mx.c.test.\n@ MX 20 named.backup.test.\nmx A 192.0.2.77",
        "d.test": "@ MX 0 .",
        "e.test": "x A 127.0.0.1",
        "f.test": "@ MX 10 mx.f.test.\n@ MX 20 mx2.backup.test." + announced,
        "g.test": "@ MX 10 mx.g.test.\n@ MX 20 mx2.backup.test." + announced,
        "h.test": "@ MX 10 mx.h.test.\n@ MX 20 mx2.backup.test." + announced,
        "i.test": "@ MX 10 mx.i.test.\n@ MX 65530 other.test." + announced +
                  '\n_mta-sts TXT "v=STSv1; id=2"',
        "j.test": None,
    }
    web.text.update({
        "mta-sts.f.test": POLICY % ("testing", "mx.f.test"),
        "mta-sts.g.test": "version: STSv1\nmode: perhaps\n",
        "mta-sts.h.test": POLICY % ("enforce", "mx2.backup.test") + "x: " + 70000 * "y",
    })
    dns = stack.dns(zones)
    d = stack.mxwatchd(
        {n + ".test": 'primary = {"mx.%s.test:9"}' % n for n in names}, options="""
resolver = {"127.0.0.1@%d"}
resolver_timeout = "1s"
self = {"%s"}
doctor { interval = "0s" dnsbl = {"deaf.test", "all.test*2"} ca_file = "%s" }
""" % (dns.port, US, cert[0]), defaults="""
    probe { interval = "1s" timeout = "1s" }
    deliver { source = "%s" }
""" % US)
    dns.set(**{n + "_test": zones[n + ".test"] + "\nmx A 127.0.0.1" for n in "ab"})
    for n in "ab":
        d.wait_state(n + ".test", "down")
    f, end = found(d, "--now", rc=1)
    want = {
        ("", "address"): ("warning", "is an alias (CNAME) of real.backup.test"),
        ("", "ptr"): ("warning", "does not resolve back"),
        ("", "spf"): ("error", "forbids " + US),
        ("", "dnsbl"): ("info", ""),
        ("", "certificate"): ("warning", "does not offer TLS"),
        ("a.test", "mx"): ("warning", "shares the best MX preference for a.test (10)"),
        ("b.test", "mx"): ("warning", "is the best MX of b.test (5)"),
        ("c.test", "mx"): ("warning", "names this host named.backup.test"),
        ("d.test", "mx"): ("error", "null MX"),
        ("e.test", "mx"): ("error", "is not in the MX records"),
        ("f.test", "mx"): ("warning", "which is an alias (CNAME) of real.backup.test"),
        ("g.test", "mx"): ("warning", "which is an alias (CNAME)"),
        ("h.test", "mx"): ("warning", "which is an alias (CNAME)"),
        ("f.test", "mta_sts"): ("warning", "(mode testing) does not cover"),
        ("g.test", "mta_sts"): ("warning", "its mode is not enforce"),
        ("h.test", "mta_sts"): ("warning", "more than 65536 bytes"),
        ("i.test", "mx"): ("error", "is not in the MX records"),
        ("i.test", "mta_sts"): ("warning", "has 2 records"),
        ("j.test", "mx"): ("info", "could not be looked up (SERVFAIL)"),
        ("j.test", "mta_sts"): ("info", "could not be looked up (SERVFAIL)"),
    }
    got = {k: v for k, v in f.items() if k[1] != "primary"}
    assert set(got) == set(want)
    for key, (severity, text) in want.items():
        assert f[key][0] == severity and text in f[key][1], (key, f[key])
    assert "MX 65535 mx2" in f["i.test", "mx"][2]
    assert {k[0] for k, v in f.items() if k[1] == "primary" and v[0] == "warning"} >= {
        "a.test", "b.test"}
    text = d.ctl("doctor")[1]
    assert "the list deaf.test gives an answer that is not an entry" in " ".join(text.split())
    assert "the list all.test lists 127.0.0.1, so perhaps every address" in " ".join(text.split())


def test_whom_the_primary_refuses(stack):
    """What it said of those in the list; and what it says of this host, of the domain,
    of the probe's mailbox and of its sender."""
    stack.address(US)
    mx = stack.fakemx()
    d = stack.mxwatchd({}, start=False, options="doctor { dnsbl = {} }")
    boxes = d.file("list", "".join("u%d@a.test OK\n" % i for i in range(5)))
    d.write(domains={"a.test": 'primary = {"127.0.0.1:%d"}\nrecipients = "%s"\n'
                               'refusal_grace = "0s"' % (mx.port, boxes)})
    d.start()
    d.wait_state("a.test", "up")
    mx.misbehave[:] = ["rcpt-550=u0@a.test"]
    for i in (1, 0, 2):
        send(d.port, rcpts=["u%d@a.test" % i])

    def refused():
        d.ctl("flush", "a.test")
        severity, text, _ = found(d, "a.test")[0]["a.test", "recipients"]
        assert severity == "warning", text
        assert "refuses 1 address in the list of a.test (u0@a.test)" in text
        return True
    wait_for(refused, 20, "it is believed")
    for say, severity, text, remedy in (
            ("550 5.7.25 reverse DNS validation failed", "error", "refuses this host: 550",
             "Exempt "),
            ("550 5.7.1 not for you", "warning", "refuses mail from here by policy", "Exempt "),
            ("554 5.7.1 Relay access denied", "error", "does not accept mail for a.test",
             "Configure a.test there"),
            ("550 5.1.1 no such user", "warning", "refuses postmaster@a.test", "probe { rcpt"),
            ("451 4.3.0 later", "warning", "defers mail from here: 451 4.3.0 later", "greylisting"),
            ("550 5.1.8 sender rejected", "warning", "refuses the sender of the probe",
             "MAIL FROM:<>")):
        mx.misbehave[:] = ["say-rcpt=" + say]
        got = found(d, "a.test")[0]["a.test", "acceptance"]
        assert got[0] == severity and text in got[1] and remedy in got[2], (say, got)


def test_a_stop_in_the_middle(stack):
    """While a web server is silent, and somebody waits for what it has."""
    dns = stack.dns({"a.test": '_mta-sts TXT "v=STSv1; id=1"\nmta-sts A 127.0.0.1'})
    deaf = stack.add(socket.create_server(("127.0.0.1", 443)), lambda s: s.close())
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'},
                       options='resolver = {"127.0.0.1@%d"}' % dns.port)
    who = stack.add(subprocess.Popen([d.build + "/mxwatchctl", "-s", d.socket, "doctor", "a.test"],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True),
                    end_process)
    deaf.settimeout(15)
    peer, _ = deaf.accept()
    d.stop()
    peer.close()
    assert who.wait(10) == 1
    who.stdout.close()


def test_what_does_not_answer(stack):
    """Nobody waits longer than doctor { timeout }, and what is not known is no error."""
    stack.address(US)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, options="""
resolver = {"127.0.0.1@9"}
resolver_timeout = "20s"
doctor { timeout = "1s" }
""")
    d.wait_state("a.test", "down")
    f, end = found(d, "a.test", rc=1)
    assert f["", "address"][0] == "info" and "not checked" in f["", "address"][1]
    assert f["a.test", "mx"][0] == "info"
    assert f["a.test", "primary"][0] == "warning"
    assert "its primary 127.0.0.1:9 is down: " in f["a.test", "primary"][1]
    assert f["", "certificate"][0] == "warning" and "does not offer TLS" in f["", "certificate"][1]
    assert isinstance(d.metrics(), Metrics)


def test_a_primary_that_is_not_in_service(stack):
    """Who has two wants to know that the second one would take the mail, too."""
    first = stack.fakemx()
    second = stack.fakemx(misbehave=["say-rcpt=550 5.7.1 Blocked here"])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d", "127.0.0.1:%d"}' % (
        first.port, second.port)}, options='doctor { interval = "0s" }', defaults="""
    probe { interval = "200ms" timeout = "2s" fall = 2 rise = 2 depth = "ehlo" }
""")
    d.wait_state("a.test", "up")

    def acceptance():
        """Of both, by their ports."""
        lines = [json.loads(s) for s in d.ctl_run("doctor", "a.test", "--json").stdout.splitlines()]
        texts = [(f["severity"], f["text"]) for f in lines if f.get("check") == "acceptance"]
        assert len(texts) == 2, texts
        return {port: [t for t in texts if str(port) in t[1]][0] for port in (first.port, second.port)}
    got = wait_for(acceptance, 15, "both are up")
    assert got[first.port][0] == "ok" and "accepts mail for a.test" in got[first.port][1]
    assert got[second.port][0] in ("warning", "error") and "550" in got[second.port][1]
    second.stop()

    def is_missed():
        f, _ = found(d, "a.test")
        severity, text, remedy = f["a.test", "primary"]
        assert severity == "warning" and "127.0.0.1:%d is down" % second.port in text, text
        assert "fall back on for 127.0.0.1:%d" % first.port in text
        assert remedy == "mxwatchctl why a.test"
        assert f["a.test", "acceptance"][0] == "ok"
        return True
    wait_for(is_missed, 15, "the second one is down")
