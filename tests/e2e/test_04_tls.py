# SPDX-License-Identifier: ISC
"""STARTTLS both ways: taken from clients, used towards the primary, watched by
the probe. B6, G1."""
import datetime
import os
import re
import ssl
import time

import pytest

from lib.net import certificate
from lib.smtp import Raw, queue_id, send, stuff, subjects, text
from lib.wait import stays, wait_for


@pytest.fixture(scope="module")
def tls(module_stack):
    mx = module_stack.fakemx()
    from lib.mxwatchd import Mxwatchd
    d = module_stack.add(Mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port}),
                         lambda x: x.close())
    cert, key = certificate(d.dir, "mx2.backup.test")
    d.write(smtpd='tls_cert = "%s" tls_key = "%s"' % (cert, key)).start()
    d.wait_state("a.test", "up")
    return d, mx


def test_intake_with_starttls(tls):
    d, mx = tls
    with Raw(d.port) as c:
        assert "STARTTLS" in c.ok("EHLO client.test").upper()
        c.starttls()
        # What was said before is forgotten (RFC 3207 4.2).
        assert c.cmd("MAIL FROM:<s@sender.test>").startswith("503")
        assert "STARTTLS" not in c.ok("EHLO client.test").upper()
        c.ok("MAIL FROM:<s@sender.test>")
        c.ok("RCPT TO:<u@a.test>")
        c.ok("DATA", "354")
        c.send(stuff(text("over tls")))
        assert queue_id(c.reply())
        assert c.cmd("STARTTLS").startswith("5")
    wait_for(lambda: "over tls" in subjects(m.data for m in mx.messages))
    data = [m.data for m in mx.messages if b"over tls" in m.data][0]
    assert re.search(rb"(?s)^Received: .*with ESMTPS\b.*TLSv1\.[23]|with ESMTPS", data)
    m = d.metrics()
    assert m.sum("smtpd_tls_sessions_total") == 1


def test_a_session_is_resumed_over_a_reload(tls):
    d, _ = tls
    with Raw(d.port) as first:
        first.ok("EHLO client.test")
        first.starttls()
        first.ok("EHLO client.test")  # its ticket comes with the reply
        assert not first.sock.session_reused
        with Raw(d.port) as c:
            c.ok("EHLO client.test")
            c.starttls(first)
            assert c.ok("EHLO client.test") and c.sock.session_reused
            assert d.reload()[0] == 0
            with Raw(d.port) as later:
                later.ok("EHLO client.test")
                later.starttls(c)
                assert later.ok("EHLO client.test") and later.sock.session_reused


def test_case_B6_text_behind_starttls_is_never_answered_inside(tls):
    d, mx = tls
    n = len(mx.messages)
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.send("STARTTLS\r\nRSET\r\nEHLO evil.test\r\nMAIL FROM:<evil@x.test>\r\n"
               "RCPT TO:<u@a.test>\r\n")
        assert c.reply().startswith("220")
        assert c.buf == b"", "answered in clear"
        import ssl
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        try:
            c.sock = ctx.wrap_socket(c.sock)
        except (ssl.SSLError, OSError):
            return  # refusing the handshake is fine, too
        assert c.cmd("RCPT TO:<u@a.test>").startswith("503")
        c.ok("EHLO client.test")
        assert c.cmd("DATA").startswith("503")
    assert len(mx.messages) == n


def test_a_handshake_that_is_none(tls):
    d, _ = tls
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("STARTTLS")
        c.send(b"this is no handshake\r\n" * 10)
        assert c.at_end(15) or True
    send(d.port, "still served")


@pytest.mark.beside
def test_without_a_certificate_it_is_not_offered(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'})
    with Raw(d.port) as c:
        assert "STARTTLS" not in c.ok("EHLO client.test").upper()
        assert c.cmd("STARTTLS").startswith("502")
        c.ok("NOOP")


class Renewed:
    """A daemon with a certificate of its own, and another one to change it for. The
    files are looked at each five seconds."""

    def __init__(self, stack):
        self.d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
        paths = certificate(self.d.dir, "mx2.backup.test")
        self.cert, self.key = (os.path.basename(x) for x in paths)
        self.first = [open(x, "rb").read() for x in paths]
        self.other = [open(x, "rb").read() for x in certificate(self.d.dir, "other.test")]
        self.d.write(smtpd='tls_cert = "%s" tls_key = "%s"' % paths).start()

    def shown(self, c):
        """The certificate, as the client of that connection sees it."""
        c.ok("EHLO client.test")
        c.starttls()
        c.ok("EHLO client.test")
        return ssl.DER_cert_to_PEM_cert(c.sock.getpeercert(True)).encode()

    def fresh(self):
        with Raw(self.d.port) as c:
            return self.shown(c)

    def wait_fresh(self, pair, what):
        wait_for(lambda: self.fresh() == pair[0], 15, what)

    def wait_refused(self, is_):
        wait_for(lambda: self.d.metrics().get("smtpd_certificate_refused") == is_)


@pytest.mark.beside
def test_certificate_is_read_again_when_it_changes(stack):
    """A new key waits for its certificate, the next STARTTLS has what is new, and who
    has begun goes on with what he has."""
    r = Renewed(stack)
    d = r.d
    with Raw(d.port) as under_way:
        assert r.shown(under_way) == r.first[0]
        under_way.ok("MAIL FROM:<s@sender.test>")
        assert d.metrics().get("smtpd_certificate_refused") == 0
        d.secret(r.key, r.other[1])
        d.wait_log(r"error smtpd problem=.*mx2.backup.test.key.*the old certificate stays in force", 15)
        r.wait_refused(1)
        assert d.status()["smtpd"]["certificate_refused"] is True
        assert "CERTIFICATE" in d.ctl("status")[1]
        assert r.fresh() == r.first[0], "a key waits for its certificate"
        d.file(r.cert, r.other[0])
        r.wait_fresh(r.other, "the next STARTTLS has the new one")
        r.wait_refused(0)
        d.wait_log(r"notice smtpd tls=renewed cert=")
        under_way.ok("RCPT TO:<u@a.test>")
        under_way.ok("RSET")


@pytest.mark.beside
def test_nonsense_in_place_of_a_certificate_is_said_and_not_taken(stack):
    """Neither after a good one that was taken."""
    r = Renewed(stack)
    r.d.secret(r.key, r.other[1])
    r.d.file(r.cert, r.other[0])
    r.wait_fresh(r.other, "the other one")
    r.d.file(r.cert, "nonsense\n")
    r.d.wait_log(r"error smtpd problem=.*mx2.backup.test.crt.*the old certificate stays in force", 15)
    assert r.fresh() == r.other[0]
    r.wait_refused(1)


@pytest.mark.beside
def test_a_key_that_others_may_read_is_not_taken_until_it_is_mended(stack):
    r = Renewed(stack)
    os.unlink(os.path.join(r.d.dir, r.cert))  # somebody is just replacing it
    r.d.file(r.cert, r.other[0])
    os.chmod(r.d.secret(r.key, r.other[1]), 0o644)
    r.d.wait_log(r"error smtpd problem=.*mx2.backup.test.key.*other than", 15)
    assert r.fresh() == r.first[0]
    r.d.secret(r.key, r.other[1])
    r.wait_fresh(r.other, "mended")
    r.wait_refused(0)


def test_unreadable_certificate_is_named(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    bad = d.secret("bad.pem", "no certificate\n")
    d.write(smtpd='tls_cert = "%s" tls_key = "%s"' % (bad, bad))
    r = d.run("-f", "-c", d.conf)
    assert r.returncode in (1, 2) and bad in r.stderr, r.stderr


@pytest.mark.beside
def test_delivery_to_a_postfix_with_tls(stack):
    pf = stack.primary(["a.test"], tls=True)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\ndeliver { tls = "require" }\n'
                                  'probe { depth = "starttls" }' % pf.port})
    d.wait_state("a.test", "up")
    send(d.port, "secret")
    got = pf.wait_messages(1)[0]
    assert re.search(rb"using TLSv1\.[23]", got)
    label = "127.0.0.1:%d" % pf.port
    m = d.metrics()
    expiry = m.get("probe_tls_earliest_cert_expiry_timestamp_seconds", domain="a.test",
                   primary=label)
    end = datetime.datetime.fromtimestamp(expiry)
    assert abs((end - datetime.datetime.now()).total_seconds() - 90 * 86400) < 86400 * 1.5
    assert m.get("probe_duration_seconds", domain="a.test", primary=label, phase="starttls") > 0
    primary = d.status()["domains"][0]["primaries"][0]
    assert primary["cert_not_after"] == pytest.approx(expiry)


@pytest.mark.beside
def test_probe_to_the_depth_of_rcpt_uses_tls_as_delivery_does(stack):
    pf = stack.primary(["a.test"], tls=True)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\nprobe { depth = "rcpt" }' % pf.port})
    d.wait_state("a.test", "up")
    m = d.metrics()
    assert m.sum("probe_tls_earliest_cert_expiry_timestamp_seconds", domain="a.test") > time.time()
    assert sum(m.sum("probe_duration_seconds", domain="a.test", phase=p)
               for p in ("mail", "rcpt")) > 0, "one reply may bring both"
    assert not pf.messages()


@pytest.mark.beside
@pytest.mark.parametrize("how", ["missing", "454", "broken"])
def test_case_G1_required_tls_holds(stack, how):
    """Nothing is sent in clear; it goes when TLS is there."""
    misbehave = {"missing": [], "454": ["starttls-454"], "broken": ["starttls-close"]}[how]
    mx = stack.fakemx(misbehave=misbehave)
    cert = certificate("/tmp", "fakemx-%d.test" % mx.port)
    try:
        d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}\ndeliver { tls = "require" }'
                                      % mx.port})
        # what a delivery would refuse the probe sees first, at any depth
        d.wait_state("a.test", "down")
        assert d.metrics().get("probe_failures_total", domain="a.test", phase="starttls",
                               primary="127.0.0.1:%d" % mx.port) >= 1
        send(d.port, "secret")
        stays(lambda: not [e for e in mx.events
                           if e["event"] == "command" and e["line"].startswith("MAIL")], 1.5)
        m = d.metrics()
        assert m.queued("a.test") == 1
        assert m.sum("delivery_recipients_bounced_total", domain="a.test") == 0
        mx.cert, mx.key = cert
        mx.misbehave[:] = []
        wait_for(lambda: mx.messages, 20, "delivered over TLS")
        assert mx.messages[0].tls
    finally:
        import os
        for path in cert:
            os.unlink(path)


@pytest.mark.beside
@pytest.mark.parametrize("how", ["starttls-454", "starttls-close"])
def test_case_G1_opportunistic_tls_falls_back(stack, how):
    mx = stack.fakemx(misbehave=[how])
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "up")
    send(d.port, "in clear")
    wait_for(lambda: mx.messages, 15, "delivered in clear")
    assert not mx.messages[0].tls


@pytest.mark.beside
def test_case_G1_a_fallback_ends_when_tls_is_required(stack):
    """That TLS failed a moment ago and was done without does not count once
    the configuration says otherwise."""
    mx = stack.fakemx(misbehave=["starttls-close"])
    domain = 'primary = {"127.0.0.1:%d"}\ndeliver { tls = "%s" idle = "0s" }'
    d = stack.mxwatchd({"a.test": domain % (mx.port, "may")})
    d.wait_state("a.test", "up")
    send(d.port, "in clear")
    wait_for(lambda: mx.messages, 15, "delivered in clear")
    assert d.reload(domains={"a.test": domain % (mx.port, "require")})[0] == 0
    wait_for(lambda: d.metrics().get("delivery_connections") == 0)
    send(d.port, "secret")
    d.wait_state("a.test", "down")
    assert len(mx.messages) == 1
    assert d.metrics().queued("a.test") == 1
