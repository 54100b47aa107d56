# SPDX-License-Identifier: ISC
"""Mistakes that operators make in a configuration and around it, and the exact lines
with which `mxwatchd -n` answers each. What needs no more than a text has its other
cases in tests/unit/config_wrong.h."""
import os
import pwd
import re
import shutil
import socket
import subprocess

import pytest

from lib.net import certificate, free_port

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="not root")

# All of what each case begins with is one line, so that the mistake is on line 2.
HEAD = ('hostname = "mx2.example.org" spool = "{dir}/spool" control = "{dir}/ctl" '
        'user = "nobody" ')
LISTEN = 'smtpd { listen = "127.0.0.1:{port}" } '
DOMAIN = 'domain "d.test" { primary = "192.0.2.99" } '
UNIT = ('"{0}" has no unit; write "{0}d" (days), or "{0}h" (hours), or "{0}s" (seconds)')
HOST = 'is not a host; write it like "mx1.example.org" or "[192.0.2.7]:25"'
CALL = ': a typographic quote (U+%s); write the plain "'
SELF = 'is this server; name the server that the mail is for'

# (name, text from line 2 on, findings as LINE: KIND: TEXT in their order)
TEXTS = [
    ("days meant", "defaults { lifetime = 30 }",
     ["2: error: defaults: lifetime " + UNIT.format(30)]),
    ("seconds, as Postfix never has them", 'defaults { lifetime = "2592000" }',
     ['2: error: defaults: lifetime "2592000" has no unit; write "2592000s" (seconds)']),
    ("hours meant", "defaults {\n delay_warning = {\n 4h,\n 24 } }",
     ["5: error: defaults: delay_warning " + UNIT.format(24)]),
    ("reports, vault and ledger", "dsn { lifetime = 5 }\nvault { keep = 7 }\nledger { keep = 90 }",
     ["2: error: dsn: lifetime " + UNIT.format(5), "3: error: vault: keep " + UNIT.format(7),
      '4: error: ledger: keep "90" has no unit; write "90d" (days), or "90h" (hours)']),
    ("seconds of a probe", "defaults { probe { interval = 60 } }",
     ['2: warning: defaults: probe: interval "60" has no unit and is read as seconds; '
      'write "60s"']),
    ("a blank before the unit", 'defaults { lifetime = "30 d" }',
     ['2: error: defaults: lifetime "30 d" is not a time; write a number with a unit, such as '
      '"30d" or "12h"']),
    ("pasted from a page", "domain \u201ca.test\u201d { }\n"
     "domain \"b.test\" { primary = \u201cmx1.b.test\u201d }",
     ["2: error" + CALL % "201C", '3: error: domain "b.test": primary' + CALL % "201C"]),
    ("one quote mended", 'domain "a.test" { primary = "mx1.a.test\u201d }',
     ['2: error: domain "a.test": primary' + CALL % "201D"]),
    ("no-break spaces", "defaults {\n\u00a0\u00a0lifetime = \"30d\"\n}",
     ["3: error: defaults: a no-break space (U+00A0); write a plain space"]),
    ("a dash in a name", 'domain "a.test" { primary = "mx\u20131.a.test" }',
     ['2: error: domain "a.test": primary "mx???1.a.test" %s; it holds a dash (U+2013): write '
      'the plain -' % HOST]),
    ("lines that end in CR", "# a comment\rdefaults { lifetime = \"30d\" }",
     ["2: error: a carriage return within a line; end lines with LF or CR LF"]),
    ("the second and the fifth of a list",
     'domain "a.test" { primary = {\n "mx1.a.test",\n "mx 2",\n "mx3.a.test",\n "mx4.a.test",\n'
     ' "mx5.a.test:smtp" } }',
     ['4: error: domain "a.test": primary "mx 2" ' + HOST,
      '7: error: domain "a.test": primary "mx5.a.test:smtp" ' + HOST]),
    ("no comma", 'domain "a.test" { primary = {"mx1.a.test" "mx2.a.test"} }',
     ['2: error: domain "a.test": primary: a comma is missing in the list before "mx2.a.test"']),
    ("an option misspelt", "defaults { lifetme = \"30d\" }",
     ['2: error: defaults: unknown option "lifetme"; did you mean "lifetime"?']),
    ("an option at the wrong place", "lifetime = \"30d\"",
     ['2: error: option "lifetime" belongs in a section domain']),
    ("a brace forgotten", 'domain "a.test" {\n primary = "mx1.a.test"\ndomain "b.test" { }',
     ['2: error: domain "a.test": the section is not closed before domain at line 4; a } is '
      'missing']),
    ("a semicolon", "seccomp = yes;",
     ['2: error: ";" has no meaning here; remove it']),
    ("a domain twice", 'domain "a.test" { }\ndomain "A.Test." { }',
     ['3: error: domain "a.test" is listed twice (first at CONF:2)']),
    ("an address that is a name", 'web { listen = "localhost:10125" }',
     ['2: error: web: listen "localhost:10125" is not an address; write it like '
      '"192.0.2.7:25" or "[::1]:25"']),
    ("ourselves by name", 'domain "a.test" { primary = "mx2.example.org:{port}" }',
     ['2: error: domain "a.test": primary "mx2.example.org:{port}" ' + SELF]),
    ("a receiver that is not there", 'alert "queue_age" { receivers = {"oncall"} }',
     ['2: error: alert "queue_age": there is no receiver "oncall"']),
    ("pages through what is out",
     'domain "a.test" { primary = "mx1.a.test" }\n'
     'receiver "m" { type = email  smarthost = "smtp://mx1.a.test:587"  to = {"o@b.test"} }',
     ['3: error: receiver "m": smarthost "smtp://mx1.a.test:587" is a monitored primary; '
      'its outage could not be reported']),
    ("a certificate alone", 'smtpd { listen = "127.0.0.1:{port}"  tls_cert = "/etc/hostname" }',
     ["2: error: smtpd: tls_cert is set without tls_key"]),
    ("recipients that are not there", 'domain "a.test" { recipients = "{dir}/none" }',
     ['2: error: domain "a.test": recipients "{dir}/none" cannot be read: No such file or '
      'directory']),
    ("recipients that are a folder", 'domain "a.test" { recipients = "{dir}" }',
     ['2: error: domain "a.test": recipients "{dir}" cannot be read: it is a directory']),
    ("a program that is not there",
     'receiver "x" { type = exec  command = {"{dir}/none"} }',
     ['2: warning: receiver "x": command "{dir}/none" cannot be run: No such file or directory; '
      'this receiver gets no alerts until it can']),
]


class Checked:
    """A folder with a configuration, checked by -n."""

    def __init__(self, stack):
        self.d = stack.mxwatchd({}, user="nobody", start=False)
        self.dir, self.port = self.d.dir, self.d.port

    def fill(self, text):
        return text.replace("{dir}", self.dir).replace("{port}", str(self.port))

    def file(self, name, text, mode=0o644, owner="nobody"):
        path = self.d.file(name, text, mode)
        pw = pwd.getpwnam(owner)
        os.chown(path, pw.pw_uid, pw.pw_gid)
        return path

    def run(self, text, head=HEAD + LISTEN + DOMAIN, flags="-nl", who=()):
        data = self.fill(head.rstrip() + "\n" + text + "\n")
        self.d.file("mxwatch.conf", data if isinstance(data, bytes) else data.encode())
        r = subprocess.run([*who, os.path.join(self.d.build, "mxwatchd"), flags, "-c",
                            self.d.conf], env=self.d.environment(), stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=60)
        lines = r.stderr.replace(self.d.conf, "CONF").splitlines()
        return r.returncode, [re.sub(r"^CONF:(?=\d)|^CONF: (?=error|warning)", "", x)
                              for x in lines if "descriptors, as here" not in x]

    def says(self, want, *args, rc=None, **kw):
        got = self.run(*args, **kw)
        want = [self.fill(x) for x in want]
        assert got[1] == want, "\n".join(["got:"] + got[1] + ["wanted:"] + want)
        if rc is None:
            rc = 2 if any("error: " in x for x in want) else 0
        assert got[0] == rc


@pytest.fixture(scope="module")
def it(module_stack):
    return Checked(module_stack)


@pytest.mark.parametrize("case", TEXTS, ids=[c[0] for c in TEXTS])
def test_text(it, case):
    it.says(case[2], case[1], head=HEAD + ("" if "smtpd" in case[1] else LISTEN) + DOMAIN)


def test_nothing_is_wrong(it):
    it.says([], 'defaults { lifetime = "30d"  probe { hold = 0 } }')


def test_another_encoding(it):
    with open(it.d.conf, "wb") as f:
        f.write(('\ufeff' + it.fill(HEAD + DOMAIN)).encode("utf-16-le"))
    r = it.d.run("-nl", "-c", it.d.conf)
    assert (r.returncode, r.stderr) == (
        2, "%s: error: the file is in UTF-16; save it as UTF-8\n" % it.d.conf)


def test_no_domain(it):
    it.says(["error: no section domain is configured; no mail would be accepted"], "", head=HEAD + LISTEN)


def test_no_such_user(it):
    it.says(['1: error: user "mxwtch" does not exist; create it, or set another one in `user`'],
            "", head=HEAD.replace("nobody", "mxwtch") + LISTEN + DOMAIN)


def test_ourselves_by_address(it, module_stack):
    module_stack.address("192.0.2.1")
    it.says(['2: error: domain "a.test": primary "[192.0.2.1]:{port}" ' + SELF],
            'domain "a.test" { primary = "[192.0.2.1]:{port}" }',
            head=HEAD + 'smtpd { listen = "0.0.0.0:{port}" } ' + DOMAIN)


LIST = 'domain "a.test" { primary = "192.0.2.9" recipients = "{dir}/list" }'


def test_recipients(it):
    path = it.file("list", "ada@other.test OK\n")
    nobody = "%s: warning: it has no entry of a.test: its recipients get 451" % path
    it.says([nobody], LIST)
    rest = ("; until that is repaired, a start uses its last good copy, or answers 451 if there is none")
    it.file("list", "# all of them have left\n")
    it.says(["%s: warning: it has no recipients" % path + rest], LIST)
    it.file("list", "ada@a.test OK\nbob@a.test\n")
    it.says(["%s:2: warning: no value after the key; write a line \"ADDRESS OK\"" % path + rest], LIST)
    it.file("list", "ada@a.test OK\n", 0o600, "root")
    it.says(['2: error: domain "a.test": recipients "{dir}/list" cannot be read: '
             'Permission denied'], LIST)


HOOK = 'receiver "r" { type = pagerduty  routing_key_file = "{dir}/pd.key" }'
KEY = '2: error: receiver "r": routing_key_file "{dir}/pd.key" cannot be read: '


def test_secrets(it):
    it.file("pd.key", "key\n", 0o600, "root")
    it.says([KEY + "Permission denied"], HOOK)
    it.file("pd.key", "key\n", 0o644)
    it.says([KEY + "it is accessible to users other than its owner and group; make its mode 0600 or 0640"], HOOK)
    it.file("pd.key", "\n", 0o600)
    it.says([KEY + "its first line is empty; write the secret there"], HOOK)
    it.file("pd.key", "key\n", 0o600)
    it.says([], HOOK)


TLS = HEAD + 'smtpd { listen = "127.0.0.1:{port}" tls_cert = "{dir}/c" tls_key = "{dir}/k" } ' \
    + DOMAIN


@pytest.fixture(scope="module")
def pem(it):
    """Certificates and keys by name, as text."""
    out = {}
    for name in ("mx2.example.org", "other.test"):
        cert, key = certificate(it.dir, name)
        out[name] = open(cert).read(), open(key).read()
    cert, key = certificate(it.dir, "mx2.example.org")
    locked = subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x"],
                            check=True, capture_output=True, text=True, timeout=60).stdout
    out["locked"] = open(cert).read(), locked
    return out


def put(it, cert, key, mode=0o600, owner="nobody"):
    it.file("c", cert)
    it.file("k", key, mode, owner)


def test_certificates(it, pem):
    cert, key = pem["mx2.example.org"]
    other, other_key = pem["other.test"]
    put(it, cert, key)
    it.says([], "", head=TLS)
    put(it, cert, other_key)
    it.says(["error: smtpd: {dir}/k: mismatch: it is not the key of the certificate in {dir}/c"],
            "", head=TLS)
    put(it, other + cert, key)
    it.says(["error: smtpd: {dir}/c: mismatch: the certificate of the key {dir}/k is number 2 in it; it must come first, followed by that of its issuer",
             "warning: smtpd: tls_cert {dir}/c: certificate 2 in it did not issue certificate 1; the server's must come first, then that of its issuer, and so on",
             'warning: smtpd: tls_cert {dir}/c: the certificate does not cover the hostname '
             '"mx2.example.org"'], "", head=TLS)
    put(it, other, other_key)
    it.says(['warning: smtpd: tls_cert {dir}/c: the certificate does not cover the hostname '
             '"mx2.example.org"'], "", head=TLS)
    put(it, *pem["locked"])
    it.says(["error: smtpd: {dir}/k: the key is encrypted, and a passphrase cannot be entered; store the key without one (openssl pkey -in OLD -out NEW)"], "", head=TLS)
    put(it, cert, "nothing\n")
    r = it.run("", head=TLS)
    assert r[0] == 2 and it.fill("{dir}/k: no private key in PEM: ") in r[1][0], r
    put(it, cert, key, owner="root")
    it.says(['1: error: smtpd: tls_key "{dir}/k" cannot be read: Permission denied'], "", head=TLS)
    web = HEAD + LISTEN + 'web { listen = {} tls_cert = "{dir}/c" tls_key = "{dir}/k" } ' + DOMAIN
    put(it, other + cert, key)
    r = it.run("", head=web)
    assert r[0] == 2 and r[1][0] == it.fill(
        "error: web: {dir}/c and {dir}/k do not match"), r
    put(it, *pem["locked"])
    r = it.run("", head=web)
    assert r[0] == 2 and r[1][0] == it.fill(
        "error: web: {dir}/k: the key is encrypted, and a passphrase cannot be entered; store the key without one (openssl pkey -in OLD -out NEW)"), r


@pytest.mark.skipif(shutil.which("faketime") is None, reason="no faketime")
def test_dates_of_a_certificate(it):
    for days, says in ((-400, "expired on "), (400, "is not valid before ")):
        folder = os.path.join(it.dir, "dated%d" % days)
        os.mkdir(folder)
        pair = certificate(folder, "mx2.example.org", 30, clock=("faketime", "-f", "%+dd" % days))
        put(it, *(open(path).read() for path in pair))
        rc, lines = it.run("", head=TLS)
        assert rc == 0 and len(lines) == 1, lines
        assert re.fullmatch(re.escape(it.fill("warning: smtpd: tls_cert {dir}/c: certificate 1 in it " +
                                              says)) + r"20\d\d-\d\d-\d\d \d\d:\d\d UTC; "
                            r"(renew it|is the clock right\?)", lines[0]), lines


def test_ports(it, module_stack):
    other = free_port()
    with socket.socket() as s:
        s.bind(("127.0.0.1", other))
        s.listen()
        comm = open("/proc/self/comm").read().strip()
        it.says(["error: smtpd: listen 127.0.0.1:%d is in use by another program, %s (pid %d); stop it, or listen on another address" % (other, comm, os.getpid())],
                "", head=HEAD + 'smtpd { listen = "127.0.0.1:%d" } ' % other + DOMAIN)
    it.says(["error: smtpd: listen 198.51.100.1:25: no interface of this host has that address"],
            "", head=HEAD + 'smtpd { listen = "198.51.100.1" } ' + DOMAIN)
    it.says(['warning: web: listen 127.0.0.1:443: a daemon started as root becomes user '
             '"nobody" before it binds this port, which that user may not; use a port above '
             '1023, unless the systemd unit starts it, which grants CAP_NET_BIND_SERVICE'],
            'web { listen = "127.0.0.1:443" }')


def test_our_own_ports(it, module_stack):
    """Those that we have while we run are no finding; one that somebody else has is
    one also then."""
    d = module_stack.mxwatchd({"a.test": 'primary = "192.0.2.9"'}, user="nobody")
    r = d.run("-nl", "-c", d.conf)
    assert r.returncode == 0 and "in use" not in r.stderr, r.stderr
    with socket.socket() as s:
        s.bind(("127.0.0.1", free_port()))
        s.listen()
        d.write(options='hostname = "mx2.backup.test"', smtpd="",
                web='listen = {"127.0.0.1:%d", "127.0.0.1:%d"}' % (d.web_port, s.getsockname()[1]))
        r = d.run("-nl", "-c", d.conf)
        assert r.returncode == 2 and r.stderr.count("in use") == 1, r.stderr
        assert "pid %d" % os.getpid() in r.stderr, r.stderr


def test_places(it):
    spool = os.path.join(it.dir, "spool")
    os.mkdir(spool, 0o700)
    it.says(['error: spool: {dir}/spool: user "nobody" cannot write there: Permission denied'],
            "")
    os.chown(spool, 65534, 65534)
    it.says([], "")
    os.chmod(spool, 0o755)
    it.says(["error: spool: {dir}/spool is accessible to others (mode 0755); chmod 700 it"], "")
    os.rmdir(spool)
    it.says(['error: spool: {dir}/none/spool does not exist, and user "nobody" cannot create it: '
             'No such file or directory'], "",
            head=HEAD.replace("{dir}/spool", "{dir}/none/spool") + LISTEN + DOMAIN)
    hidden = os.path.join(it.dir, "hidden")
    os.makedirs(os.path.join(hidden, "spool"), 0o700)
    os.chown(os.path.join(hidden, "spool"), 65534, 65534)
    os.chmod(hidden, 0o700)
    it.says(['error: spool: {dir}/hidden/spool: user "nobody" cannot write there: '
             'Permission denied'], "",
            head=HEAD.replace("{dir}/spool", "{dir}/hidden/spool") + LISTEN + DOMAIN)
    it.file("plain", "")
    it.says(['error: control: {dir}/plain/none does not exist, and user "nobody" cannot create it: '
             'Not a directory'], "",
            head=HEAD.replace("{dir}/ctl", "{dir}/plain/none/ctl") + LISTEN + DOMAIN)
    it.says(['error: log: {dir}/none/log does not exist, and user "nobody" cannot create it: '
             'No such file or directory'], 'log = "{dir}/none/log"')
    assert not os.path.exists(spool), "nothing is made by a check"


def test_another_user(it):
    """Who is neither root nor the user of the daemon is told so, once."""
    os.makedirs(os.path.join(it.dir, "spool"), 0o700)
    os.chown(os.path.join(it.dir, "spool"), 65534, 65534)
    who = ("setpriv", "--reuid=daemon", "--clear-groups")
    rc, lines = it.run('web { listen = "127.0.0.1:443" }', who=who)
    os.rmdir(os.path.join(it.dir, "spool"))
    assert rc == 0, lines
    assert lines[0] == ('warning: files were checked as user "daemon", but the daemon will run '
                        'as "nobody"; run mxwatchd -n as root to check as that user'), lines
    assert sum("files were checked" in x for x in lines) == 1
    assert lines[-2 if "spool" in lines[-1] else -1] == (
        "warning: web: listen 127.0.0.1:443 needs root, or CAP_NET_BIND_SERVICE, which the systemd unit grants (AmbientCapabilities); not checked"), lines
    # As the unit has it: the user, and the capability.
    who = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
           "--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service")
    it.says([], 'web { listen = "127.0.0.1:443" }', who=who)


def test_names(it, module_stack):
    """What the DNS says is a warning; -l does not ask it."""
    module_stack.address("192.0.2.1")
    dns = module_stack.dns({
        "example.org": "mx2 IN A 192.0.2.77",
        "good.test": "@ IN MX 10 p\n@ IN MX 20 mx2.example.org.\np IN A 192.0.2.9",
        "best.test": "@ IN MX 5 mx2.example.org.\n@ IN MX 10 p\np IN A 192.0.2.9",
        "none.test": "@ IN MX 10 p\np IN A 192.0.2.9",
        "bare.test": "@ IN A 192.0.2.9",
        "null.test": "@ IN MX 0 .",
        "we.test": "@ IN MX 10 p\n@ IN MX 20 mx2.example.org.\np IN A 192.0.2.9\n"
                   "r IN A 192.0.2.1"})
    head = (HEAD + LISTEN + 'resolver = "127.0.0.1@%d" ' % dns.port)
    text = "".join('domain "%s.test" { %s }\n' % x for x in (
        ("best", ""), ("good", 'primary = "p.good.test"'), ("none", 'primary = "p.none.test"'),
        ("bare", 'primary = "192.0.2.9"'), ("null", ""),
        ("we", 'primary = {"x.we.test", "r.we.test:{port}"}')))
    rc, lines = it.run(text, head=head, flags="-n")
    want = """\
warning: domain "bare.test": it has no MX records, so no mail comes here; add one that names this server
warning: domain "best.test": this server is its best MX and no primary is configured: its mail is held; give the primary a lower preference value, or name it in primary
warning: domain "none.test": none of its MX records names this server, so no mail comes here
warning: domain "null.test": its MX record says that it accepts no mail (RFC 7505)
warning: domain "we.test": primary "r.we.test:{port}" is this server according to the DNS (192.0.2.1); name the server that the mail is for
warning: domain "we.test": primary "x.we.test" has no address in the DNS
warning: hostname "mx2.example.org" has the address 192.0.2.77 in the DNS, which this host does not have; behind address translation, add it to self"""
    assert sorted(lines) == it.fill(want).splitlines(), "\n".join(sorted(lines))
    assert rc == 0
    it.says([], text, head=head, flags="-nl")
    it.says([], 'domain "good.test" { primary = "p.good.test" }',
            head=head + 'self = "192.0.2.77" ', flags="-n")
    dns.close()
    rc, lines = it.run('domain "good.test" { primary = "p.good.test" }', head=head, flags="-n")
    assert rc == 0 and len(lines) == 1, lines
    assert lines[0].startswith("warning: 3 of 3 names could not be looked up (")
    assert lines[0].endswith("); mxwatchd -nl skips the DNS")


def test_a_reload_says_the_same(module_stack):
    """Of files: what is wrong keeps the old configuration, what is doubtful is told."""
    d = module_stack.mxwatchd({"a.test": 'primary = "192.0.2.9"'}, user="nobody", start=False)
    os.chown(d.file("list", "ada@other.test OK\n"), 65534, 65534)
    for path in certificate(d.dir, "other.test"):
        os.chown(path, 65534, 65534)
    cert = 'tls_cert = "%s/other.test.crt" tls_key = "%s/other.test.key"' % (d.dir, d.dir)
    d.start()
    rc, out = d.reload(smtpd=cert, domains={
        "a.test": 'primary = "192.0.2.9" recipients = "%s/list"' % d.dir})
    assert rc == 0, out
    for says in ("%s/list: warning: it has no entry of a.test: its recipients get 451"
                 % d.dir,
                 "the certificate does not cover the hostname \"mx2.backup.test\""):
        assert says in out, out
    d.file("pd.key", "", 0o600)
    os.chown(os.path.join(d.dir, "pd.key"), 65534, 65534)
    rc, out = d.reload(options=HOOK.replace("{dir}", d.dir))
    assert rc == 2 and "its first line is empty; write the secret there" in out, out
    d.write(options="")
    d.file("other.test.key", open(certificate(d.dir, "third.test")[1]).read(), 0o600)
    os.chown(os.path.join(d.dir, "other.test.key"), 65534, 65534)
    rc, out = d.reload()
    assert rc == 2 and "other.test.key: mismatch: it is not the key of the certificate in " in out, out
