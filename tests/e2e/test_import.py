# SPDX-License-Identifier: ISC
"""contrib/postfix/mxwatch-import: from a Postfix that follows the howto to a
configuration that does the same."""
import os
import subprocess

from lib.net import Workdir
from lib.smtp import Raw

IMPORT = os.path.abspath("contrib/postfix/mxwatch-import")
MAIN = """\
compatibility_level = 3.6
myhostname = mx2.backup.test
mydestination =
relay_domains = a.test, b.test, hash:{dir}/domains
relay_recipient_maps = hash:{dir}/relay
transport_maps = hash:{dir}/transport
maximal_queue_lifetime = 30
delay_warning_time = 4h
proxy_interfaces = 192.0.2.99
smtpd_recipient_restrictions = permit_mynetworks, permit_mx_backup, reject_unauth_destination
permit_mx_backup_networks = 192.0.2.0/24
fast_flush_domains = $relay_domains
smtp_tls_security_level = encrypt
allow_untrusted_routing = yes
recipient_delimiter = +-
smtpd_authorized_xclient_hosts = 192.0.2.8
postscreen_dnsbl_sites = zen.example.org=127.0.0.[2..11]*2, wl.example.org*-1
postscreen_dnsbl_threshold = 2
smtpd_authorized_xforward_hosts = 127.0.0.0/8
"""
TABLES = {
    "domains": "c.test OK\n.sub.test OK\n",
    "relay": "ada@a.test OK\n@b.test OK\n",
    "transport": "a.test relay:[127.0.0.1]:%d\nb.test relay:[mx1.b.test]\n",
}


def written(port):
    """A folder with that Postfix configuration."""
    work = Workdir("im")
    with open(work.path + "/main.cf", "w") as f:
        f.write(MAIN.format(dir=work.path))
    with open(work.path + "/master.cf", "w") as f:
        f.write("")
    for name, text in TABLES.items():
        path = os.path.join(work.path, name)
        with open(path, "w") as f:
            f.write(text % port if "%" in text else text)
        subprocess.run(["postmap", "-c", work.path, "hash:" + path], check=True)
    return work


def run(*args):
    return subprocess.run([IMPORT, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)


def test_the_howto_comes_over(stack):
    mx = stack.fakemx()
    work = stack.add(written(mx.port), lambda w: w.remove())
    r = run(work.path)
    assert (r.returncode, r.stderr) == (0, "")
    for line in ('hostname = "mx2.backup.test"', 'self = {"192.0.2.99"}',
                 'lifetime = "30d"', 'recipient_delimiter = "+-"', 'untrusted_routing = yes',
                 'dnsbl = {"zen.example.org=127.0.0.[2..11]*2", "wl.example.org*-1"}',
                 'dnsbl_threshold = 2', 'postscreen only noted',
                 'xclient = {"192.0.2.8"}', 'xforward = {"127.0.0.0/8"}', 'delay_warning = {"4h"}', 'tls = "require"',
                 'primary = {"mx1.b.test"}', 'primary = {"[127.0.0.1]:%d"}' % mx.port,
                 'mx_backup {\n    networks = {"192.0.2.0/24"}\n}', "#! .sub.test:"):
        assert line in r.stdout, r.stdout
    # The harness brings its own host name, and this primary speaks no TLS.
    sections = r.stdout.replace('tls = "require"', 'tls = "may"').split("\n", 1)[1]
    sections = sections.replace('hostname = "mx2.backup.test"\n', "")
    d = stack.mxwatchd(sections, defaults="", start=False)
    checked = d.run("-n", "-c", d.conf)
    assert checked.returncode == 0, checked.stderr
    d.start()
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        c.ok("RCPT TO:<ada@a.test>")
        c.ok("RCPT TO:<anybody@b.test>")
        assert c.cmd("RCPT TO:<bob@a.test>").startswith("550 5.1.1")
        c.ok("RCPT TO:<ada+shop@a.test>")
        # the one list has nobody of this domain: it may be a mistake
        assert c.cmd("RCPT TO:<ada@c.test>").startswith("451 4.3.0")
        # mx_backup would ask the DNS, which does not answer here
        assert c.cmd("RCPT TO:<ada@d.test>").startswith("450 4.7.1")


def test_what_cannot_be_read(tmp_path):
    r = run(str(tmp_path))
    assert r.returncode == 1 and "cannot read %s/main.cf" % tmp_path in r.stderr
    assert run("a", "b").returncode == 2
    assert run("-x").returncode == 2


def test_restrictions_by_lists_come_over(stack):
    work = stack.add(written(25), lambda w: w.remove())
    with open(work.path + "/main.cf") as f:
        conf = [line for line in f if not line.startswith("postscreen_")]
    with open(work.path + "/main.cf", "w") as f:
        f.writelines(conf)
        f.write("smtpd_client_restrictions = permit_mynetworks, reject_rbl_client bl.example.org,\n"
                "  reject_rbl_client zen.example.org=127.0.0.[2..11]\n"
                "smtpd_sender_restrictions = reject_rhsbl_sender dbl.example.org\n")
    r = run(work.path)
    assert (r.returncode, r.stderr) == (0, "")
    assert 'dnsbl = {"bl.example.org", "zen.example.org=127.0.0.[2..11]"}' in r.stdout
    assert "#! reject_rhsbl_sender is not carried over" in r.stdout


def test_permit_mx_backup_without_networks_is_not_carried_over(stack):
    work = stack.add(written(25), lambda w: w.remove())
    with open(work.path + "/main.cf") as f:
        conf = [line for line in f if not line.startswith("permit_mx_backup_networks")]
    with open(work.path + "/main.cf", "w") as f:
        f.writelines(conf)
    r = run(work.path)
    assert (r.returncode, r.stderr) == (0, "")
    assert "mx_backup {\n" not in r.stdout
    assert "#! permit_mx_backup without permit_mx_backup_networks" in r.stdout
