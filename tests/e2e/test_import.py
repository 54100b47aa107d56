# SPDX-License-Identifier: ISC
"""mxwatch-import: from a Postfix that is a backup MX to a configuration that does the
same, and a list of what it does not."""
import os
import re
import shutil
import subprocess

import pytest

from lib.importer import checks, run, told
from lib.net import Workdir, certificate
from lib.postfix_shapes import ANYBODY, GRAVE, MASTER, PLAIN, SHAPES
from lib.smtp import Raw

# What main.cf may say and has a counterpart, so that nobody has to be told.
TRANSLATED = set("""
    myhostname mydestination relay_domains relay_recipient_maps transport_maps relayhost
    maximal_queue_lifetime bounce_queue_lifetime delay_warning_time minimal_backoff_time
    maximal_backoff_time message_size_limit recipient_delimiter inet_interfaces inet_protocols
    proxy_interfaces mynetworks smtp_tls_security_level smtp_tls_policy_maps
    smtpd_tls_security_level smtpd_tls_cert_file smtpd_tls_key_file
    smtpd_client_connection_count_limit smtpd_client_connection_rate_limit anvil_rate_time_unit
    smtpd_authorized_xclient_hosts smtpd_authorized_xforward_hosts smtpd_recipient_limit
    smtpd_hard_error_limit hopcount_limit queue_minfree smtpd_timeout allow_untrusted_routing
    smtpd_recipient_restrictions smtpd_relay_restrictions smtpd_client_restrictions
    smtpd_sender_restrictions smtpd_etrn_restrictions relay_destination_concurrency_limit
    slow_destination_concurrency_limit default_destination_concurrency_limit
    parent_domain_matches_subdomains permit_mx_backup_networks postscreen_dnsbl_sites
    postscreen_dnsbl_threshold postscreen_dnsbl_action
    """.split())


class Postfix:
    """A folder with a configuration of Postfix."""

    def __init__(self, main, master=MASTER, maps=None, raw=(), tls=False):
        self.work = Workdir("im")
        self.dir = self.work.path
        if tls:
            cert, key = certificate(self.dir, "mx2.backup.test")
            for made, name in ((cert, "cert.pem"), (key, "key.pem")):
                if made != os.path.join(self.dir, name):
                    shutil.copy(made, os.path.join(self.dir, name))
            os.chmod(os.path.join(self.dir, "key.pem"), 0o600)
        main = main.format(dir=self.dir)
        self.write("main.cf", main)
        self.write("master.cf", master)
        types = {name: kind for kind, name in
                 re.findall(r"(hash|btree):%s/(\w+)" % re.escape(self.dir), main)}
        for name, text in (maps or {}).items():
            path = self.write(name, text)
            if name not in raw:
                subprocess.run(["postmap", "-c", self.dir, types[name] + ":" + path],
                               check=True)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def close(self):
        self.work.remove()


@pytest.fixture
def postfix():
    made = []

    def make(*args, **kw):
        made.append(Postfix(*args, **kw))
        return made[-1]
    yield make
    for p in made:
        p.close()


@pytest.fixture(scope="module")
def addresses():
    """What inet_interfaces names has to be an address of this host."""
    change = ["192.0.2.25/32", "dev", "lo"]
    r = subprocess.run(["ip", "addr", "add", *change], stderr=subprocess.PIPE, text=True)
    if r.returncode != 0:
        pytest.skip("no address can be added here: " + r.stderr)
    yield
    subprocess.run(["ip", "addr", "del", *change], check=True)


@pytest.mark.parametrize("name", SHAPES)
def test_shape(postfix, addresses, name):
    shape = SHAPES[name]
    p = postfix(shape.main, shape.master, shape.maps, shape.raw, shape.tls)
    before = sorted((e.name, e.stat().st_mtime_ns) for e in os.scandir(p.dir))
    r = run("-v", p.dir)
    assert sorted((e.name, e.stat().st_mtime_ns) for e in os.scandir(p.dir)) == before
    assert r.returncode == shape.status, r.stdout + r.stderr
    closing = told(r.stdout)
    # the list is the end of the one and all of the other
    assert r.stdout.endswith("".join("#! %s\n" % line for line in closing))
    assert r.stderr == "".join("mxwatch-import: %s\n" % line for line in closing)
    for line in shape.says:
        assert line.replace("{dir}", p.dir) in r.stdout, r.stdout
    for line in shape.closing:
        assert any(line.replace("{dir}", p.dir) in said for said in closing), \
            line + "\n" + r.stdout
    for line in shape.silent:
        assert line not in r.stdout, r.stdout
    assert (shape.status == 3) == any(said.endswith((GRAVE, ANYBODY)) for said in closing)
    # every parameter is dealt with in one way or another
    given = subprocess.run(["postconf", "-c", p.dir, "-n"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=True).stdout
    names = {line.split(" =")[0] for line in given.splitlines()} - {"config_directory"}
    comments = "".join(line for line in r.stdout.splitlines(True) if line.startswith("#"))
    assert {n for n in names - TRANSLATED if not re.search(r"\b%s\b" % n, comments)} == set()
    checks(r.stdout, p.dir)


@pytest.mark.parametrize("name", SHAPES)
def test_shape_into_a_folder(postfix, addresses, tmp_path, name):
    shape = SHAPES[name]
    p = postfix(shape.main, shape.master, shape.maps, shape.raw, shape.tls)
    out = tmp_path / "out"
    r = run("-o", str(out), p.dir)
    assert r.stdout == "" and r.returncode in (0, 3), r.stderr
    text = (out / "mxwatch.conf").read_text()
    checks(text, p.dir)
    # a list is there when it is complete, and in use
    assert (out / "recipients" / "relay").exists() == ("%s/recipients/relay" % out in text)
    if shape.folder is not None:
        assert (out / "recipients" / "relay").read_text() == shape.folder
        assert r.returncode == 0 and 'recipients = "%s/recipients/relay"' % out in text
    # what is there stays
    again = run("-o", str(out), p.dir)
    assert again.returncode == 1 and "is there already" in again.stderr
    assert (out / "mxwatch.conf").read_text() == text


def test_the_howto_works(stack):
    """What comes of the howto decides about recipients as Postfix did."""
    shape = SHAPES["howto"]
    p = stack.add(Postfix(shape.main, maps=shape.maps), lambda p: p.close())
    text = run(p.dir).stdout
    # the harness brings its own host name and listener
    text = text.replace('hostname = "mx2.backup.test"\n', "")
    d = stack.mxwatchd(text, defaults="", start=False)
    d.start()
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        c.ok("RCPT TO:<ada@a.test>")
        c.ok("RCPT TO:<anybody@b.test>")
        assert c.cmd("RCPT TO:<bob@a.test>").startswith("550 5.1.1")
        c.ok("RCPT TO:<ada+shop@a.test>")
        assert c.cmd("RCPT TO:<ada@sub.a.test>").startswith("554 5.7.1")


def test_a_list_of_several_maps_works(stack, tmp_path):
    shape = SHAPES["several maps"]
    p = stack.add(Postfix(shape.main, maps=shape.maps, raw=shape.raw), lambda p: p.close())
    out = tmp_path / "out"
    assert run("-o", str(out), p.dir).returncode == 0
    text = (out / "mxwatch.conf").read_text().replace('hostname = "mx2.backup.test"\n', "")
    d = stack.mxwatchd(text, defaults="", start=False)
    d.start()
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        for known in ("ada@a.test", "list@a.test", "bob@b.test", "dan@b.test", "eve@c.test"):
            c.ok("RCPT TO:<%s>" % known)
        assert c.cmd("RCPT TO:<eve@a.test>").startswith("550 5.1.1")


def test_the_configuration_of_another_host(postfix):
    p = postfix(PLAIN + "relay_domains = a.test\nrelay_recipient_maps = hash:{dir}/relay\n",
                maps={"relay": "x@a.test x\n"})
    with open(p.dir + "/main.cf", "a") as f:
        f.write("inet_interfaces = 192.0.2.77, 127.0.0.1\n")
    r = run(p.dir)
    assert r.returncode == 0, r.stderr
    assert 'listen = {"192.0.2.77:25", "127.0.0.1:25"}' in r.stdout
    assert 'source = "192.0.2.77"' in r.stdout
    assert 'recipients = "%s/relay"' % p.dir in r.stdout
    assert "no local interface found for 192.0.2.77: this is not the host" in r.stderr


def test_subdomains_are_told_of(postfix):
    """By default relay_domains has subdomains, too; which ones, a list tells."""
    main = PLAIN + "relay_domains = a.test\nrelay_recipient_maps = hash:{dir}/relay\n"
    p = postfix(main, maps={"relay": "x@a.test x\ny@sub.a.test x\nz@other.test x\n"})
    r = run(p.dir)
    assert r.returncode == 0 and "subdomains" not in r.stderr
    assert 'domain "sub.a.test" {' in r.stdout and "other.test" not in r.stdout
    r = run(postfix(PLAIN + "relay_domains =\n").dir)
    assert r.returncode == 3 and r.stderr.endswith("- NO MAIL IS TAKEN\n")
    r = run(postfix(PLAIN + "relay_domains = a.test\n").dir)
    assert r.returncode == 3 and "not translated: subdomains of a.test, because" in r.stderr


def test_tables_that_are_not_as_they_were(postfix):
    main = PLAIN + "relay_domains = a.test\nrelay_recipient_maps = hash:{dir}/relay\n"
    p = postfix(main, maps={"relay": "x@a.test REJECT\ny@a.test x\n"}, raw=["relay"])
    r = run(p.dir)
    assert "hash:%s/relay: postmap has not compiled it" % p.dir in r.stderr
    # Postfix does not look at the value, mxwatchd does
    assert r.returncode == 3 and "a value that begins with REJECT" in r.stderr
    subprocess.run(["postmap", "-c", p.dir, "hash:%s/relay" % p.dir], check=True)
    os.utime(p.dir + "/relay", (2e9, 2e9))
    assert "its text is newer than its compiled form" in run(p.dir).stderr
    p = postfix(PLAIN + "relay_domains = a.test\nrelay_recipient_maps = hash:{dir}/gone\n")
    r = run(p.dir)
    assert r.returncode == 3 and "/gone.db: No such file or directory " + ANYBODY in r.stderr
    assert "recipients_learn = yes" in r.stdout
    p = postfix(PLAIN + "relay_domains = a.test {dir}/gone\nrelay_recipient_maps = static:x\n")
    r = run(p.dir)
    assert r.returncode == 3
    assert "relay_domains: %s/gone, because it cannot be read: No such file" % p.dir in r.stderr


def test_recipients_of_every_name(postfix):
    """Patterns that have all of each domain are no list that is missing; a list of
    nobody is none."""
    main = PLAIN + "relay_domains = a.test\nparent_domain_matches_subdomains =\n" \
        "relay_recipient_maps = %s\n"
    r = run(postfix(main % "regexp:{dir}/all", maps={"all": "/@a\\.test$/ x\n"},
                    raw=["all"]).dir)
    assert (r.returncode, r.stderr) == (0, "") and 'domain "a.test" {\n}' in r.stdout
    r = run(postfix(main % "texthash:{dir}/none", maps={"none": "# nobody\n"},
                    raw=["none"]).dir)
    assert r.returncode == 3 and "it is empty, and an empty list" in r.stderr
    assert 'domain "a.test" {\n}' in r.stdout


def test_the_way_that_unlisted_recipients_have(postfix):
    p = postfix(PLAIN + "relay_domains = a.test\nrelay_recipient_maps = hash:{dir}/relay\n"
                "smtpd_reject_unlisted_recipient = no\n", maps={"relay": "x@a.test x\n"})
    r = run(p.dir)
    assert r.returncode == 3 and ANYBODY in r.stderr and "    recipients =" not in r.stdout
    p = postfix(PLAIN + "relay_domains = a.test\nrelay_recipient_maps = hash:{dir}/relay\n"
                "smtpd_reject_unlisted_recipient = no\nsmtpd_recipient_restrictions = "
                "reject_unauth_destination, reject_unlisted_recipient\n",
                maps={"relay": "x@a.test x\n"})
    r = run(p.dir)
    assert r.returncode == 0 and 'recipients = "%s/relay"' % p.dir in r.stdout


def test_permit_mx_backup_without_networks(postfix):
    r = run(postfix(PLAIN + "relay_domains =\nsmtpd_relay_restrictions = permit_mx_backup, "
                    "reject_unauth_destination\n").dir)
    assert r.returncode == 3 and "mx_backup {" not in r.stdout.split("#!")[0]
    assert "not translated: permit_mx_backup, because" in r.stderr


def test_what_cannot_be_read(tmp_path, postfix):
    r = run(str(tmp_path))
    assert r.returncode == 1 and "cannot read %s/main.cf: No such file" % tmp_path in r.stderr
    assert run("a", "b").returncode == 2
    assert run("-x").returncode == 2
    r = run(postfix(PLAIN + "what is this\n").dir)
    assert r.returncode == 1 and r.stdout == ""
    assert "mxwatch-import: postconf -n -x: fatal: " in r.stderr
    r = run("-o", "out", str(tmp_path))
    assert r.returncode == 1 and "by its whole path" in r.stderr
    ours = postfix(PLAIN + "relay_domains = a.test\n").dir
    r = run("-o", "/proc/nothing", ours)
    assert r.returncode == 1 and "cannot make the directory" in r.stderr
    r = run(ours, env={"PATH": str(tmp_path)})
    assert r.returncode == 1 and "postconf" in r.stderr and r.stdout == ""
    # a disk that is full is no configuration
    with open("/dev/full", "w") as full:
        r = run(ours, stdout=full)
    assert r.returncode == 1 and "cannot write" in r.stderr
