# SPDX-License-Identifier: ISC
"""mxwatch-import --exim: what an Exim that is a backup MX says by itself comes over, the
rest is told of. Exim itself reads the configurations."""
import os

import pytest

from lib.exim import program
from lib.postfix_shapes import ANYBODY, GRAVE
from lib.importer import checks, run, told

HEAD = """\
keep_environment =
log_file_path = {dir}/%slog
primary_hostname = mx2.backup.test
"""
RETRY = "begin retry\n* * F,2h,15m; G,16h,1h,1.5; F,4d,6h\n"
TRANSPORT = "begin transports\nremote:\n  driver = smtp\n"
DNS = "begin routers\ndns:\n  driver = dnslookup\n  domains = ! +local_domains\n" \
      "  transport = remote\n"


@pytest.fixture
def exim(tmp_path):
    """imported(configuration, files, arguments): what mxwatch-import makes of it."""
    path = os.path.dirname(program()) + ":" + os.environ["PATH"]

    def imported(conf, files=None, args=()):
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        where = tmp_path / "exim.conf"
        where.write_text((HEAD + conf).replace("{dir}", str(tmp_path)))
        return run(*args, "--exim", str(where), env={"PATH": path})
    return imported


def test_a_backup_mx(exim, tmp_path):
    r = exim("""\
domainlist local_domains = @
domainlist relay_to_domains = a.test : !no.test : lsearch;{dir}/relays : {dir}/more : no.test
hostlist relay_from_hosts = 127.0.0.1
acl_smtp_rcpt = check_rcpt
daemon_smtp_ports = 25
local_interfaces = 127.0.0.1
message_size_limit = 20M
smtp_accept_max_per_host = 7
recipients_max = 0
ignore_bounce_errors_after = 2d
delay_warning = 4h:1d
check_spool_space = 100M
timeout_frozen_after = 7d
begin acl
check_rcpt:
  accept hosts = :
  deny dnslists = zen.example.org : bl.example.org
  require verify = recipient/callout=30s,defer_ok
  accept domains = +local_domains : +relay_to_domains
  deny message = relay not permitted
begin routers
others:
  driver = manualroute
  domains = ! +relay_to_domains
  route_list = * wrong.test
  transport = remote
hub:
  driver = manualroute
  domains = +relay_to_domains
  route_data = ${lookup{$domain}lsearch{{dir}/hubs}}
  transport = remote
list:
  driver = manualroute
  route_list = c.test "192.0.2.7::2525 : mx2.c.test" byname; no.test x.test; \
    e.test mx1.e.test : backup remote byname
  transport = remote
""" + DNS.replace("begin routers\n", "") + """\
begin transports
remote:
  driver = smtp
  hosts_try_dane = *
  interface = 192.0.2.25
begin retry
a.test * F,10d,1h
* * F,2h,15m; G,16h,1h,1.5; F,4d,6h
""", {"relays": "b.test: x\nc.test\n# no\n", "more": "# more\nd.test\ne.test\n",
        "hubs": "a.test: mx1.a.test:mx2.a.test byname\nb.test: [2001::db8]\n"
                .replace("b.test: [2001::db8]\n", "b.test: mx1.b.test/MX\n")}, ["-v"])
    assert r.returncode == 0, r.stdout + r.stderr
    for text in ('hostname = "mx2.backup.test"', 'listen = {"127.0.0.1:25"}', "per_client = 7",
                 'message_size = "20M"', "max_recipients = 10000", 'reserve = "100M"',
                 'dsn {\n    lifetime = "2d"', 'delay_warning = {"4h", "1d"}',
                 'dnsbl = {"zen.example.org", "bl.example.org"}',
                 '    deliver {\n        tls = "dane"\n        source = "192.0.2.25"',
                 'domain "a.test" {\n    primary = {"mx1.a.test", "mx2.a.test"}\n'
                 '    recipients_learn = yes\n    lifetime = "10d"\n',
                 'domain "b.test" {\n    primary = {"mx1.b.test"}',
                 'domain "c.test" {\n    primary = {"[192.0.2.7]:2525", "mx2.c.test"}',
                 'domain "e.test" {\n    primary = {"mx1.e.test", "backup"}',
                 'domain "d.test" {\n    recipients_learn = yes\n    lifetime = "4d"\n'
                 '    retry {\n        first = "15m"\n        max = "6h"'):
        assert text in r.stdout, r.stdout
    assert 'domain "no.test"' not in r.stdout
    assert "# of no consequence here: timeout_frozen_after = 7d: " in r.stdout
    assert told(r.stdout) == ["check primary mx1.b.test of domain b.test: Exim uses its "
                              "MX records, mxwatchd its address; name the servers"]
    checks(r.stdout, str(tmp_path))


def test_what_is_not_translated(exim, tmp_path):
    r = exim("""\
domainlist local_domains = @ : local.test
domainlist relay_to_domains = a.test : *.sub.test : @mx_secondary : ^x.*y$ : cdb;{dir}/x : \\
  ${lookup sqlite{{dir}/x.db select}} : /nonexistent/list : odd.test
hostlist relay_from_hosts = <; 127.0.0.1 ; ::1 ; 192.0.2.0/24 ; *.inside.test
acl_smtp_rcpt = check_rcpt
acl_smtp_data = check_data
system_filter = /etc/exim4/filter
daemon_smtp_ports = 25 : 587
message_size_limit = 0
extract_addresses_remove_arguments = false
hold_domains = a.test
begin acl
check_rcpt:
  accept hosts = 192.0.2.9
  deny senders = @spam.test
  require verify = sender
  accept domains = +relay_to_domains
  deny
check_data:
  accept
begin routers
pipe:
  driver = accept
  domains = odd.test
  transport = remote
some:
  driver = dnslookup
  domains = +relay_to_domains
  local_parts = ada : bob
  condition = ${if eq{1}{1}}
  transport = remote
begin transports
remote:
  driver = smtp
  hosts_require_tls = *
  hosts_require_auth = *
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = no
begin rewrite
*@old.test $1@a.test
""")
    assert r.returncode == 3
    said = told(r.stdout)
    for text in ("local_domains: local.test, because", "*.sub.test, because a section is for one",
                 "@mx_secondary, because it is any domain with an MX record", "^x.*y$, because",
                 "relay_from_hosts = 192.0.2.0/24 *.inside.test, because",
                 "daemon_smtp_ports: 587, because users", "authenticators, because users",
                 "acl_smtp_rcpt: accept hosts = 192.0.2.9, because it may permit relaying"):
        assert any(text in s and s.endswith(GRAVE) for s in said), text + "\n" + r.stdout
    assert any("router some: local_parts = ada : bob, because" in s and s.endswith(ANYBODY)
               for s in said), r.stdout
    for text in ("acl_smtp_rcpt: deny senders = @spam.test, because",
                 "acl_smtp_rcpt: require verify = sender, because",
                 "acl_smtp_data = check_data, because", "system_filter = /etc/exim4/filter",
                 "hold_domains = a.test, because mxwatchctl hold", "rewrite rules, because",
                 "transport remote: hosts_require_tls = *, because",
                 "transport remote: hosts_require_auth = *, because",
                 "router some: condition = ${if eq{1}{1}}, because",
                 "router pipe (accept), because only manualroute",
                 "check message_size_limit = 0: there is always a limit",
                 "check domain a.test: it has no retry rule"):
        assert any(text in s for s in said), text + "\n" + r.stdout
    assert r.stderr == "".join("mxwatch-import: %s\n" % s for s in said)
    checks(r.stdout, str(tmp_path))


def test_recipients(exim, tmp_path):
    conf = """\
domainlist local_domains = @
domainlist relay_to_domains = a.test : b.test
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  accept domains = +relay_to_domains
    recipients = lsearch*@;{dir}/known
  deny
""" + DNS + TRANSPORT + RETRY
    files = {"known": "Ada@a.test: x\n*@b.test\n"}
    r = exim(conf, files)
    assert r.returncode == 3 and "run mxwatch-import with -o" in r.stderr
    assert "recipients_learn = yes" in r.stdout
    out = tmp_path / "out"
    r = exim(conf, files, ["-o", str(out)])
    assert (r.returncode, r.stderr) == (0, "")
    assert (out / "recipients" / "relay").read_text() == "@b.test OK\nada@a.test OK\n"
    text = (out / "mxwatch.conf").read_text()
    assert text.count('recipients = "%s/recipients/relay"' % out) == 2
    checks(text, str(tmp_path))


def test_what_exim_cannot_read(exim):
    r = exim("no_such_option = 1\n")
    assert r.returncode == 1 and r.stdout == ""
    assert "mxwatch-import: exim -bP config: " in r.stderr
    assert 'main option "no_such_option" unknown' in r.stderr
