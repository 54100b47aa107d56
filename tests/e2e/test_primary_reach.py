# SPDX-License-Identifier: ISC
"""The probe and the delivery reach a primary in one way: what the one says is
what the other meets. Against one Postfix with many ports: with addresses that
drop SYNs beside it, a STARTTLS that breaks behind the handshake, certificates
that will not do, and mailboxes and senders that a healthy server refuses."""
import re
import time

import pytest

from lib.front import (BlackHole, SServer, StartTls, close_now, expired_certificate,
                       handshake, reset_now, talk_rubbish)
from lib.mxwatchd import Mxwatchd
from lib.net import certificate, free_port
from lib.primary import Primary
from lib.smtp import send, subjects
from lib.wait import wait_for

GOOD = "127.0.0.12"
# No probe is slow here, whatever else the machine does; what is judged is what
# is answered.
RCPT = """\
    delay_warning = {}
    probe { interval = "1s" timeout = "10s" fall = 2 rise = 2 hold = "0s" depth = "rcpt" }
    deliver { connections = 10 idle = "1s" connect = "2s" }
    retry { first = "1s" max = "2s" }
"""
SPF = "550 5.7.23 SPF validation failed"

# What the host mx.NAME.test has beside GOOD, and in which order. A name is
# that of a misbehaviour of fakemx; "hole" drops SYNs.
ADDRESSES = {
    "aaaa-drops": ["2001:db8::11 hole", GOOD],
    "first-drops": ["127.0.0.21 hole", GOOD],
    "second-drops": [GOOD, "127.0.0.22 hole"],
    "two-drop": ["127.0.0.23 hole", "127.0.0.24 hole", GOOD],
    "no-way": ["2001:db8:ffff::11", GOOD],
    "refused": ["127.0.0.25", GOOD],
    "no-service": ["127.0.0.26 banner-554", GOOD],
    "busy": ["127.0.0.27 banner-421", GOOD],
    "closes": ["127.0.0.28 close-at-banner", GOOD],
    "closes-later": ["127.0.0.29 close-at-ehlo", GOOD],
    "nobody": ["127.0.0.31 hole", "127.0.0.32 hole"],
}
TLS = {
    "cert-13": "s_server -tls1_3 -Verify 1 -verify_return_error",
    "cert-12": "s_server -tls1_2 -Verify 1 -verify_return_error",
    "no-cipher": "s_server -tls1_2 -cipher ADH-AES256-SHA256@SECLEVEL=0",
    "closes-inside": "closes inside", "resets-inside": "resets inside",
    "rubbish-inside": "talks rubbish inside",
    "closes": "closes", "rubbish": "talks rubbish", "was-good": None,
}
# What a healthy server may say of the mailbox or the sender of the probe.
POSTMASTER = {
    "full": "452 4.2.2 mailbox full", "later": "451 4.3.0 try again",
    "in-use": "450 4.2.0 in use", "unverified": "450 4.1.1 unverified address",
    "unknown": "550 5.1.1 unknown", "quota": "552 5.2.2 over quota",
    "policy": "550 5.7.1 not from you",
}
# Of the sender <>, or of spf@sender.test: when, and what.
NULL = {"null-550-mail": ("no", "550 5.7.1 no null sender"),
        "null-550-rcpt": ("yes", "550 5.7.1 no null sender"),
        "null-450-mail": ("no", "450 4.7.1 not now"),
        "null-450-rcpt": ("yes", "450 4.7.1 not now")}
SENDER = {"spf-mail": ("no", SPF), "spf-rcpt": ("yes", SPF),
          "unwelcome": ("no", "550 5.7.1 you are not welcome"),
          "no-domain": ("no", "553 5.1.8 no such sender domain")}
ALL = [n for names in (ADDRESSES, TLS, POSTMASTER, NULL, SENDER) for n in names] + [
    "banner", "many", "first", "expired", "other", "missing", "shallow", "expires"]


def domain_of(name):
    return name + ".test"


@pytest.fixture(scope="module")
def pf(module_stack):
    """The Postfix: `good` is plain, `tls` has STARTTLS."""
    domains = [domain_of(n) for n in ALL]
    p = Primary(domains, host="127.0.0.1",
                access={"postmaster@" + domain_of(n): r for n, r in POSTMASTER.items()})
    p.at = {}

    def service(name, host="127.0.0.1", port=None, **options):
        p.at[name] = (host, port or free_port((host,)))
        p.services[p.at[name]] = options
    service("tls", **tls_options(certificate(p.dir, p.name)))
    service("good", GOOD, free_port([a.split()[0] for m in ADDRESSES.values() for a in m
                                     if a.startswith("127")]))
    for name, (delay, reply) in dict(NULL, **SENDER).items():
        sender = "<>" if name in NULL else "spf@sender.test"
        service(name, smtpd_delay_reject=delay,
                smtpd_sender_restrictions="check_sender_access " +
                p.map(name, {sender: reply}))
    service("many", smtpd_delay_reject="no", smtpd_sender_restrictions="check_sender_access " +
            p.map("many", {"s%d@sender.test" % i: SPF for i in range(20)}))
    good, expired, other = (certificate(p.dir, "mx.a.test"),
                            expired_certificate(p.dir, "mx.a.test"),
                            certificate(p.dir, "www.a.test"))
    p.trusted = p._file("trust.pem", "".join(open(c[0]).read() for c in (good, expired, other)))
    p.good_tls, p.expired_tls = tls_options(good), tls_options(expired)
    service("expired", **p.expired_tls)
    service("other", **tls_options(other))
    service("expires", **p.good_tls)
    service("missing")
    service("shallow")
    p.write_master()
    return module_stack.add(p, lambda x: x.close()).start()


def tls_options(pair):
    return dict(smtpd_tls_security_level="may", smtpd_tls_cert_file=pair[0],
                smtpd_tls_key_file=pair[1], smtpd_tls_received_header="yes")


def daemon(stack, domains, **kw):
    """One for all these domains: {name: options}."""
    d = stack.add(Mxwatchd({domain_of(n): o for n, o in domains.items()}, defaults=RCPT, **kw),
                  lambda x: x.close())
    d.write()
    return d.start()


def mail(d, name, subject, sender="s@sender.test"):
    send(d.port, subject, sender, ["u@" + domain_of(name)])


def arrived(pf, subject, deadline=30):
    """The message, when it is there."""
    def there():
        got = [m for m in pf.messages() if subjects([m]) == [subject]]
        assert got, "not there"
        return got[0]
    return wait_for(there, deadline, subject + " arrived", step=0.2)


def status_of(d, name):
    d.ctl_run("status", "--json")
    return [x for x in d.status()["domains"] if x["domain"] == domain_of(name)][0]


def why(d, name):
    return " ".join(d.ctl_json("why", domain_of(name))[0]["explain"])


def was(d, name):
    """The states that it has had, in order."""
    return re.findall(r" health domain=%s state=\w+->(\w+)" % re.escape(domain_of(name)), d.log())


def goes_well(d, pf, name, subject=None, deadline=30):
    """Up, and never anything else; a message arrives, and none comes back."""
    d.wait_state(domain_of(name), "up", deadline)
    mail(d, name, subject or "for " + name)
    got = arrived(pf, subject or "for " + name, deadline)
    m = d.metrics()
    assert m.state(domain_of(name)) == "up"
    assert m.sum("delivery_recipients_bounced_total", domain=domain_of(name)) == 0
    assert was(d, name) == ["up"]
    return got


# ---- addresses (REPORTS A1)

@pytest.fixture(scope="module")
def addresses(module_stack, pf):
    """A daemon with a domain for each of ADDRESSES."""
    port = pf.at["good"][1]
    zones = {}
    for name, hosts in ADDRESSES.items():
        records = ""
        for host in hosts:
            addr, _, bad = host.partition(" ")
            records += "mx IN %s %s\n" % ("AAAA" if ":" in addr else "A", addr)
            if bad == "hole":
                if ":" in addr:
                    module_stack.address(addr)
                module_stack.add(BlackHole(addr, port), lambda h: h.close())
            elif bad:
                module_stack.fakemx(host=addr, port=port, misbehave=[bad])
        zones[domain_of(name)] = records
    dns = module_stack.dns(zones)
    return daemon(module_stack, {n: 'primary = {"mx.%s:%d"}' % (domain_of(n), port)
                                 for n in ADDRESSES},
                  options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "2s"' % dns.port)


@pytest.mark.parametrize("name", [n for n in ADDRESSES if n != "nobody"])
def test_report_A1_one_address_does_not_decide(addresses, pf, name):
    goes_well(addresses, pf, name)


def test_report_A1_down_when_no_address_answers(addresses):
    d = addresses
    mail(d, "nobody", "kept")
    d.wait_state("nobody.test", "down", 60)
    assert status_of(d, "nobody")["primaries"][0]["failed_phase"] == "connect"
    assert d.metrics().queued("nobody.test") == 1


# ---- TLS that is offered and does not work (REPORTS A2)

@pytest.fixture(scope="module")
def tls(module_stack, pf):
    """A daemon with a domain for each of TLS, and what stands in front of
    the Postfix; `banner` is as cert-13, but not probed beyond EHLO."""
    pair = certificate(pf.dir, pf.name)
    inside = handshake(*pair)
    hijack = {"closes inside": inside(close_now), "resets inside": inside(reset_now),
              "talks rubbish inside": inside(talk_rubbish), "closes": close_now,
              "talks rubbish": talk_rubbish}
    fronts, domains = {}, {}
    for name, how in dict(TLS, banner=TLS["cert-13"]).items():
        todo = hijack.get(how)
        if how is not None and how.startswith("s_server"):
            todo = module_stack.add(SServer(*pair, *how.split()[1:]), lambda s: s.close())
        fronts[name] = module_stack.add(StartTls(pf.at["tls"][1], todo), lambda f: f.close())
        domains[name] = 'primary = {"127.0.0.1:%d"}' % fronts[name].port
    domains["banner"] += '\nprobe { depth = "ehlo" }'
    domains["was-good"] += '\nretry { first = "3s" max = "4s" }'
    d = daemon(module_stack, domains)
    d.fronts = fronts
    return d


@pytest.mark.parametrize("name", [n for n in TLS if TLS[n]] + ["banner"])
def test_report_A2_tls_that_never_works_is_done_without(tls, pf, name):
    got = goes_well(tls, pf, name, "clear for " + name)
    assert not re.search(rb"using TLSv1", got)
    assert tls.fronts[name].hijacked, "TLS was tried"


def test_report_A2_tls_that_no_longer_works(tls, pf):
    """Mail does not go in clear at once to a host that did TLS, but before
    long; somebody is told; and TLS is used again when it is back."""
    d, front = tls, tls.fronts["was-good"]
    assert re.search(rb"using TLSv1", goes_well(d, pf, "was-good", "over TLS"))
    wait_for(lambda: d.metrics().get("delivery_connections") == 0, 10, "no TLS session is kept")
    front.hijack = tls.fronts["cert-13"].hijack
    wait_for(lambda: front.hijacked, 10, "TLS fails")
    mail(d, "was-good", "in clear")
    got = arrived(pf, "in clear", 40)
    waited = time.time() - front.hijacked[0]
    assert not re.search(rb"using TLSv1", got)
    assert waited > 2.5, "in clear after %.1f s" % waited
    wait_for(lambda: "tls_fallback" in d.ctl("alerts")[1], 15, "alert tls_fallback")
    front.hijack = None
    n = d.metrics().sum("probe_attempts_total", domain="was-good.test")
    wait_for(lambda: d.metrics().sum("probe_attempts_total", domain="was-good.test") > n + 2)
    d.wait_state("was-good.test", "up")
    mail(d, "was-good", "over TLS again")
    assert re.search(rb"using TLSv1", arrived(pf, "over TLS again", 20))


# ---- TLS that is required (REPORTS A4)

@pytest.fixture(scope="module")
def required(module_stack, pf):
    """`tls = require` and a primary with that name on several ports."""
    dns = module_stack.dns({"a.test": "mx IN A 127.0.0.1"})
    more = {"shallow": '\nprobe { depth = "ehlo" }'}
    return daemon(
        module_stack, {n: 'primary = {"mx.a.test:%d"}\ndeliver { tls = "require" }%s'
                          % (pf.at[n][1], more.get(n, ""))
                       for n in ("expired", "other", "missing", "shallow", "expires")},
        options='resolver = {"127.0.0.1@%d"}' % dns.port,
        env={"SSL_CERT_FILE": pf.trusted})


NO_TLS = "STARTTLS|not offer|without TLS|no TLS"


@pytest.mark.parametrize("name,cause", [
    ("expired", "expired"), ("other", "name"), ("missing", NO_TLS), ("shallow", NO_TLS)])
def test_report_A4_required_tls_that_cannot_be_is_down(required, pf, name, cause):
    """Down at once, and it says why; up as soon as it can be. Also when the
    probe was to end before TLS (shallow)."""
    d = required
    mail(d, name, "secret for " + name)
    d.wait_state(domain_of(name), "down", 20)
    s = status_of(d, name)
    assert s["primaries"][0]["failed_phase"] == "starttls", s["primaries"][0]
    for text in (s["primaries"][0]["text"], s["cause"], why(d, name)):
        assert re.search(cause, text, re.I), text
    assert d.ctl("probe", domain_of(name))[0] == 1
    assert d.metrics().queued(domain_of(name)) == 1
    assert was(d, name) == ["down"]
    assert not [m for m in pf.messages() if b"secret for " + name.encode() in m]
    pf.set_service(pf.at[name], **pf.good_tls)
    d.wait_state(domain_of(name), "up", 20)
    assert re.search(rb"using TLSv1", arrived(pf, "secret for " + name))


def test_report_A4_the_certificate_expires_while_it_is_up(required, pf):
    d = required
    d.wait_state("expires.test", "up")
    mail(d, "expires", "while it is good")
    arrived(pf, "while it is good")
    pf.set_service(pf.at["expires"], **pf.expired_tls)
    d.wait_state("expires.test", "down", 20)
    assert status_of(d, "expires")["primaries"][0]["failed_phase"] == "starttls"
    mail(d, "expires", "not yet")
    pf.set_service(pf.at["expires"], **pf.good_tls)
    arrived(pf, "not yet")


# ---- mailboxes and senders (REPORTS A3, B8)

@pytest.fixture(scope="module")
def asks(module_stack, pf):
    """A daemon that probes to the depth of rcpt: the domains of POSTMASTER
    share one primary, the others have one each."""
    ports = {n: pf.at.get(n, (0, pf.port))[1] for n in [*POSTMASTER, *NULL, *SENDER, "many"]}
    front = module_stack.add(StartTls(pf.at["spf-mail"][1]), lambda f: f.close())
    ports["first"] = front.port
    d = daemon(module_stack, {n: 'primary = {"127.0.0.1:%d"}' % p for n, p in ports.items()})
    d.front = front
    return d


@pytest.mark.parametrize("name", POSTMASTER)
def test_report_A3_the_answer_about_postmaster_is_about_postmaster(asks, pf, name):
    goes_well(asks, pf, name)
    if POSTMASTER[name][0] == "5":
        wait_for(lambda: re.search(r"\brcpt\b", why(asks, name)) and
                 POSTMASTER[name][:3] in why(asks, name), 10, "why names probe { rcpt }")


@pytest.mark.parametrize("name", NULL)
def test_report_A3_the_null_sender_is_refused(asks, pf, name):
    goes_well(asks, pf, name)
    if NULL[name][1][0] == "5":
        wait_for(lambda: re.search(r"\bsender\b", why(asks, name)) and "550" in why(asks, name),
                 10, "why names probe { sender }")


def test_report_A3_the_recipient_named_instead_ends_the_finding(asks, pf):
    d = asks
    wait_for(lambda: "550" in why(d, "unknown"), 10, "why tells the answer")
    domains = dict(d.parts["domains"])
    domains["unknown.test"] += '\nprobe { rcpt = "u@unknown.test" }'
    assert d.reload(domains=domains)[0] == 0
    wait_for(lambda: "550" not in why(d, "unknown"), 30, "nothing to say")
    assert d.metrics().state("unknown.test") == "up"


def failed(d, name, n, deadline=20):
    wait_for(lambda: d.metrics().sum("delivery_recipients_bounced_total",
                                     domain=domain_of(name)) == n,
             deadline, "%d of %s have failed" % (n, name))


@pytest.mark.parametrize("name", SENDER)
def test_report_B8_one_sender_is_refused(asks, pf, name):
    """That message fails; nobody else notices."""
    asks.wait_state(domain_of(name), "up", 20)
    for i in range(3):
        mail(asks, name, "bad", "spf@sender.test")
        mail(asks, name, "good %d for %s" % (i, name))
    for i in range(3):
        arrived(pf, "good %d for %s" % (i, name), 15)
    failed(asks, name, 3)
    assert was(asks, name) == ["up"]


def test_report_B8_many_senders_are_refused_while_others_are_taken(asks, pf):
    asks.wait_state("many.test", "up", 20)
    for i in range(20):
        mail(asks, "many", "bad", "s%d@sender.test" % i)
        if i % 4 == 0:
            mail(asks, "many", "good %d of many" % i)
    for i in range(0, 20, 4):
        arrived(pf, "good %d of many" % i, 15)
    failed(asks, "many", 20)
    assert was(asks, "many") == ["up"]


def test_report_B8_a_refused_sender_goes_first_after_an_outage(asks, pf):
    """A canary refused for its sender is no failed canary."""
    d = asks
    d.wait_state("first.test", "up", 20)
    d.front.close()
    d.wait_state("first.test", "down", 20)
    for i in range(3):
        mail(d, "first", "bad", "spf@sender.test")
    for i in range(10):
        mail(d, "first", "good %d after it" % i)
    d.front = StartTls(pf.at["spf-mail"][1], port=d.front.port)
    try:
        for i in range(10):
            arrived(pf, "good %d after it" % i, 20)
        d.wait_state("first.test", "up", 20)
        assert was(d, "first").count("down") == 1
    finally:
        d.front.close()
