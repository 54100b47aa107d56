# SPDX-License-Identifier: ISC
"""mx_backup: domains without a section that the DNS has us back up, with NSD and
Postfix as primary: who is taken, who has to come again, and where nothing is sent.
Beside a Postfix with permit_mx_backup on the same zones."""
import os
import subprocess

import pytest

from lib.mxwatchd import FAST
from lib.net import free_port
from lib.primary import MAIN, Primary
from lib.smtp import Raw, send, subjects
from lib.wait import stays, wait_for

INSIDE, INSIDE2, OUTSIDE = "192.0.2.1", "192.0.2.2", "203.0.113.1"
US = "mx2.backup.test."
HOSTS = "in IN A %s\nin2 IN A %s\nout IN A %s\n" % (INSIDE, INSIDE2, OUTSIDE)
GOOD = "@ IN MX 10 in\n@ IN MX 20 %s\n" % US
ADA, NOBODY = "ada@b.test", "nobody@b.test"


@pytest.fixture(scope="module", autouse=True)
def addresses(module_stack):
    """Tests run side by side, in one network namespace."""
    for a in (INSIDE, INSIDE2, OUTSIDE):
        module_stack.address(a)


class World:
    """b.test has its primary in the networks; `zones` are more of them."""

    def __init__(self, stack, zones=None, options="", recipients=(ADA,), domains=("b.test",)):
        self.stack = stack
        self.port = free_port((INSIDE, INSIDE2, OUTSIDE))
        self.zones = {"backup.test": "mx2 IN A 127.0.0.1", "b.test": GOOD + HOSTS}
        self.zones.update({z: t + HOSTS for z, t in (zones or {}).items()})
        self.dns = stack.dns(self.zones)
        self.primary = stack.primary(domains, host=INSIDE, port=self.port,
                                     recipients=list(recipients))
        self.options = options
        self.d = stack.mxwatchd({}, options=self.render(options),
                                defaults=FAST + "\nprobe { port = %d }" % self.port)

    def render(self, options="", networks='"192.0.2.0/24"'):
        return ('resolver = {"127.0.0.1@%d"}\nresolver_timeout = "1s"\n'
                "mx_backup { networks = {%s} recheck = 1s %s }" %
                (self.dns.port, networks, options))

    def rcpt(self, address, sender="s@sender.test"):
        """The reply to RCPT for it."""
        with Raw(self.d.port) as c:
            c.ok("EHLO c.test")
            c.ok("MAIL FROM:<%s>" % sender)
            return c.cmd("RCPT TO:<%s>" % address).strip()

    def wait_rcpt(self, address, begin, deadline=30):
        wait_for(lambda: self.rcpt(address).startswith(begin), deadline,
                 "%s gets %s" % (address, begin))

    def wait_state(self, domain, state):
        """By name: in the metrics it has none."""
        def there():
            got = self.d.ctl_json("status", domain)[0]["domains"]
            assert [d["state"] for d in got] == [state], got
            return True
        wait_for(there, 20, "%s is %s" % (domain, state))

    def wait_known(self):
        """The domain is taken in, its primary was asked, and Ada exists."""
        self.wait_rcpt(ADA, "450 4.1.1")
        self.wait_state("b.test", "up")
        self.wait_rcpt(ADA, "250")

    def goes_down(self):
        self.primary.stop()
        self.wait_state("b.test", "down")

    def decisions(self, result):
        return self.d.metrics().get("mx_backup_decisions_total", result=result)

    def why(self, address):
        return " ".join(self.d.ctl("why", address)[1].split())


@pytest.mark.beside
def test_taken_in_by_the_dns_and_only_who_exists(stack):
    w = World(stack)
    d = w.d
    assert w.rcpt(ADA).startswith("450 4.7.1")
    w.wait_rcpt(ADA, "450 4.1.1")  # it is ours now, and nothing is known of her
    w.wait_state("b.test", "up")
    w.wait_rcpt(ADA, "250")
    assert w.rcpt("ADA@b.test").startswith("250")
    stays(lambda: w.rcpt(NOBODY).startswith("450 4.1.1"), 3, "nobody is never taken")
    assert w.rcpt("postmaster@b.test").startswith("450 4.1.1")
    send(d.port, "first", rcpts=[ADA])
    w.primary.wait_messages(1)
    why = w.why(ADA)
    assert "the MX records name mx2.backup.test (this server) after in.b.test" in why
    assert INSIDE + " is in mx_backup" in why
    assert "accepted mail for it" in why or "(check)" in why
    assert w.decisions("accepted") >= 2
    assert w.decisions("unknown_recipient") >= 2
    assert w.decisions("asked") >= 1
    m = d.metrics()
    assert m.get("mx_backup_domains") == 1
    assert m.get("smtpd_messages_accepted_total", domain="mx_backup") == 1
    assert not m.match("smtpd_messages_accepted_total", domain="b.test")
    assert not m.match("primary_state", primary="in.b.test:%d" % w.port)


@pytest.mark.beside
def test_an_outage(stack):
    """What the primary is known to have is taken while it is down; it gets that when
    it is back, and others nothing."""
    w = World(stack)
    d = w.d
    w.wait_known()
    w.goes_down()
    send(d.port, "waits", rcpts=[ADA])
    assert w.rcpt(NOBODY).startswith("450 4.1.1")
    d.restart()  # it is kept on disk: entry, who exists, and mail
    assert w.rcpt(ADA).startswith("250")
    assert w.rcpt(NOBODY).startswith("450 4.1.1")
    send(d.port, "waits too", rcpts=[ADA])
    w.primary.start()
    assert set(subjects(w.primary.wait_messages(2))) == {"waits", "waits too"}
    d.wait_empty("mx_backup")


@pytest.mark.beside
@pytest.mark.parametrize("mx, evidence, result", [
    ("@ IN MX 10 out\n@ IN MX 20 %s\n" % US, "no preferred MX has an address in", "outside"),
    ("@ IN MX 10 %s\n@ IN MX 20 in\n" % US, "and no preferred MX of", "not_better"),
    ("@ IN MX 10 %s\n" % US, "and no preferred MX of", "not_better"),
    ("@ IN MX 10 in\n", "do not name this server", "not_named"),
    ("@ IN MX 0 .\n", "accepts no mail", "no_mx"),
    ("@ IN A %s\n" % INSIDE, "no MX record", "no_mx"),
], ids=["outside", "we are best", "alone", "not named", "null mx", "no mx"])
def test_what_does_not_fit(stack, mx, evidence, result):
    w = World(stack, {"c.test": mx})
    assert w.rcpt("u@c.test").startswith("450 4.7.1")
    w.wait_rcpt("u@c.test", "554 5.7.1")
    assert evidence in w.why("u@c.test")
    assert w.decisions(result) >= 1
    assert w.d.metrics().get("mx_backup_domains") == 0


@pytest.mark.beside
def test_a_resolver_that_fails_refuses_nobody_for_good(stack):
    w = World(stack, {"c.test": "x IN A 192.0.2.9\n"})
    w.dns.set(c_test=None)
    assert w.rcpt("u@c.test").startswith("450 4.7.1")
    wait_for(lambda: w.rcpt("u@c.test").startswith("450 4.7.1 no DNS answer"), 15)
    assert w.decisions("dns") >= 1


@pytest.mark.beside
def test_dns_that_changes_while_mail_waits(stack):
    """A record that leads out of the networks leads nowhere."""
    w = World(stack)
    d = w.d
    w.wait_known()
    w.goes_down()
    send(d.port, "waits", rcpts=[ADA])
    thief = stack.fakemx(host=OUTSIDE, port=w.port)
    w.dns.set(b_test="@ 1 IN MX 10 out\n@ 1 IN MX 20 %s\n" % US + HOSTS)
    w.wait_rcpt(ADA, "554 5.7.1")
    d.ctl_run("flush", "b.test", "--no-wait")
    stays(lambda: thief.connections == 0, 4, "nobody outside is connected to")
    assert "outside mx_backup" in d.ctl("why", "b.test")[1]
    assert d.metrics().get("mx_backup_domains") == 1  # it has mail
    w.dns.set(b_test=GOOD.replace(" IN", " 1 IN") + HOSTS)
    w.primary.start()
    assert subjects(w.primary.wait_messages(1)) == ["waits"]
    assert thief.connections == 0


@pytest.mark.beside
def test_a_flood_of_domains(stack):
    """Names that strangers make up cost little and push nobody out."""
    flood = {"f%d.test" % i: GOOD for i in range(30)}
    w = World(stack, flood, options="domains_max = 5 lookup_rate = 1000")
    d = w.d
    w.wait_known()
    for i in range(30):
        assert w.rcpt("u@f%d.test" % i).startswith("450")
    for i in range(300):
        assert w.rcpt("u@none%d.test" % i)[:3] in ("450", "554")
    wait_for(lambda: d.metrics().get("mx_backup_domains") == 5, 15)
    stays(lambda: d.metrics().get("mx_backup_domains") <= 5, 1)
    assert w.rcpt(ADA).startswith("250")  # the primary took somebody of it
    labels = {dict(k)["domain"] for k in d.metrics().match("queue_recipients")}
    assert labels == {"mx_backup"}


@pytest.mark.beside
def test_reloads(stack):
    """Wider networks change nothing; without mx_backup what is queued goes on, and
    nothing more is taken."""
    w = World(stack)
    d = w.d
    w.wait_known()
    d.reload(options=w.render(networks='"192.0.2.0/24", "198.51.100.0/24"'))
    assert w.rcpt(ADA).startswith("250")
    w.goes_down()
    send(d.port, "waits", rcpts=[ADA])
    off = w.render().split("mx_backup {")[0]
    d.reload(options=off, domains={"a.test": 'primary = {"127.0.0.9"}'})
    assert w.rcpt(ADA).startswith("554 5.7.1")
    assert "was removed from the configuration" in " ".join(d.ctl("why", "b.test")[1].split())
    d.restart()
    thief = stack.fakemx(host=OUTSIDE, port=w.port)
    w.dns.set(b_test="@ 1 IN MX 10 out\n@ 1 IN MX 20 %s\n" % US + HOSTS)
    stays(lambda: thief.connections == 0, 2, "its pin is kept, too")
    w.dns.set(b_test=GOOD.replace(" IN", " 1 IN") + HOSTS)
    w.primary.start()
    assert subjects(w.primary.wait_messages(1)) == ["waits"]
    wait_for(lambda: d.ctl_run("status", "b.test").returncode != 0, 15, "it is gone")


@pytest.mark.beside
def test_a_section_takes_over(stack):
    w = World(stack)
    d = w.d
    w.wait_rcpt(ADA, "450 4.1.1")
    assert d.metrics().get("mx_backup_domains") == 1
    d.reload(domains={"b.test": 'primary = {"%s:%d"}' % (INSIDE, w.port)})
    assert w.rcpt(NOBODY).startswith("250")  # a domain without a list
    m = d.metrics()
    assert m.get("mx_backup_domains") == 0
    assert m.match("queue_recipients", domain="b.test")


@pytest.mark.beside
def test_beside_domains_from_elsewhere(stack):
    """A change of the source makes another configuration, which knows who was taken
    in; a domain that the source has is the source's."""
    w = World(stack)
    d = w.d
    source = os.path.join(d.dir, "from")
    os.mkdir(source)

    def put(name, domain):
        with open(os.path.join(source, name + ".new"), "w") as f:
            f.write('domain "%s" { primary = {"%s:%d"} }\n' % (domain, INSIDE, w.port))
        os.rename(os.path.join(source, name + ".new"), os.path.join(source, name))
    put("x.conf", "x.test")
    d.reload(options=w.render() + '\ndomains_from = "%s"\n'
             'domains_from_networks = {"192.0.2.0/24"}' % source)
    w.wait_known()
    put("y.conf", "y.test")
    w.wait_rcpt("any@y.test", "250")
    assert w.rcpt(ADA).startswith("250")
    assert w.rcpt(NOBODY).startswith("450 4.1.1")
    assert d.metrics().get("mx_backup_domains") == 1
    put("b.conf", "b.test")
    w.wait_rcpt(NOBODY, "250")
    wait_for(lambda: d.metrics().get("mx_backup_domains") == 0, 10, "it is the source's")
    d.restart()
    assert w.rcpt(NOBODY).startswith("250")


class PostfixBackup(Primary):
    """A Postfix as backup MX after the howto, which asks the name server on port 53
    of this network namespace."""

    def __init__(self):
        super().__init__((), name="mx2.backup.test", extra=(
            "smtpd_relay_restrictions = permit_mx_backup, reject_unauth_destination\n"
            "permit_mx_backup_networks = 192.0.2.0/24"))
        self.conf["checks"] = "permit_mx_backup"
        self._file("main.cf", MAIN.format(**self.conf))
        self.resolv = self._file("resolv.conf", "nameserver 127.0.0.1\n")

    def _postfix(self, verb, check=True):
        if verb != "start":
            return super()._postfix(verb, check)
        r = subprocess.run(
            ["unshare", "-m", "sh", "-c", "mount --bind %s /etc/resolv.conf && "
             "exec postfix -c %s start" % (self.resolv, self.dir)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert r.returncode == 0, r.stdout + self.log()[-2000:]
        return None


def test_beside_postfix_with_permit_mx_backup(stack):
    """The same zones, the same mail: a recipient that does not exist. Postfix takes
    it, and the forged sender gets the report; here it is put off."""
    sender = stack.fakemx(host=OUTSIDE, port=25)
    zones = {"backup.test": "mx2 IN A 127.0.0.1", "b.test": GOOD + HOSTS,
             "sender.test": "@ IN MX 10 out\n" + HOSTS,
             "o.test": "@ IN MX 10 out\n@ IN MX 20 %s\n" % US + HOSTS}
    dns = stack.dns(zones, port=53)
    primary = stack.primary(("b.test",), host=INSIDE, port=25, recipients=[ADA])
    postfix = stack.add(PostfixBackup(), lambda p: p.close())
    postfix.start()
    d = stack.mxwatchd({}, options=(
        'resolver = {"127.0.0.1@%d"}\nmx_backup { networks = {"192.0.2.0/24"} }' % dns.port),
        defaults=FAST)

    def rcpt(port, address):
        with Raw(port) as c:
            c.ok("EHLO c.test")
            c.ok("MAIL FROM:<victim@sender.test>")
            return c.cmd("RCPT TO:<%s>" % address)[:3]

    assert rcpt(postfix.port, "u@o.test") == "554"  # both go by the networks
    wait_for(lambda: rcpt(d.port, "u@o.test") == "554", 15)
    send(postfix.port, "spam", sender="victim@sender.test", rcpts=[NOBODY])
    wait_for(lambda: sender.messages, 20, "backscatter of Postfix")
    report = sender.messages[0]
    assert b"Undelivered Mail" in report.data and b"User unknown" in report.data
    wait_for(lambda: rcpt(d.port, ADA) == "250", 30, "who exists is taken")
    stays(lambda: rcpt(d.port, NOBODY) == "450", 3)
    send(d.port, "mail", sender="victim@sender.test", rcpts=[ADA])
    assert subjects(primary.wait_messages(1)) == ["mail"]
    stays(lambda: len(sender.messages) == 1, 2, "nothing more came back")
