# SPDX-License-Identifier: ISC
"""One window and one probe session for a primary, however many domains and
names it has: a Postfix that counts its clients' connections, and what it
says of them."""
import re
import threading
import time

import pytest

from lib.mxwatchd import PLAIN
from lib.net import free_port
from lib.smtp import Raw, send, stuff, subjects, text
from lib.wait import wait_for

PRIMARY = "127.0.0.41"
DOMAINS, EACH, LIMIT = 300, 3, 10
INTERVAL = 2.0  # seconds

DEFAULTS = """\
    delay_warning = {}
    probe { interval = "2s" timeout = "2s" fall = 2 rise = 2 hold = "0s" depth = "rcpt" %s }
    deliver { connections = %d }
    retry { first = "1s" max = "5s" }
"""

# How a session ended, in the log of Postfix: with the commands that it said.
ENDED = re.compile(r"disconnect from \S+ (.*)")
REFUSED = re.compile(r"Connection concurrency limit exceeded")


class Watched:
    """The connections to one address and port, from the kernel's table: the
    most that were open at once. Those that the server has refused are there,
    too, until both sides have closed them."""

    def __init__(self, host, port):
        octets = "".join("%02X" % int(o) for o in reversed(host.split(".")))
        self.end = (" %s:%04X 01 " % (octets, port)).encode()
        self.most = 0
        self.halt = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.halt.wait(0.02):
            with open("/proc/net/tcp", "rb") as f:
                self.most = max(self.most, f.read().count(self.end))

    def close(self):
        self.halt.set()
        self.thread.join(5)


def sessions(log):
    """Of Postfix: sessions that sent mail, those that only asked, refused."""
    mail = asked = 0
    for got in ENDED.finditer(log):
        words = dict(re.findall(r"(\w+)=(\d+)(?:/\d+)?", got.group(1)))
        if int(words.get("data", 0)) + int(words.get("bdat", 0)) > 0:
            mail += 1
        elif int(words.get("rcpt", 0)) > 0:
            asked += 1
    return mail, asked, len(REFUSED.findall(log))


def fill(port, names):
    """EACH messages for each of the domains, over one connection."""
    with Raw(port, timeout=60) as c:
        c.ok("EHLO client.test")
        for i in range(EACH):
            for name in names:
                c.ok("MAIL FROM:<s@sender.test>")
                c.ok("RCPT TO:<u@%s>" % name)
                c.ok("DATA", "354")
                c.send(stuff(text("%d of %s" % (i, name))))
                assert c.reply().startswith("250")
        c.cmd("QUIT")


class Hoster:
    """`names` domains of one Postfix, in an outage, each with EACH messages;
    `mx` says where the mail of the domain number i goes."""

    def __init__(self, stack, mx, names=DOMAINS, limit=LIMIT, connections=20):
        self.names = ["d%03d.many.test" % i for i in range(names)]
        self.port = free_port((PRIMARY,))
        self.pf = stack.primary(
            ["many.test", *self.names], host=PRIMARY, port=self.port, start=False,
            extra="smtpd_client_connection_count_limit = %d\n"
                  "smtpd_client_event_limit_exceptions =\nmaillog_file_permissions = 0644" % limit)
        self.dns = stack.dns({"backup.test": "mx2 IN A 127.0.0.1", "many.test": "\n".join(
            "d%03d IN MX 10 %s" % (i, mx(i)) for i in range(names)) +
            "\nmx IN A %s\n" % PRIMARY + "\n".join(
                "mx.d%03d IN A %s" % (i, PRIMARY) for i in range(names))})
        self.d = stack.mxwatchd(
            dict.fromkeys(self.names, ""), build=PLAIN,
            options='resolver = {"127.0.0.1@%d"}\nresolver_timeout = "2s"' % self.dns.port,
            defaults=DEFAULTS % ("port = %d" % self.port, connections))
        self.wait_states("down", 60)
        fill(self.d.port, self.names)
        self.watched = stack.add(Watched(PRIMARY, self.port), lambda w: w.close())
        self.pf.start()

    def states(self, *, fresh=True):
        m = self.d.metrics(fresh)
        return [m.state(n) for n in self.names]

    def wait_states(self, state, deadline):
        def all_are():
            got = self.states(fresh=False)
            n = sum(s != state for s in got)
            assert n == 0, "%d of %d are not, but %s" % (n, len(got), set(got) - {state})
            return True
        wait_for(all_are, deadline, "all are " + state, step=0.2)

    def wait_delivered(self, deadline):
        want = {"%d of %s" % (i, n) for i in range(EACH) for n in self.names}

        def there():
            left = self.d.metrics().sum("queue_messages")
            assert left == 0, "%d left" % left
            return True
        wait_for(there, deadline, "the queue is empty", step=0.3)
        # taken is not yet in the mailbox: that is the primary's own queue
        wait_for(lambda: set(subjects(self.pf.messages())) == want, 60, "all are there", step=1)
        assert len(subjects(self.pf.messages())) == len(want)
        m = self.d.metrics()
        assert m.sum("delivery_recipients_bounced_total") == 0


@pytest.mark.parametrize("mx", [lambda i: "mx", lambda i: "mx.d%03d" % i],
                         ids=["one-name", "300-names"])
def test_three_hundred_domains_of_a_primary_that_takes_ten(stack, mx):
    h = Hoster(stack, mx)
    h.wait_delivered(90)
    h.wait_states("up", 20)
    mail, asked, refused = sessions(h.pf.log())
    # one more may be there that Postfix is about to refuse
    assert h.watched.most <= LIMIT + 1, "%d connections at once" % h.watched.most
    total = len(ENDED.findall(h.pf.log()))
    assert refused <= max(2, 0.02 * total), "%d of %d were refused" % (refused, total)
    assert mail <= 100, "connections are used for more than one domain"
    begin, log = time.monotonic(), len(h.pf.log())
    wait_for(lambda: time.monotonic() > begin + 5 * INTERVAL, 30, "five intervals")
    _, asked, _ = sessions(h.pf.log()[log:])
    assert 4 <= asked <= 7, "%d probe sessions in five intervals" % asked
    assert set(h.states()) == {"up"}
    downs = re.findall(r"health domain=\S+ state=(?!unknown)\w+->down", h.d.log())
    assert not downs, "%d domains went down in the flush" % len(downs)


def test_the_ceiling_is_learned_and_shown(stack):
    """Of a primary that takes five, twenty being configured."""
    h = Hoster(stack, lambda i: "mx", names=50, limit=5)
    h.wait_delivered(60)
    _, _, refused = sessions(h.pf.log())
    assert refused <= 2, refused
    assert h.watched.most <= 6, "five, and one that finds out"
    got = h.d.ctl_json("status", "--primaries")[0]["primaries"]
    assert len(got) == 1
    assert 4 <= got[0]["delivery"]["ceiling"] <= 5, got[0]
