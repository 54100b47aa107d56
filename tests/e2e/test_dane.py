# SPDX-License-Identifier: ISC
"""`deliver { tls = "dane" }` against a real Postfix, signed zones on NSD and a
validating Unbound. What the DNS says for sure is obeyed; what it cannot say
holds mail. G2, RFC 7672."""
import os
import re

import pytest

from lib.dnssec import SignedDns, tlsa
from lib.smtp import send, subjects
from lib.wait import stays, wait_for

WRONG = "3 1 1 " + "ab" * 32
ADDRESS = "192.0.2.81"


class World:
    """A Postfix mx.a.test for a.test. `record` makes the TLSA record from its
    certificate; None: there is none."""

    def __init__(self, stack, record=tlsa, tls=True, signed=("a.test",), spoil=(), zones=None,
                 host="127.0.0.1", domain='primary = {{"mx.a.test:{port}"}}', probe="ehlo"):
        self.stack = stack
        self.pf = stack.primary(["a.test"], tls=tls, name="mx.a.test", host=host)
        self.cert = os.path.join(self.pf.dir, "mx.a.test.crt")
        self.port = self.pf.port
        self.owner = "_%d._tcp.mx" % self.port
        self.more = dict(zones or {})
        text = self.zone(record) + self.more.pop("a.test", "")
        self.dns = stack.add(
            SignedDns(dict({"a.test": text}, **self.more), signed,
                      [(s.format(port=self.port), t) for s, t in spoil]),
            lambda d: d.close()).start()
        self.d = stack.mxwatchd(
            {"a.test": domain.format(port=self.port) +
             '\ndeliver { tls = "dane" }\nprobe { depth = "%s" }' % probe},
            options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "2s"'
                    % self.dns.resolver.port)

    def zone(self, record):
        if callable(record):
            record = record(self.cert)
        text = "mx IN A %s\n" % self.pf.host
        if record is not None:
            text += "%s IN TLSA %s\n" % (self.owner, record)
        return text

    def publish(self, record):
        self.dns.set(a_test=self.zone(record))

    def primary(self):
        """The first primary, as the status document has it."""
        self.d.ctl_run("status", "--json")
        return self.d.status()["domains"][0]["primaries"][0]

    def nothing_sent(self):
        """It may have been greeted, but no envelope was begun."""
        assert not re.search(r": client=", self.pf.log()), self.pf.log()[-1000:]
        assert not self.pf.messages()
        m = self.d.metrics()
        assert m.queued("a.test") == 1
        assert m.sum("delivery_recipients_bounced_total", domain="a.test") == 0
        return True

    def wait_by(self, word):
        wait_for(lambda: self.primary()["tls_by"] == word, 15, "TLS is " + word)

    def why(self):
        return " ".join(self.d.ctl_json("why", "a.test")[0]["explain"])


@pytest.mark.beside
@pytest.mark.parametrize("usage", ["3 1 1", "3 0 2", "3 1 0"])
def test_a_certificate_that_fits(stack, usage):
    u, s, m = (int(x) for x in usage.split())
    w = World(stack, lambda cert: tlsa(cert, u, s, m), probe="starttls")
    w.d.wait_state("a.test", "up")
    send(w.d.port, "verified")
    got = w.pf.wait_messages(1)[0]
    assert re.search(rb"using TLSv1\.[23]", got)
    w.d.wait_log(r"tls=TLSv1\.\d tls_by=dane-verified .*code=250")
    w.wait_by("dane-verified")
    assert w.primary()["tls_why"] == ""
    assert "dane-verified" in w.why()


@pytest.mark.beside
def test_case_G2_a_certificate_that_does_not_fit(stack):
    """Found by the probe, whatever its depth: nothing could be delivered."""
    w = World(stack, WRONG)
    w.d.wait_state("a.test", "down")
    assert w.primary()["failed_phase"] == "starttls"
    send(w.d.port, "waits")
    stays(w.nothing_sent, 2)
    w.wait_by("dane-verify")
    w.publish(tlsa(w.cert))
    w.pf.wait_messages(1)


@pytest.mark.beside
def test_the_probe_finds_it_before_mail_does(stack):
    w = World(stack, WRONG, probe="rcpt")
    w.d.wait_state("a.test", "down")
    p = w.primary()
    assert p["failed_phase"] == "starttls" and "TLSA" in p["text"], p
    send(w.d.port, "waits")
    stays(w.nothing_sent, 1)
    assert "TLSA" in w.why()
    # A second record for the next certificate, as it should be done.
    w.publish(WRONG + "\n%s IN TLSA %s" % (w.owner, tlsa(w.cert)))
    w.d.wait_state("a.test", "up", 20)
    w.pf.wait_messages(1)


@pytest.mark.beside
@pytest.mark.parametrize("what", [
    ("_{port}._tcp.mx.a.test", "TLSA"), ("mx.a.test", "A")], ids=["TLSA", "address"])
def test_case_G2_signatures_that_do_not_hold(stack, what):
    """Somebody plays tricks with the DNS: nobody is even talked to."""
    w = World(stack, spoil=[what])
    send(w.d.port, "waits")
    wait_for(lambda: w.d.metrics().sum("dns_queries_failed_total", reason="bogus") >= 1, 15)
    stays(lambda: w.nothing_sent() and "ehlo=" not in w.pf.log(), 2.5)
    assert w.d.metrics().state("a.test") == "unknown", "says nothing of the primary"
    if what[1] == "TLSA":
        w.wait_by("dane-defer")
        assert "DNSSEC" in w.primary()["tls_why"]
        assert "DNSSEC" in w.why()
    w.dns.spoil = []
    w.dns.set()
    w.pf.wait_messages(1)


@pytest.mark.beside
@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "clear"])
def test_no_records_for_sure(stack, tls):
    w = World(stack, None, tls=tls)
    w.d.wait_state("a.test", "up")
    send(w.d.port, "as with may")
    got = w.pf.wait_messages(1)[0]
    assert bool(re.search(rb"using TLSv1\.[23]", got)) == tls
    w.d.wait_log(r"tls=%s tls_by=dane-none .*code=250" % (r"TLSv1\.\d" if tls else "none"))
    w.wait_by("dane-none")
    assert "no TLSA records" in w.why()


@pytest.mark.beside
@pytest.mark.parametrize("record", ["fits", "of no use"])
def test_case_G2_starttls_is_stripped(stack, record):
    """There are records: nothing goes in clear, whatever they say."""
    w = World(stack, WRONG if record == "fits" else "1 1 1 " + "ab" * 32, tls=False)
    w.d.wait_state("a.test", "down")
    send(w.d.port, "waits")
    assert "STARTTLS is not offered" in w.primary()["text"]
    stays(w.nothing_sent, 2)


@pytest.mark.beside
def test_records_of_no_use(stack):
    """Usages of public CAs: TLS, but nobody to verify."""
    w = World(stack, "1 1 1 " + "ab" * 32)
    w.d.wait_state("a.test", "up")
    send(w.d.port, "encrypted")
    assert re.search(rb"using TLSv1\.[23]", w.pf.wait_messages(1)[0])
    w.d.wait_log(r"tls_by=dane-encrypt .*code=250")


@pytest.mark.beside
def test_a_zone_that_is_not_signed(stack):
    w = World(stack, WRONG, signed=())
    w.d.wait_state("a.test", "up")
    send(w.d.port, "as with may")
    w.pf.wait_messages(1)
    w.wait_by("dane-none")
    assert "not signed" in w.why()


@pytest.mark.beside
def test_case_G2_the_resolver_is_gone(stack):
    """An answer is not used after its time: neither the records nor that there
    were none. The last good address would still lead to the primary."""
    w = World(stack)
    w.d.wait_state("a.test", "up")
    send(w.d.port, "first")
    w.pf.wait_messages(1)
    w.dns.resolver.stop()
    wait_for(lambda: w.primary()["tls_by"] == "dane-defer", 20, "the answers are too old")
    wait_for(lambda: w.d.metrics().get("delivery_connections") == 0)
    send(w.d.port, "waits")
    stays(lambda: len(w.pf.messages()) == 1, 2.5)
    assert w.d.metrics().queued("a.test") == 1
    w.d.restart()
    stays(lambda: len(w.pf.messages()) == 1, 2.5)
    w.dns.resolver.start()
    w.pf.wait_messages(2)
    assert sorted(subjects(w.pf.messages())) == ["first", "waits"]


@pytest.mark.beside
def test_an_alias_leads_to_the_records(stack):
    w = World(stack, domain='primary = {{"alias.a.test:{port}"}}',
              zones={"a.test": "alias IN CNAME mx\n"})
    w.d.wait_state("a.test", "up")
    send(w.d.port, "verified")
    w.pf.wait_messages(1)
    w.d.wait_log(r"tls_by=dane-verified .*code=250")


def by_mx(stack, signed, record):
    """a.test goes to what its MX records say, in a zone of their own."""
    stack.address(ADDRESS)
    return World(stack, record, host=ADDRESS, domain="probe {{ port = {port} }}", signed=signed,
                 zones={"a.test": "@ IN MX 10 mx\n"})


def test_by_mx_records_that_are_signed(stack):
    w = by_mx(stack, ["a.test"], tlsa)
    w.d.wait_state("a.test", "up")
    send(w.d.port, "verified")
    w.pf.wait_messages(1)
    w.d.wait_log(r"tls_by=dane-verified .*code=250")


def test_by_mx_records_that_are_not_signed(stack):
    """The host is in a signed zone, and its records do not fit: but who says
    that it is the host?"""
    stack.address(ADDRESS)
    pf = stack.primary(["b.test"], tls=True, name="mx.a.test", host=ADDRESS)
    dns = stack.add(SignedDns(
        {"a.test": "mx IN A %s\n_%d._tcp.mx IN TLSA %s\n" % (ADDRESS, pf.port, WRONG),
         "b.test": "@ IN MX 10 mx.a.test.\n"}, ["a.test"]), lambda d: d.close()).start()
    d = stack.mxwatchd(
        {"b.test": 'deliver { tls = "dane" }\nprobe { port = %d }' % pf.port},
        options='resolver = {"127.0.0.1@%d"}' % dns.resolver.port)
    d.wait_state("b.test", "up")
    send(d.port, "as with may", rcpts=["u@b.test"])
    pf.wait_messages(1)
    d.wait_log(r"tls_by=dane-none .*code=250")
