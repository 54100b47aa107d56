# SPDX-License-Identifier: ISC
"""Deliveries go on with the TLS session of a connection before, says the server:
a Postfix with tickets or with a cache of its own, and an Exim. What it forgets
costs a full handshake and nothing else, and what was not verified is of no use
where verification is asked."""
import collections
import re

import pytest

from lib.exim import Exim
from lib.smtp import Raw, stuff, subjects, text
from lib.wait import wait_for

EACH = 12
A_CONNECTION = 2  # messages
DEFAULTS = """\
    delay_warning = {}
    probe { interval = "1s" timeout = "10s" fall = 3 rise = 1 hold = "0s" depth = "ehlo" }
    deliver { connections = 1 max_messages = %d idle = "1s" connect = "2s" }
    retry { first = "1s" max = "2s" }
""" % A_CONNECTION
KINDS = {
    "1.3": "",
    "1.2": "smtpd_tls_protocols = TLSv1.2",
    "1.2 without tickets": "smtpd_tls_protocols = TLSv1.2\ntls_ssl_options = NO_TICKET\n"
                           "smtpd_tls_session_cache_database = btree:$data_directory/sessions",
}


class World:
    """mx.a.test, the primary of a.test, and a daemon that knows it by name."""

    def __init__(self, stack, extra=""):
        self.pf = stack.primary(["a.test"], tls=True, name="mx.a.test",
                                extra="smtpd_tls_loglevel = 2\n" + extra)
        dns = stack.dns({"a.test": "mx IN A 127.0.0.1"})
        self.d = stack.mxwatchd({"a.test": self.domain("may")}, defaults=DEFAULTS,
                                options='resolver = {"127.0.0.1@%d"}' % dns.port)
        self.sent = 0
        self.d.wait_state("a.test", "up")

    def domain(self, tls):
        return 'primary = {"mx.a.test:%d"}\ndeliver { tls = "%s" }' % (self.pf.port, tls)

    def log_counts(self):
        """Postfix writes of every handshake that it is there, and before that of
        those that are resumed."""
        resumed = self.pf.count_log(r": Reusing old session")
        return self.pf.count_log(r"TLS connection established from") - resumed, resumed

    def counts(self):
        """Handshakes, full and resumed: Postfix and we agree on them."""
        ours = handshakes(self.d)
        wait_for(lambda: self.log_counts() == ours, 10, "as the log has it: %s" % (ours,))
        return ours

    def flush(self, meanwhile=lambda: None):
        flush(self.d, self.sent, meanwhile)
        self.sent += EACH
        got = self.pf.wait_messages(self.sent)
        assert sorted(subjects(got)) == sorted("message %d" % i for i in range(self.sent))
        assert all(re.search(rb"using TLSv1\.[23]", m) for m in got), "in clear"


def handshakes(d):
    m = d.metrics()
    return tuple(m.get("delivery_tls_handshakes_total", handshake=h)
                 for h in ("full", "resumed"))


def flush(d, first=0, meanwhile=lambda: None):
    """EACH messages that waited, over connections of A_CONNECTION of them."""
    assert d.ctl("hold", "a.test", "--reason", "test")[0] == 0
    fill(d.port, "message %d", first)
    meanwhile()
    d.wait_state("a.test", "up")
    assert d.ctl("release", "a.test")[0] == 0
    d.wait_empty("a.test", 60)


def fill(port, subject, first=0):
    with Raw(port, timeout=60) as c:
        c.ok("EHLO client.test")
        for i in range(first, first + EACH):
            c.ok("MAIL FROM:<s@sender.test>")
            c.ok("RCPT TO:<u@a.test>")
            c.ok("DATA", "354")
            c.send(stuff(text(subject % i)))
            assert c.reply().startswith("250")
        c.cmd("QUIT")


@pytest.mark.parametrize("kind", KINDS)
def test_postfix_says_that_it_resumed(stack, kind):
    w = World(stack, KINDS[kind])
    w.flush()
    full, resumed = w.counts()
    assert full == 1 and resumed >= EACH / A_CONNECTION - 1, (full, resumed)
    w.flush()
    assert w.counts()[0] == 1


def test_a_primary_that_forgets_its_tickets(stack):
    """Restarted, it has other keys: a full handshake, and on it goes."""
    w = World(stack)
    w.flush()
    assert w.counts()[0] == 1

    def restart():
        w.pf.stop()
        w.pf.start()
    w.flush(restart)
    full, resumed = w.counts()
    assert full == 2 and resumed >= 2 * (EACH / A_CONNECTION - 1), (full, resumed)
    assert not re.search(r"deliver .*event=(lost|unreachable)|tls_fallback", w.d.log())


def test_a_session_without_verification_is_no_proof(stack):
    """Verification is asked from now on, and the certificate is of no authority
    that we know: the sessions that are there change nothing, also for who has it
    tried at once."""
    w = World(stack)
    w.flush()
    before = w.counts()
    assert w.d.reload(domains={"a.test": w.domain("require")})[0] == 0
    w.d.wait_state("a.test", "down", 20)
    fill(w.d.port, "secret %d")
    since = len(w.d.log())
    assert w.d.ctl("flush", "a.test", "--no-wait")[0] == 0
    wait_for(lambda: re.search(r"deliver .*host=mx.a.test.* phase=starttls .*verif",
                               w.d.log()[since:]), 20, "a delivery was tried")
    assert len(w.pf.messages()) == w.sent
    assert w.log_counts()[1] == before[1], "resumed"
    assert w.d.metrics().queued("a.test") == EACH


def test_exim_says_that_it_resumed(stack):
    """By a * behind the TLS of each message. A connection has a process."""
    exim = stack.add(Exim(["a.test"], "tls_resumption_hosts = *", tls=True,
                          log="+tls_resumption"), lambda e: e.close())
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % exim.port}, defaults=DEFAULTS)
    flush(d)
    assert sorted(subjects(exim.messages())) == sorted("message %d" % i for i in range(EACH))
    lines = re.findall(r" \S+-(\S+)-\S+ <= s@.* X=TLS\S+:[0-9]+(\*?) ", exim.log())
    assert len(lines) == EACH, exim.log()
    counts = collections.Counter(resumed for _, resumed in set(lines))
    assert handshakes(d) == (counts[""], counts["*"]), exim.log()
    assert counts[""] == 1 and counts["*"] >= EACH / A_CONNECTION - 1
