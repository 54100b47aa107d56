# SPDX-License-Identifier: ISC
"""Ten configurations of a Postfix that is a backup MX, each of another shape, and what
mxwatch-import has to make of them: lines of the configuration (says), of the closing
list (closing), and the exit status. {dir} is the folder of main.cf."""

MASTER = """\
smtp      inet  n       -       y       -       -       smtpd
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
"""
DEBIAN = """\
compatibility_level = 3.6
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
myhostname = mx2.backup.test
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
mydestination = $myhostname, localhost.localdomain, localhost
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
inet_interfaces = all
inet_protocols = all
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
smtp_tls_CApath = /etc/ssl/certs
smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache
"""
PLAIN = "compatibility_level = 3.6\nmyhostname = mx2.backup.test\nmydestination =\n"
GRAVE = "- MAIL IS REFUSED THAT WAS ACCEPTED"
ANYBODY = "- ANY RECIPIENT IS ACCEPTED"


class Shape:
    """`maps`: tables by name, made by postmap unless they are in `raw`. `tls`: there is
    a certificate cert.pem with a key key.pem. `folder`: recipients that -o writes."""

    def __init__(self, main, says=(), closing=(), status=0, maps=None, raw=(), silent=(),
                 master=MASTER, tls=False, folder=None):
        self.main, self.says, self.closing, self.status = main, says, closing, status
        self.maps, self.raw, self.silent, self.master = maps or {}, raw, silent, master
        self.tls, self.folder = tls, folder


SHAPES = {}

# The howto: one list of recipients, a long lifetime, a Debian around it.
SHAPES["howto"] = Shape(
    DEBIAN + """\
relay_domains = a.test, b.test
relay_recipient_maps = hash:{dir}/relay
transport_maps = hash:{dir}/transport
maximal_queue_lifetime = 30d
bounce_queue_lifetime = 2
delay_warning_time = 4
minimal_backoff_time = 600s
message_size_limit = 25600000
recipient_delimiter = +
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
fast_flush_domains = $relay_domains
relayhost =
smtp_tls_security_level = may
""",
    maps={"relay": "ada@a.test OK\n@b.test OK\n",
          "transport": "a.test relay:[mx1.a.test]\nb.test smtp:[192.0.2.7]:2525\n"},
    says=['hostname = "mx2.backup.test"', 'message_size = "25600000"',
          'dsn {\n    lifetime = "2d"\n}', 'lifetime = "30d"', 'delay_warning = {"4h"}',
          'recipient_delimiter = "+"', 'tls = "may"', 'first = "10m"', 'max = "4000s"',
          'domain "a.test" {\n    primary = {"mx1.a.test"}\n    recipients = "{dir}/relay"\n}',
          'domain "b.test" {\n    primary = {"[192.0.2.7]:2525"}\n'],
    closing=["not translated: mydestination: localhost localhost.localdomain mx2.backup.test, "
             "because", "not translated: smtp_tls_CApath = /etc/ssl/certs, because"],
    silent=["listen =", "trusted", "mx_backup"])

# Several maps, of several types: one list for all domains.
SHAPES["several maps"] = Shape(
    PLAIN + """\
relay_domains = a.test, b.test, c.test
relay_recipient_maps = hash:{dir}/staff, proxy:btree:{dir}/lists texthash:{dir}/others,
    inline:{{ eve@c.test=x }}, unionmap:{{texthash:{dir}/others, hash:{dir}/staff}}
""",
    maps={"staff": "Ada@a.test x\nBob@b.test x\n", "lists": "list@a.test x\n",
          "others": "dan@b.test x\nignored x\n"}, raw=["others"],
    closing=["not translated: recipients of a.test, because hash:{dir}/staff, "
             "btree:{dir}/lists, unionmap:", "run mxwatch-import with -o", ANYBODY],
    says=["recipients_learn = yes"], status=3,
    folder="ada@a.test OK\nlist@a.test OK\nbob@b.test OK\ndan@b.test OK\neve@c.test OK\n")

# Recipients in a directory, in a database, by patterns: they can be asked for.
SHAPES["maps that are only asked"] = Shape(
    PLAIN + """\
relay_domains = a.test, b.test
relay_recipient_maps = ldap:{dir}/ldap.cf, mysql:{dir}/sql.cf, regexp:{dir}/patterns,
    hash:{dir}/relay
""",
    maps={"patterns": "/@a\\.test$/ OK\n", "relay": "bob@b.test OK\n",
          "ldap.cf": "server_host = ldap.test\n", "sql.cf": "hosts = sql.test\n"},
    raw=["patterns", "ldap.cf", "sql.cf"], status=3,
    says=['domain "a.test" {\n}', 'domain "b.test" {\n    recipients_learn = yes\n}'],
    closing=["relay_recipient_maps: ldap:{dir}/ldap.cf, because it could not be queried: "
             "Postfix's type"
             " ldap is not here; install postfix-ldap", "mysql:{dir}/sql.cf", ANYBODY,
             "regexp:{dir}/patterns, because a table of type regexp can be queried, not listed"],
    silent=["    recipients ="])

# Domains from files and tables, with exclusions and patterns; subdomains.
SHAPES["domains from tables"] = Shape(
    PLAIN + """\
parent_domain_matches_subdomains = debug_peer_list
relay_domains = !not.test, {dir}/domains, hash:{dir}/transport, regexp:{dir}/patterns, .sub.test
relay_recipient_maps =
transport_maps = hash:{dir}/transport
""",
    maps={"domains": "# ours\na.test, b.test\nnot.test\n", "patterns": "/^p[0-9]\\.test$/ OK\n",
          "transport": "c.test relay:[mx1.c.test]\np1.test relay:[mx1.p.test]\n"
                       "d.sub.test :[mx1.d.test]\n.b.test :[mx1.b.test]\n*  smtp:[out.test]\n"
                       "ada@a.test relay:[192.0.2.9]\n"},
    raw=["domains", "patterns"], status=3,
    says=['domain "a.test" {\n    primary = {"out.test"}', 'domain "b.test"',
          'domain "c.test" {\n    primary = {"mx1.c.test"}',
          'domain "p1.test" {\n    primary = {"mx1.p.test"}',
          'domain "d.sub.test" {\n    primary = {"mx1.d.test"}'],
    closing=["relay_domains: regexp:{dir}/patterns, because a table of type regexp can be",
             "not translated: subdomains of b.test sub.test, because", GRAVE,
             "not translated: transport_maps: ada@a.test, because all mail of a domain"],
    silent=['domain "not.test"', 'domain "q.test"'])

# Each way in which a transport says where mail goes.
SHAPES["transports"] = Shape(
    PLAIN + """\
relay_domains = hash:{dir}/transport
relay_recipient_maps = static:all
transport_maps = hash:{dir}/transport
relayhost = [out.test]:587
inet_protocols = ipv4
relay_destination_concurrency_limit = 5
slow_destination_concurrency_limit = 1
parent_domain_matches_subdomains =
""",
    maps={"transport": "mx.test smtp:\nname.test relay:host.test\nnull.test :\n"
                       "six.test relay:[ipv6:2001:db8::7]:26\nmany.test relay:[m1.test],[m2.test]\n"
                       "self.test smtp:self.test\nerror.test error:gone\nretry.test retry:later\n"
                       "discard.test discard:\npipe.test maildrop:\nslow.test slow:[s.test]:smtp\n"
                       "odd.test relay:[o.test]:noport\n"},
    master=MASTER + "slow unix - - y - - smtp\n  -o smtp_tls_security_level=none\n"
                    "  -o smtp_bind_address=192.0.2.25 -o smtp_connect_timeout=10s\n",
    status=3,
    says=['listen = {"0.0.0.0:25"}', 'smarthost = "out.test:587"', "connections = 5", 'domain "mx.test" {\n}',
          'domain "name.test" {\n    primary = {"host.test"}',
          'domain "null.test" {\n    primary = {"out.test:587"}',
          'primary = {"[2001:db8::7]:26"}', 'primary = {"m1.test", "m2.test"}',
          'domain "self.test" {\n}',
          'domain "slow.test" {\n    primary = {"s.test"}\n    deliver {\n'
          '        connect = "10s"\n        connections = 1\n        source = "192.0.2.25"\n'
          '        tls = "none"\n    }\n}'],
    closing=["not translated: domain retry.test, because its transport retry:later puts",
             "discard.test, because its transport discard:discard.test throws", GRAVE,
             "pipe.test, because its transport maildrop:pipe.test does not deliver by SMTP",
             "check primary host.test of domain name.test: it has no brackets",
             "domain odd.test: next hop [o.test]:noport, because it is not a host",
             "check relay_recipient_maps: static:all: it has every recipient"],
    silent=['domain "error.test"', 'domain "pipe.test"', 'domain "discard.test"'])

# TLS by its levels, in both directions.
SHAPES["tls"] = Shape(
    PLAIN + """\
relay_domains = a.test, b.test, c.test, d.test, sub.e.test
relay_recipient_maps = hash:{dir}/relay
transport_maps = inline:{{ a.test=relay:[mx1.a.test]:26, b.test=relay:[mx1.b.test] }}
smtp_tls_security_level = dane
smtp_dns_support_level = dnssec
smtp_tls_policy_maps = hash:{dir}/policy
smtp_tls_mandatory_protocols = >=TLSv1.2
smtp_tls_CAfile = /etc/ssl/private-ca.pem
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {dir}/cert.pem
smtpd_tls_key_file = {dir}/key.pem
smtpd_tls_loglevel = 1
""",
    maps={"relay": "x@a.test x\nx@b.test x\nx@c.test x\nx@d.test x\nx@sub.e.test x\n",
          "policy": "[mx1.a.test]:26 secure match=mx1.a.test ciphers=high\n"
                    "[mx1.b.test] fingerprint match=aa:bb\nc.test encrypt\n.e.test none\n"},
    tls=True,
    says=['tls_cert = "{dir}/cert.pem"', 'tls_key = "{dir}/key.pem"',
          'defaults {\n    lifetime = "5d"\n    deliver {\n        tls = "dane"',
          'domain "a.test" {\n    primary = {"mx1.a.test:26"}\n    recipients = "{dir}/relay"\n'
          '    deliver {\n        tls = "require"',
          'domain "d.test" {\n    recipients = "{dir}/relay"\n}',
          'domain "sub.e.test" {\n    recipients = "{dir}/relay"\n    deliver {\n'
          '        tls = "none"'],
    closing=["[mx1.a.test]:26 match=mx1.a.test ciphers=high, because only its level",
             'smtp_tls_policy_maps: [mx1.b.test] fingerprint (here "require"), because',
             'smtp_tls_policy_maps: c.test encrypt (here "require"), because there is no TLS'
             " without verification here", "smtpd_tls_security_level = encrypt, because",
             "smtp_tls_CAfile = /etc/ssl/private-ca.pem, because",
             "smtp_dns_support_level = dnssec, because"])

# A front of postscreen, on some addresses only, with limits on the service.
SHAPES["postscreen"] = Shape(
    PLAIN + """\
relay_domains = a.test
relay_recipient_maps = texthash:{dir}/relay
inet_interfaces = 127.0.0.1, 192.0.2.25
inet_protocols = ipv4
proxy_interfaces = 203.0.113.5
postscreen_access_list = permit_mynetworks, cidr:{dir}/access
postscreen_dnsbl_sites = zen.example.org=127.0.0.[2..11]*2, wl.example.org*-1
postscreen_dnsbl_threshold = 2
postscreen_dnsbl_action = enforce
postscreen_greet_action = enforce
postscreen_cache_map = btree:$data_directory/postscreen_cache
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 30
anvil_rate_time_unit = 30s
smtpd_authorized_xclient_hosts = 192.0.2.8, proxy.test
smtpd_recipient_limit = 20000
hopcount_limit = 30
queue_minfree = 50000000
typo_in_a_name = 1
""",
    maps={"relay": "x@a.test x\n", "access": "192.0.2.66 reject\n"}, raw=["relay", "access"],
    master="""\
smtp      inet  n       -       y       -       1       postscreen
smtpd     pass  -       -       y       -       -       smtpd
  -o smtpd_hard_error_limit=7
  -o smtpd_milters=inet:127.0.0.1:8891
10025     inet  n       -       y       -       -       smtpd
127.0.0.1:10026 inet n  -       y       -       -       smtpd
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
submission inet n       -       y       -       -       smtpd
  -o smtpd_sasl_auth_enable=yes
dnsblog   unix  -       -       y       -       0       dnsblog
relay     unix  -       -       y       -       -       smtp
""",
    status=3,
    says=['listen = {"127.0.0.1:25", "192.0.2.25:25", "127.0.0.1:10025", "192.0.2.25:10025"}',
          'self = {"203.0.113.5"}', 'source = "192.0.2.25"', 'xclient = {"192.0.2.8"}',
          'dnsbl = {"zen.example.org=127.0.0.[2..11]*2", "wl.example.org*-1"}',
          "dnsbl_threshold = 2", "per_client = 100000", "client_rate = 60", "max_errors = 7",
          "max_recipients = 10000", "max_received = 30",
          'queue {\n    reserve = "50000000"\n}'],
    closing=["not translated: master.cf submission, because users cannot submit mail", GRAVE,
             "not translated: master.cf 127.0.0.1:10026, because it is for a content filter",
             "postscreen_access_list = permit_mynetworks, cidr:{dir}/access, because",
             "smtpd_authorized_xclient_hosts: proxy.test, because only addresses",
             "master.cf smtpd/pass: -o smtpd_milters = inet:127.0.0.1:8891, because",
             "check smtpd_recipient_limit = 20000: max_recipients is from 1 to 10000",
             "unused parameter: typo_in_a_name=1"])

# More than a backup: mailboxes, aliases, users, filters, copies.
SHAPES["more than a backup"] = Shape(
    PLAIN.replace("mydestination =", "mydestination = $myhostname, localhost, local.test") + """\
relay_domains = $mydestination, a.test
relay_recipient_maps = hash:{dir}/relay
mynetworks = 127.0.0.0/8, 192.0.2.0/24, !192.0.2.5, [2001:db8::]/32
virtual_alias_domains = alias.test
virtual_alias_maps = hash:{dir}/virtual
virtual_mailbox_domains = box.test
virtual_mailbox_maps = hash:{dir}/relay
canonical_maps = regexp:{dir}/canonical
luser_relay = ada@a.test
always_bcc = archive@a.test
header_checks = regexp:{dir}/canonical
content_filter = smtp-amavis:[127.0.0.1]:10024
smtpd_milters = inet:localhost:8891
smtpd_sasl_auth_enable = yes
sender_dependent_relayhost_maps = hash:{dir}/relay
message_size_limit = 0
multi_instance_directories = /etc/postfix-out
smtpd_client_message_rate_limit = 100
""",
    maps={"relay": "ada@a.test x\n", "virtual": "info@a.test ada@a.test\nx@alias.test y@a.test\n",
          "canonical": "/x/ y\n"}, raw=["canonical"], status=3,
    says=['trusted = {"127.0.0.0/8", "::1", "192.0.2.0/24", "2001:db8::/32"}',
          'domain "a.test" {', 'message_size = "2G"'],
    closing=["mynetworks = 192.0.2.0/24 2001:db8::/32, because mxwatchd relays only for its domains",
             "mydestination: local.test, because mxwatchd has no mailboxes",
             "virtual_alias_domains: alias.test, because", "virtual_mailbox_domains: box.test",
             "virtual_alias_maps: hash:{dir}/virtual, because recipients are not rewritten",
             "canonical_maps: regexp:{dir}/canonical, because recipients are not rewritten:",
             "luser_relay = ada@a.test, because", "smtpd_sasl_auth_enable = yes, because", GRAVE,
             "always_bcc = archive@a.test, because", "header_checks = regexp:",
             "content_filter = smtp-amavis:[127.0.0.1]:10024, because", "smtpd_milters = inet:",
             "sender_dependent_relayhost_maps = hash:", "multi_instance_directories = "
             "/etc/postfix-out, because", "mynetworks: !192.0.2.5, because only addresses",
             "smtpd_client_message_rate_limit = 100, because",
             "check message_size_limit = 0: there is always a limit"],
    silent=['domain "local.test"', 'domain "alias.test"'])

# Restrictions of all kinds, and recipients that the primary is asked about.
SHAPES["restrictions"] = Shape(
    PLAIN + """\
relay_domains = proxy:hash:{dir}/domains
smtpd_relay_restrictions =
smtpd_client_restrictions = permit_mynetworks, reject_rbl_client bl.example.org,
  reject_rbl_client zen.example.org=127.0.0.[2..11], warn_if_reject reject_rbl_client warn.test
smtpd_sender_restrictions = reject_unknown_sender_domain, reject_rhsbl_sender dbl.example.org
smtpd_recipient_restrictions = permit_mynetworks,
  check_client_access {{ inline:{{ 192.0.2.66=OK }} , default_action = DUNNO }},
  check_recipient_access hash:{dir}/access, reject_unauth_destination,
  check_policy_service inet:127.0.0.1:10023, reject_unverified_recipient, ours
smtpd_restriction_classes = ours
ours = reject_unknown_helo_hostname
unverified_recipient_reject_code = 550
address_verify_map = btree:$data_directory/verify
address_verify_sender = probe@backup.test
smtpd_helo_required = yes
disable_vrfy_command = yes
recipient_delimiter = +-
parent_domain_matches_subdomains = smtpd_access_maps
smtpd_etrn_restrictions = permit_mynetworks, reject
""",
    maps={"domains": "a.test OK\n", "access": "bad@a.test REJECT gone\n"}, status=3,
    says=['dnsbl = {"bl.example.org", "zen.example.org=127.0.0.[2..11]"}',
          'domain "a.test" {\n    recipients_learn = yes\n}', 'recipient_delimiter = "+-"'],
    closing=["smtpd_recipient_restrictions: check_client_access { inline:{ 192.0.2.66=OK } , "
             "default_action = DUNNO }, because it may permit relaying", GRAVE,
             "check_recipient_access hash:{dir}/access, because clients, senders and content",
             "reject_rhsbl_sender dbl.example.org", "reject_unknown_sender_domain",
             "check_policy_service inet:127.0.0.1:10023", "ours, because mxwatchd has no such",
             "smtpd_restriction_classes = ours", "address_verify_sender = probe@backup.test",
             "smtpd_etrn_restrictions = permit_mynetworks, reject, because"],
    silent=["warn.test\""])

# Whoever is backed up stands in the DNS.
SHAPES["permit_mx_backup"] = Shape(
    DEBIAN + """\
relay_domains = $mydestination
smtpd_recipient_restrictions = permit_mynetworks permit_mx_backup reject_unauth_destination
permit_mx_backup_networks = 192.0.2.0/24 [2001:db8:25::]/48
maximal_queue_lifetime = 30
delay_warning_time = 0h
inet_interfaces = loopback-only
allow_untrusted_routing = yes
smtpd_timeout = ${{stress?{{10}}:{{300}}}}s
smtpd_hard_error_limit = ${{stress?{{1}}:{{10}}}}
default_destination_concurrency_limit = 0
""",
    says=['mx_backup {\n    networks = {"192.0.2.0/24", "2001:db8:25::/48"}\n}',
          'lifetime = "30d"', "delay_warning = {}", "untrusted_routing = yes",
          'listen = {"127.0.0.1:25", "[::1]:25"}', 'timeout = "300s"', "max_errors = 10",
          "connections = 1000"],
    closing=["check mx_backup: mail is accepted only for recipients that the primary is known"],
    silent=['\ndomain "'])
