/* SPDX-License-Identifier: ISC
 * What a configuration may get wrong, and the exact words that say so: the
 * tables of test_config.c. */
#ifndef MX_TESTS_CONFIG_WRONG_H
#define MX_TESTS_CONFIG_WRONG_H

struct bad_case {
	const char *name;
	const char *text;
	const char *findings; /* "LINE: error: text", one a line */
};

static const struct bad_case wrong[] = {
	{ "unknown option", "smtpd { max_sesions = 10 }\n",
	    "2: error: smtpd: unknown option "
	    "\"max_sesions\"; did you mean \"max_sessions\"?" },
	{ "unknown option, elsewhere",
	    "smtpd {\n"
	    " hostname = \"a.test\"\n"
	    "}\n",
	    "3: error: smtpd: option \"hostname\" belongs at "
	    "the top level" },
	{ "unknown option of another section", "lifetime = 30d\n",
	    "2: error: option \"lifetime\" belongs in a "
	    "section domain" },
	{ "unknown option, nothing near", "zebra = 1\n",
	    "2: error: unknown option \"zebra\"" },
	{ "more messages under way than there may be",
	    "defaults { deliver { pipeline_depth = 9 } }\n",
	    "2: error: defaults: deliver: pipeline_depth \"9\" is "
	    "out of range; it may be 1 to 8" },
	{ "an option of texts that we have written ourselves",
	    "domain \"example.org\" {\n elsewhere = yes\n}\n",
	    "3: error: domain \"example.org\": unknown option \"elsewhere\"" },
	{ "unknown section",
	    "smptd {\n"
	    " listen = \"127.0.0.1:25\"\n"
	    "}\n"
	    "web { timeout = 0x }\n",
	    "2: error: unknown section \"smptd\"; did you "
	    "mean \"smtpd\"?\n"
	    "5: error: web: timeout \"0x\" is not a time; write a number with "
	    "a unit, such as \"30d\" or \"12h\"" },
	{ "unknown section, nothing near", "zebra \"x\" { a = { \"}\" } }\n",
	    "2: error: unknown section \"zebra\"" },
	{ "nested section at the top", "probe { fall = 2 }\n",
	    "2: error: section \"probe\" belongs in domain "
	    "or defaults" },
	{ "an option as a section", "spool { }\n",
	    "2: error: \"spool\" is an option; write it as "
	    "spool = value" },
	{ "a section as an option", "smtpd = 1\n",
	    "2: error: \"smtpd\" is a section; write it as "
	    "smtpd { ... }" },
	{ "duration with a blank",
	    "domain \"example.org\" { lifetime = \"30 d\" }\n",
	    "2: error: domain \"example.org\": lifetime \"30 "
	    "d\" is not a time; write a number with a unit, such as \"30d\" or "
	    "\"12h\"" },
	{ "negative duration", "defaults { retry { first = \"-5m\" } }\n",
	    "2: error: defaults: retry: first \"-5m\" is not "
	    "a time; write a number with a unit, such as \"30d\" or \"12h\"" },
	{ "duration overflow",
	    "defaults { lifetime = 99999999999999999999d }\n",
	    "2: error: defaults: lifetime "
	    "\"99999999999999999999d\" is not a time; write a number with a "
	    "unit, such as \"30d\" or \"12h\"" },
	{ "duration out of range", "defaults { probe { timeout = \"11m\" } }\n",
	    "2: error: defaults: probe: timeout \"11m\" is "
	    "out of range; it may be 100ms to 10m" },
	{ "zero", "defaults { lifetime = 0 }\n",
	    "2: error: defaults: lifetime \"0\" is out of "
	    "range; it may be 1s to 3650d" },
	{ "a lifetime without a unit", "defaults { lifetime = 30 }\n",
	    "2: error: defaults: lifetime \"30\" has no unit; write \"30d\" "
	    "(days), or \"30h\" (hours), or \"30s\" (seconds)" },
	{ "drills without units, and to nobody",
	    "defaults { drill = 7 drill_deadline = 0 }\n"
	    "domain \"example.org\" { drill_recipient = \"ann\" }\n",
	    "2: error: defaults: drill \"7\" has no unit; write \"7d\" (days), "
	    "or \"7h\" (hours), or \"7s\" (seconds)\n"
	    "2: error: defaults: drill_deadline \"0\" is out of range; it may "
	    "be 1s to 30d\n"
	    "3: error: domain \"example.org\": drill_recipient \"ann\" is not "
	    "a mail address; write it like \"postmaster@example.org\"" },
	{ "a lifetime in seconds, as elsewhere",
	    "defaults { lifetime = \"2592000\" }\n",
	    "2: error: defaults: lifetime \"2592000\" has no unit; write "
	    "\"2592000s\" (seconds)" },
	{ "a lifetime of nothing that makes sense",
	    "mx_backup { networks = \"192.0.2.0/24\"  lifetime = "
	    "999999999999 }\n",
	    "2: error: mx_backup: lifetime \"999999999999\" has no unit; "
	    "write it like \"30d\" or \"12h\"" },
	{ "delays without a unit, of which one has it",
	    "domain \"example.org\" { delay_warning = {4, 1d,\n"
	    " 24} }\n",
	    "2: error: domain \"example.org\": delay_warning \"4\" has no "
	    "unit; write \"4d\" (days), or \"4h\" (hours), or \"4s\" "
	    "(seconds)\n"
	    "3: error: domain \"example.org\": delay_warning \"24\" has no "
	    "unit; write \"24d\" (days), or \"24h\" (hours), or \"24s\" "
	    "(seconds)" },
	{ "what is kept, without a unit",
	    "dsn { lifetime = 5 }\n"
	    "vault { keep = 7 }\n"
	    "ledger { keep = 730 }\n"
	    "defaults { vault { keep = 3 } }\n",
	    "2: error: dsn: lifetime \"5\" has no unit; write \"5d\" (days), "
	    "or \"5h\" (hours), or \"5s\" (seconds)\n"
	    "3: error: vault: keep \"7\" has no unit; write \"7d\" (days), or "
	    "\"7h\" (hours), or \"7s\" (seconds)\n"
	    "4: error: ledger: keep \"730\" has no unit; write \"730d\" "
	    "(days), or \"730h\" (hours)\n"
	    "5: error: defaults: vault: keep \"3\" has no unit; write \"3d\" "
	    "(days), or \"3h\" (hours), or \"3s\" (seconds)" },
	{ "items of lists, each where it stands",
	    "resolver = {\n 192.0.2.1,\n dns,\n 192.0.2.3,\n 192.0.2.4,\n"
	    " dns2 }\n"
	    "self = {\n a.test, \"a b\",\n c.test, d.test,\n \"e f\" }\n"
	    "smtpd {\n listen = { 127.0.0.1,\n lo,\n eth0 }\n"
	    " trusted = { x,\n y } }\n"
	    "domain \"example.org\" { primary = { \"p 1\", p2,\n \"p 3\" } }\n",
	    "4: error: resolver \"dns\" is not an address; write it like "
	    "\"192.0.2.53\" or \"192.0.2.53@5353\"\n"
	    "7: error: resolver \"dns2\" is not an address; write it like "
	    "\"192.0.2.53\" or \"192.0.2.53@5353\"\n"
	    "9: error: self \"a b\" is neither a host name nor an address\n"
	    "11: error: self \"e f\" is neither a host name nor an address\n"
	    "14: error: smtpd: listen \"lo\" is not an address; write it like "
	    "\"192.0.2.7:25\" or \"[::1]:25\"\n"
	    "15: error: smtpd: listen \"eth0\" is not an address; write it "
	    "like \"192.0.2.7:25\" or \"[::1]:25\"\n"
	    "16: error: smtpd: trusted \"x\" is not an address or prefix; "
	    "write it like \"192.0.2.0/24\" or \"2001:db8::/32\"\n"
	    "17: error: smtpd: trusted \"y\" is not an address or prefix; "
	    "write it like \"192.0.2.0/24\" or \"2001:db8::/32\"\n"
	    "18: error: domain \"example.org\": primary \"p 1\" is not a "
	    "host; write it like \"mx1.example.org\" or "
	    "\"[192.0.2.7]:25\"\n"
	    "19: error: domain \"example.org\": primary \"p 3\" is not a "
	    "host; write it like \"mx1.example.org\" or "
	    "\"[192.0.2.7]:25\"" },
	{ "typographic quotes",
	    "domain \"example.org\" { primary = \xe2\x80\x9cmx1.test\xe2"
	    "\x80\x9d\n lifetime = \xe2\x80\x98"
	    "30d\xe2\x80\x99\n }\n",
	    "2: error: domain \"example.org\": primary: a typographic quote "
	    "(U+201C); write the plain \"\n"
	    "3: error: domain \"example.org\": lifetime: a typographic quote "
	    "(U+2018); write the plain \"" },
	{ "typographic quotes in a list, of which one was mended",
	    "domain \"example.org\" { primary = {\n"
	    " \"mx1.test\",\n \xe2\x80\x9emx2 test\xe2\x80\x9c,\n"
	    " \"mx 3\",\n \xe2\x80\x9cmx4.test\",\n \"mx5.test\" } }\n",
	    "4: error: domain \"example.org\": primary: a typographic quote "
	    "(U+201E); write the plain \"\n"
	    "5: error: domain \"example.org\": primary \"mx 3\" is not a "
	    "host; write it like \"mx1.example.org\" or "
	    "\"[192.0.2.7]:25\"\n"
	    "6: error: domain \"example.org\": primary: a typographic quote "
	    "(U+201C); write the plain \"" },
	{ "a typographic quote does not close",
	    "spool = \"/var/spool/mxwatch\xe2\x80\x9d\n",
	    "2: error: spool: a typographic quote (U+201D); write the plain "
	    "\"" },
	{ "typographic quotes around a title",
	    "domain \xe2\x80\x9c"
	    "example.org\xe2\x80\x9d { }\n",
	    "2: error: a typographic quote (U+201C); write the plain \"" },
	{ "no-break spaces",
	    "smtpd {\n\xc2\xa0\xc2\xa0max_sessions = 10x\n}\n"
	    "self = \"a.test\xc2\xa0\"\n"
	    "domain \"b.test\xc2\xa0\" { }\n",
	    "3: error: smtpd: a no-break space (U+00A0); write a plain space\n"
	    "3: error: smtpd: max_sessions \"10x\" is not a number; write it "
	    "like \"100\"\n"
	    "5: error: self \"a.test??\" is neither a host name nor an "
	    "address; it holds a no-break space (U+00A0): write a plain space\n"
	    "6: error: domain \"b.test??\" is not a domain name; it holds a "
	    "no-break space (U+00A0): write a plain space" },
	{ "a carriage return within a line",
	    "smtpd { max_sessions = 10x }\r\n"
	    "# both ends of a line are good \r\r\n"
	    "# this one is none\rself = a\r\n",
	    "2: error: smtpd: max_sessions \"10x\" is not a number; write it "
	    "like \"100\"\n"
	    "4: error: a carriage return within a line; end lines with LF or "
	    "CR LF" },
	{ "size with a blank", "smtpd { message_size = \"50 M\" }\n",
	    "2: error: smtpd: message_size \"50 M\" is not a "
	    "size; write it like \"50M\" or \"512K\"" },
	{ "size 2^64", "queue { reserve = 18446744073709551616 }\n",
	    "2: error: queue: reserve "
	    "\"18446744073709551616\" is not a size; write "
	    "it like \"50M\" or \"512K\"" },
	{ "size out of range", "smtpd { message_size = \"3G\" }\n",
	    "2: error: smtpd: message_size \"3G\" is out of "
	    "range; it may be 1K to 2G" },
	{ "number 2^64", "smtpd { max_sessions = 18446744073709551616 }\n",
	    "2: error: smtpd: max_sessions "
	    "\"18446744073709551616\" is out of range; it "
	    "may be 1 to 100000" },
	{ "number 2^32", "control_clients = 4294967296\n",
	    "2: error: control_clients \"4294967296\" is out "
	    "of range; it may be 1 to 1024" },
	{ "flag at the top", "control_content = \"root\"\n",
	    "2: error: control_content \"root\" is neither "
	    "\"yes\" nor \"no\"" },
	{ "negative number", "smtpd { max_sessions = -1 }\n",
	    "2: error: smtpd: max_sessions \"-1\" is not a "
	    "number; write it like \"100\"" },
	{ "no number", "smtpd { max_sessions = \"many\" }\n",
	    "2: error: smtpd: max_sessions \"many\" is not a "
	    "number; write it like \"100\"" },
	{ "rise of nothing", "defaults { probe { rise = 0 } }\n",
	    "2: error: defaults: probe: rise \"0\" is out of "
	    "range; it may be 1 to 100" },
	{ "fall of 101", "defaults { probe { fall = 101 } }\n",
	    "2: error: defaults: probe: fall \"101\" is out "
	    "of range; it may be 1 to 100" },
	{ "port", "defaults { probe { port = 65536 } }\n",
	    "2: error: defaults: probe: port \"65536\" is "
	    "out of range; it may be 1 to 65535" },
	{ "flag", "defaults { probe { enabled = maybe } }\n",
	    "2: error: defaults: probe: enabled \"maybe\" is "
	    "neither \"yes\" nor \"no\"" },
	{ "one of some words", "defaults { admission = \"sometimes\" }\n",
	    "2: error: defaults: admission \"sometimes\" is "
	    "not one of: always, outage" },
	{ "unknown recipients",
	    "defaults { recipients_unknown = \"refuse\" }\n",
	    "2: error: defaults: recipients_unknown \"refuse\" is "
	    "not one of: accept, defer" },
	{ "nobody to be learned", "defaults { recipients_learn_max = 0 }\n",
	    "2: error: defaults: recipients_learn_max \"0\" is out of "
	    "range; it may be 1 to 100000" },
	{ "refused at once", "defaults { recipients_refused_after = 0s }\n",
	    "2: error: defaults: recipients_refused_after \"0s\" is out of "
	    "range; it may be 1s to 1d" },
	{ "checks of a client", "smtpd { rcpt_checks = 100001 }\n",
	    "2: error: smtpd: rcpt_checks \"100001\" is out of "
	    "range; it may be 0 to 100000" },
	{ "learned names of all", "queue { learned_names = 10000001 }\n",
	    "2: error: queue: learned_names \"10000001\" is out of "
	    "range; it may be 0 to 10000000" },
	{ "probe depth", "defaults { probe { depth = \"data\" } }\n",
	    "2: error: defaults: probe: depth \"data\" is "
	    "not one of: connect, banner, ehlo, starttls, "
	    "rcpt" },
	{ "no host name",
	    "self = \"a b\"\n"
	    "resolver = {\"dns.test\"}\n",
	    "2: error: self \"a b\" is neither a host name "
	    "nor an address\n"
	    "3: error: resolver \"dns.test\" is not an "
	    "address; write it like \"192.0.2.53\" or "
	    "\"192.0.2.53@5353\"" },
	{ "resolver port", "resolver = {\"127.0.0.1@0\"}\n",
	    "2: error: resolver \"127.0.0.1@0\" is not an "
	    "address; write it like \"192.0.2.53\" or "
	    "\"192.0.2.53@5353\"" },
	{ "more recipients than a domain holds",
	    "smtpd { max_recipients = 10001 }\n",
	    "2: error: smtpd: max_recipients \"10001\" is out of range; it "
	    "may be 1 to 10000" },
	{ "listen by name", "smtpd { listen = \"localhost:25\" }\n",
	    "2: error: smtpd: listen \"localhost:25\" is not "
	    "an address; write it like \"192.0.2.7:25\" or "
	    "\"[::1]:25\"" },
	{ "a socket for mail", "smtpd { listen = \"unix:/run/smtp\" }\n",
	    "2: error: smtpd: listen \"unix:/run/smtp\" is not "
	    "an address; write it like \"192.0.2.7:25\" or "
	    "\"[::1]:25\"" },
	{ "web: who is shown what is none",
	    "web { envelopes = \"everybody\" }\n",
	    "2: error: web: envelopes \"everybody\" is not one of: "
	    "authenticated, local" },
	{ "a socket without a path", "web { listen = \"unix:web.sock\" }\n",
	    "2: error: web: listen \"unix:web.sock\" is not an absolute path" },
	{ "a socket of a long path",
	    "web { listen = "
	    "\"unix:/run/0123456789012345678901234567890123456789"
	    "012345678901234567890123456789012345678901234567890123456789012345"
	    "6789\" }\n",
	    "2: error: web: listen "
	    "\"unix:/run/0123456789012345678901234567890123456789"
	    "012345678901234567890123456789012345678901234567890123456789012345"
	    "6789\" "
	    "is too long for the path of a socket" },
	{ "a socket twice",
	    "web { listen = {\"unix:/run/w\", \"unix:/run/w\"} }\n",
	    "2: error: web: listen \"unix:/run/w\" is listed twice" },
	{ "listen twice",
	    "smtpd { listen = {\"127.0.0.1:25\", "
	    "\"127.0.0.1\"} }\n",
	    "2: error: smtpd: listen \"127.0.0.1\" is listed twice" },
	{ "list in the DNS", "smtpd { dnsbl = {\"zen.test*x\"} }\n",
	    "2: error: smtpd: dnsbl \"zen.test*x\" has an invalid weight; "
	    "write it like \"zen.example.org\" or "
	    "\"zen.example.org=127.0.0.[2-11]*2\"" },
	{ "prefix length", "smtpd { trusted = {\"127.0.0.0/33\"} }\n",
	    "2: error: smtpd: trusted \"127.0.0.0/33\" is "
	    "not an address or prefix; write it like "
	    "\"192.0.2.0/24\" or \"2001:db8::/32\"" },
	{ "prefix", "smtpd { trusted = {\"10.0.0/8\"} }\n",
	    "2: error: smtpd: trusted \"10.0.0/8\" is not an "
	    "address or prefix; write it like "
	    "\"192.0.2.0/24\" or \"2001:db8::/32\"" },
	{ "primary",
	    "domain \"example.org\" { primary = "
	    "{\"mx1.test:0\"} }\n",
	    "2: error: domain \"example.org\": primary "
	    "\"mx1.test:0\" is not a host; write it like "
	    "\"mx1.example.org\" or \"[192.0.2.7]:25\"" },
	{ "source with a port",
	    "defaults { deliver { source = \"127.0.0.1:25\" "
	    "} }\n",
	    "2: error: defaults: deliver: source "
	    "\"127.0.0.1:25\" is not an address without a "
	    "port; write it like \"192.0.2.25\" or "
	    "\"2001:db8::25\"" },
	{ "mailbox", "defaults { probe { rcpt = \"postmaster\" } }\n",
	    "2: error: defaults: probe: rcpt \"postmaster\" "
	    "is not a mail address; write it like "
	    "\"postmaster@example.org\"" },
	{ "mailbox with a line", "dsn { postmaster = \"a <b@c.test>\" }\n",
	    "2: error: dsn: postmaster \"a <b@c.test>\" is "
	    "not a mail address; write it like "
	    "\"postmaster@example.org\"" },
	{ "relative log file", "log = \"mx.log\"\n",
	    "2: error: log \"mx.log\" is neither \"stderr\" nor \"syslog\" nor "
	    "an absolute path" },
	{ "an empty value", "spool = \"\"\n",
	    "2: error: spool \"\" is empty; remove the option instead" },
	{ "a list for one value", "spool = {\"a\", \"b\"}\n",
	    "2: error: spool takes one value, not a list" },
	{ "nine delays",
	    "defaults { delay_warning = "
	    "{1h,2h,3h,4h,5h,6h,7h,8h,9h} }\n",
	    "2: error: defaults: delay_warning \"9h\" is one too many; at most "
	    "8 are allowed" },
	{ "the same delay twice", "defaults { delay_warning = {1d, 24h} }\n",
	    "2: error: defaults: delay_warning \"24h\" is listed twice" },
	{ "no value",
	    "spool =\n"
	    "control = \"/x\"\n",
	    "2: error: spool has no value after the =" },
	{ "no value before a brace", "smtpd { banner = }\n",
	    "2: error: smtpd: banner has no value after "
	    "the =" },
	{ "no = and no {", "spool \"/x\"\n",
	    "2: error: \"spool\" is followed by neither = "
	    "nor {" },
	{ "two values", "smtpd { timeout = 30 d }\n",
	    "2: warning: smtpd: timeout \"30\" has no unit and is read as "
	    "seconds; write \"30s\"\n"
	    "2: error: smtpd: \"d\" is followed by neither = nor {" },
	{ "semicolon",
	    "user = \"a\";\n"
	    "control = \"/x\"\n"
	    "queue { reserve = 1X }\n",
	    "2: error: \";\" has no meaning here; remove it\n"
	    "4: error: queue: reserve \"1X\" is not a size; "
	    "write it like \"50M\" or \"512K\"" },
	{ "a value where a name should be", "\"spool\" = \"x\"\n",
	    "2: error: \"spool\" where the name of an option "
	    "should be" },
	{ "a string that is not closed",
	    "spool = \"/var\n"
	    "control = \"/x\"\n"
	    "user = {\"a\"}\n",
	    "2: error: spool: the string that begins here is not closed on its "
	    "line; a \" is missing\n"
	    "4: error: user takes one value, not a list" },
	{ "an escape", "smtpd { banner = \"a\\nb\" }\n",
	    "2: error: smtpd: banner: in a string a backslash may precede only "
	    "\" and \\; write it twice" },
	{ "a control character", "smtpd { banner = \"a\001b\" }\n",
	    "2: error: smtpd: banner: a string has a control character" },
	{ "a stray byte", "spool = \002\002\n",
	    "2: error: spool: the byte 0x02 may not appear in a "
	    "configuration" },
	{ "a missing comma",
	    "resolver = { \"127.0.0.1\" \"::1\" }\n"
	    "user = {}\n",
	    "2: error: resolver: a comma is missing in the "
	    "list before \"::1\"\n"
	    "3: error: user takes one value, not a list" },
	{ "a comma too many", "resolver = { , \"127.0.0.1\" }\n",
	    "2: error: resolver: \",\" in a list instead of a value" },
	{ "a list in a list",
	    "resolver = { \"127.0.0.1\", { \"::1\" }, \"::1\" }\n"
	    "user = {}\n",
	    "2: error: resolver: \"{\" in a list instead of a value\n"
	    "3: error: user takes one value, not a list" },
	{ "a list that is not closed",
	    "resolver = {\n"
	    "  \"127.0.0.1\",\n"
	    "user = \"x\"\n",
	    "2: error: resolver: the list is not closed; a "
	    "} is missing" },
	{ "a list that is not closed at the end",
	    "resolver = { \"127.0.0.1\"\n",
	    "2: error: resolver: the list is not closed; a "
	    "} is missing" },
	{ "an option twice",
	    "spool = \"/a\"\n"
	    "\n"
	    "spool = \"/b\"\n",
	    "4: error: spool is set twice (first at mxwatch.conf:2)" },
	{ "an option twice in a section",
	    "domain \"example.org\" {\n"
	    " probe { fall = 2 }\n"
	    " probe { fall = 3 }\n"
	    "}\n",
	    "4: error: domain \"example.org\": probe: fall "
	    "is set twice (first at mxwatch.conf:3)" },
	{ "a domain twice",
	    "domain \"Example.TEST.\" { }\n"
	    "domain \"example.test\" { }\n",
	    "3: error: domain \"example.test\" is listed twice (first at "
	    "mxwatch.conf:2)" },
	{ "no domain name", "domain \"exa mple.org\" { }\n",
	    "2: error: domain \"exa mple.org\" is not a domain name" },
	{ "no title", "domain { }\n",
	    "2: error: domain has no title; write it as "
	    "domain \"example.org\" { ... }" },
	{ "a title where none is", "smtpd \"x\" { banner = \"x\" }\n",
	    "2: error: smtpd takes no title; write it as "
	    "smtpd { ... }" },
	{ "no brace",
	    "domain \"example.org\"\n"
	    " lifetime = 1d\n",
	    "2: error: \"domain\" lacks its {\n"
	    "3: error: option \"lifetime\" belongs in a "
	    "section domain" },
	{ "a brace too many",
	    "smtpd { }\n"
	    "}\n",
	    "3: error: this } closes no section; remove it" },
	{ "a section that is not closed",
	    "domain \"example.org\" {\n"
	    " probe {\n"
	    "  fall = 3\n",
	    "3: error: domain \"example.org\": probe: the "
	    "section is not closed; a } is missing" },
	{ "a section that is not closed before the next",
	    "domain \"a.test\" {\n"
	    " lifetime = 1d\n"
	    " retry {\n"
	    "\n"
	    "domain \"b.test\" {\n"
	    " lifetime = 1x\n"
	    "}\n",
	    "4: error: domain \"a.test\": retry: the section "
	    "is not closed before domain at line 6; a } is "
	    "missing\n"
	    "7: error: domain \"b.test\": lifetime \"1x\" is "
	    "not a time; write a number with a unit, such as \"30d\" or "
	    "\"12h\"" },
	{ "a certificate without its key",
	    "smtpd { tls_cert = \"/dev/null\" }\n",
	    "2: error: smtpd: tls_cert is set without "
	    "tls_key\n"
	    "2: error: smtpd: tls_cert \"/dev/null\" cannot be read: it is "
	    "not a file" },
	{ "a key without its certificate",
	    "smtpd { tls_key = \"/dev/null\" }\n",
	    "2: error: smtpd: tls_key is set without "
	    "tls_cert\n"
	    "2: error: smtpd: tls_key \"/dev/null\" cannot be read: it is "
	    "not a file" },
	{ "a certificate that is not there",
	    "smtpd { tls_cert = \"/nonexistent/c\"\n"
	    " tls_key = \"/dev/null\" }\n",
	    "2: error: smtpd: tls_cert \"/nonexistent/c\" "
	    "cannot be read: No such file or directory\n"
	    "3: error: smtpd: tls_key \"/dev/null\" cannot be read: it is "
	    "not a file" },
	{ "a key that everybody can read",
	    "smtpd { tls_cert = \"/etc/passwd\"\n"
	    " tls_key = \"/etc/passwd\" }\n",
	    "3: error: smtpd: tls_key \"/etc/passwd\" cannot be read: it is "
	    "accessible to users other than its owner and group; make its mode "
	    "0600 or 0640" },
	{ "recipients that are not there",
	    "domain \"example.org\" { recipients = "
	    "\"/nonexistent/r\" }\n",
	    "2: error: domain \"example.org\": recipients "
	    "\"/nonexistent/r\" cannot be read: No such file "
	    "or directory" },
	{ "recipients from nowhere",
	    "defaults { recipients = \"http://u:p@a.test/l\" }\n",
	    "2: error: defaults: recipients: the source is neither a path nor "
	    "https:// nor exec:/path" },
	{ "recipients with a password",
	    "defaults { recipients = \"https://u:p@a.test/l\" }\n",
	    "2: error: defaults: recipients: the source has a user name; for a "
	    "token use its file option" },
	{ "recipients of no program",
	    "defaults { recipients = \"exec:/nowhere/l a\" }\n",
	    "2: error: defaults: recipients: \"/nowhere/l\" cannot be run: No "
	    "such file or directory" },
	{ "a doctor without time, patience or a zone",
	    "doctor { interval = \"31d\" timeout = \"0s\" concurrency = 0\n"
	    " dnsbl = {\"no zone\"} }\n",
	    "2: error: doctor: interval \"31d\" is out of range; it may be 0s "
	    "to 30d\n"
	    "2: error: doctor: timeout \"0s\" is out of range; it may be 1s to "
	    "10m\n"
	    "2: error: doctor: concurrency \"0\" is out of range; it may be 1 "
	    "to 100\n"
	    "3: error: doctor: dnsbl \"no zone\" does not begin with a zone "
	    "name; write it like \"zen.example.org\" or "
	    "\"zen.example.org=127.0.0.[2-11]*2\"" },
	{ "a ledger of an hour",
	    "ledger { keep = \"1h\" max = 10 open = 5 merge = \"2d\" }\n",
	    "2: error: ledger: keep \"1h\" is out of range; it may be 1d "
	    "to 3650d\n"
	    "2: error: ledger: max \"10\" is out of range; it may be 100 to "
	    "100000\n"
	    "2: error: ledger: open \"5\" is out of range; it may be 10 to "
	    "10000\n"
	    "2: error: ledger: merge \"2d\" is out of range; it may be 0s to "
	    "1d" },
	{ "a node of no cluster", "cluster { node = \"mx2\" }\n",
	    "2: error: cluster: node is set without engine" },
	{ "fetched too often", "fetch { interval = \"0s\" }\n",
	    "2: error: fetch: interval \"0s\" is out of range; it may be 1s "
	    "to 1d" },
	{ "recipients that are a directory",
	    "defaults { recipients = \"/\" }\n",
	    "2: error: defaults: recipients \"/\" "
	    "cannot be read: it is a directory" },
	{ "first longer than max",
	    "domain \"example.org\" { retry { first = 3h } }\n",
	    "2: error: domain \"example.org\": retry: first "
	    "3h is longer than max 2h" },
	{ "first longer than max in defaults",
	    "defaults { retry { max = 1m } }\n"
	    "domain \"example.org\" { }\n",
	    "2: error: defaults: retry: first 5m is longer "
	    "than max 1m" },
	{ "ourselves by name",
	    "domain \"example.org\" { primary = {\"p.test\", "
	    "\"MX2.test\"} }\n",
	    "2: error: domain \"example.org\": primary \"mx2.test\" is this "
	    "server; name the server that the mail is for" },
	{ "ourselves by address",
	    "smtpd { listen = \"192.0.2.1:2525\" }\n"
	    "domain \"example.org\" { primary = "
	    "\"[192.0.2.1]:2525\" }\n",
	    "3: error: domain \"example.org\": primary \"[192.0.2.1]:2525\" is "
	    "this server; name the server that the mail is for" },
	{ "ourselves twice in a list",
	    "smtpd { listen = {\n \"192.0.2.1:25\",\n \"[::]:25\",\n"
	    " \"192.0.2.1\" } }\n"
	    "domain \"example.org\" { primary = {\n p.test, mx2.test,\n"
	    " \"[::1]\" } }\n",
	    "5: error: smtpd: listen \"192.0.2.1\" is listed twice\n"
	    "7: error: domain \"example.org\": primary \"mx2.test\" is this "
	    "server; name the server that the mail is for\n"
	    "8: error: domain \"example.org\": primary \"[::1]\" is this "
	    "server; name the server that the mail is for" },
	{ "ourselves by another name",
	    "self = {\"nat.test\"}\n"
	    "domain \"example.org\" { primary = \"nat.test\" }\n",
	    "3: error: domain \"example.org\": primary \"nat.test\" is this "
	    "server; name the server that the mail is for" },
	{ "a word dane in no list",
	    "defaults { deliver { tls = \"maybe\" } }\n",
	    "2: error: defaults: deliver: tls \"maybe\" is "
	    "not one of: may, require, dane, none" },
#ifdef HAVE_CURL
	{ "alerts: an instance that is none",
	    "alerts { instance = \"mx 2\" }\n",
	    "2: error: alerts: instance may have up to 128 letters, digits, - "
	    "_ . and /" },
	{ "alerts: no page", "alerts { runbook_url = \"https://x.test/#a\" }\n",
	    "2: error: alerts: runbook_url \"https://x.test/#a\" is not an "
	    "address; write it like \"https://mx2.example.net/\"" },
	{ "web: no page", "web { url = \"mx2.test\" }\n",
	    "2: error: web: url \"mx2.test\" is not an address; write it like "
	    "\"https://mx2.example.net/\"" },
	{ "receiver: unknown option",
	    "receiver \"a\" { type = slack url = {\"http://x/\"} kind = "
	    "\"x\" }\n",
	    "2: error: receiver \"a\": unknown option \"kind\"" },
	{ "receiver: type", "receiver \"a\" { type = \"pigeon\" }\n",
	    "2: error: receiver \"a\": type \"pigeon\" is not "
	    "one of: pagerduty, alertmanager, webhook, "
	    "email, exec, ntfy, slack" },
	{ "receiver: nothing", "receiver \"a\" { }\n",
	    "2: error: receiver \"a\": type is missing" },
	{ "receiver: a name that is none",
	    "receiver \"a b\" { type = slack url = {\"http://x/\"} }\n",
	    "2: error: receiver \"a b\": a name may have up to 63 letters, "
	    "digits, - _ and ." },
	{ "receiver: no key", "receiver \"a\" { type = pagerduty }\n",
	    "2: error: receiver \"a\": type pagerduty needs "
	    "routing_key_file" },
	{ "receiver: no url", "receiver \"a\" { type = webhook }\n",
	    "2: error: receiver \"a\": url is missing" },
	{ "receiver: what it does not take",
	    "receiver \"a\" { type = exec command = {\"/bin/true\"}\n"
	    "url = {\"http://x/\"} }\n",
	    "3: error: receiver \"a\": type exec does not take url" },
	{ "receiver: no address",
	    "receiver \"a\" { type = slack url = {\"file:///etc/passwd\"} }\n",
	    "2: error: receiver \"a\": url is not an "
	    "address; write it like \"https://ops.example.net/hook\"" },
	{ "receiver: a password in an address",
	    "receiver \"a\" { type = slack url = {\"http://u:p@x/\"} }\n",
	    "2: error: receiver \"a\": url is not an "
	    "address; write it like \"https://ops.example.net/hook\"" },
	{ "receiver: a secret that is none",
	    "receiver \"a\" { type = pagerduty routing_key_file = "
	    "\"/etc/passwd\" }\n",
	    "2: error: receiver \"a\": routing_key_file \"/etc/passwd\" cannot "
	    "be read: it is accessible to users other than its owner and "
	    "group; make its mode 0600 or 0640" },
	{ "email: through the primary",
	    "receiver \"m\" { type = email smarthost = "
	    "\"smtp://mx1.example.net:587\" to = {\"ops@example.com\"} }\n"
	    "domain \"example.org\" { primary = {\"mx1.example.net\"} }\n",
	    "2: error: receiver \"m\": smarthost "
	    "\"smtp://mx1.example.net:587\" is a monitored primary; its outage "
	    "could not be reported" },
	{ "email: through the primary, by its address",
	    "receiver \"m\" { type = email smarthost = "
	    "\"smtps://[2001:DB8::7]\" to = {\"ops@example.com\"} }\n"
	    "domain \"example.org\" { primary = {\"[2001:db8:0::7]:26\"} }\n",
	    "2: error: receiver \"m\": smarthost \"smtps://[2001:DB8::7]\" is "
	    "a monitored primary; its outage could not be reported" },
	{ "email: through the primary, by another spelling",
	    "receiver \"m\" { type = email smarthost = "
	    "\"smtp://MX1.Example.NET.:25/\" to = {\"ops@example.com\"} }\n"
	    "domain \"example.org\" { primary = {\"mx1.example.net\"} }\n",
	    "2: error: receiver \"m\": smarthost "
	    "\"smtp://MX1.Example.NET.:25/\" is a monitored primary; its "
	    "outage could not be reported" },
	{ "email: a password in an address",
	    "receiver \"m\" { type = email smarthost = "
	    "\"smtp://u:p@out.test\" to = {\"ops@example.com\"} }\n",
	    "2: error: receiver \"m\": smarthost is not a mail server; write "
	    "it like \"smtp://out.example.com:587\"" },
	{ "email: to a watched domain",
	    "receiver \"m\" { type = email smarthost = \"smtp://out.test\" "
	    "to = {\"ops@Example.ORG\"} }\n"
	    "domain \"example.org\" { primary = {\"mx1.example.net\"} }\n",
	    "2: error: receiver \"m\": to \"ops@Example.ORG\" is in a "
	    "monitored domain; its outage could not be reported" },
#endif
	{ "alert: no such", "alert \"moon\" { warn = 50% }\n",
	    "2: error: alert \"moon\": no such alert; mxwatch-alerts(7) lists "
	    "them" },
	{ "alert: unit", "alert \"queue_depth\" { warn = 50% }\n",
	    "2: error: alert \"queue_depth\": warn takes a number" },
	{ "alert: order", "alert \"queue_age\" { warn = 90% }\n",
	    "2: error: alert \"queue_age\": warn is higher than crit; they may "
	    "be swapped" },
	{ "alert: nobody", "alert \"queue_age\" { receivers = {\"x\"} }\n",
	    "2: error: alert \"queue_age\": there is no receiver \"x\"" },
	{ "alert twice",
	    "alert \"queue_age\" { warn = 50% }\n"
	    "alert \"queue_age\" { for = \"1 m\" }\n",
	    "3: error: alert \"queue_age\": for \"1 m\" is not "
	    "a time; write a number with a unit, such as \"30d\" or \"12h\"\n"
	    "3: error: alert \"queue_age\" is listed twice (first at "
	    "mxwatch.conf:2)" },
#ifdef HAVE_CURL
	{ "receiver: too many",
	    "receiver \"a\" { type = alertmanager url = {"
	    "\"http://x/\",\"http://x/\",\"http://x/\",\"http://x/\","
	    "\"http://x/\",\"http://x/\",\"http://x/\",\"http://x/\","
	    "\"http://x/\",\"http://x/\",\"http://x/\",\"http://x/\","
	    "\"http://x/\",\"http://x/\",\"http://x/\",\"http://x/\","
	    "\"http://x/\"} }\n",
	    "2: error: receiver \"a\": url: at most 16 are allowed" },
	{ "heartbeat: option twice",
	    "heartbeat \"h\" { url = \"http://x/\" interval = 60s interval = "
	    "1m }\n",
	    "2: error: heartbeat \"h\": interval is set twice (first at "
	    "mxwatch.conf:2)" },
	{ "heartbeat: no url", "heartbeat \"h\" { }\n",
	    "2: error: heartbeat \"h\": url is missing" },
#else
	{ "receiver: no libcurl", "receiver \"a\" { }\n",
	    "2: error: receiver \"a\": this mxwatchd was built without libcurl "
	    "and sends no alerts" },
#endif
	{ "snmp: unknown option", "snmp { agent = \"x\" }\n",
	    "2: error: snmp: unknown option \"agent\"; did "
	    "you mean \"agentx\"?" },
	{ "snmp: no room", "snmp { trap_queue = 8 }\n",
	    "2: error: snmp: trap_queue \"8\" is out of range; it may be 16 to "
	    "65536" },
	{ "snmp: too fast", "snmp { trap_rate = 5000 }\n",
	    "2: error: snmp: trap_rate \"5000\" is out of range; it may be 1 "
	    "to "
	    "1000" },
	{ "include that is not there", "include \"/nonexistent/a.conf\"\n",
	    "2: error: include: there is no file "
	    "\"/nonexistent/a.conf\"" },
	{ "smarthost", "dsn { smarthost = \"a:b\" }\n",
	    "2: error: dsn: smarthost \"a:b\" is not a host; "
	    "write it like \"mx1.example.org\" or "
	    "\"[192.0.2.7]:25\"" },
	{ "networks of everybody, each where it stands",
	    "mx_backup { networks = {\n \"0.0.0.0/0\",\n \"192.0.2.0/24\",\n"
	    " \"::/0\" } }\n",
	    "3: error: mx_backup: networks \"0.0.0.0/0\" covers every address: "
	    "any domain that lists this server in the DNS would be backed up; "
	    "name the networks of the primaries\n"
	    "5: error: mx_backup: networks \"::/0\" covers every address: any "
	    "domain that lists this server in the DNS would be backed up; name "
	    "the networks of the primaries" },
	{ "mx_backup for everybody",
	    "mx_backup {\n"
	    " networks = {\"192.0.2.0/24\", \"0.0.0.0/0\", \"::/0\"} }\n",
	    "3: error: mx_backup: networks \"0.0.0.0/0\" covers every address: "
	    "any domain that lists this server in the DNS would be backed up; "
	    "name the networks of the primaries\n"
	    "3: error: mx_backup: networks \"::/0\" covers every address: any "
	    "domain that lists this server in the DNS would be backed up; name "
	    "the networks of the primaries" },
	{ "mx_backup with what is no network",
	    "mx_backup { networks = \"mx1.test\"  domains_max = 0 }\n",
	    "2: error: mx_backup: networks \"mx1.test\" is not an address or "
	    "prefix; write it like \"192.0.2.0/24\" or \"2001:db8::/32\"\n"
	    "2: error: mx_backup: domains_max \"0\" is out of range; it may be "
	    "1 "
	    "to "
	    "100000" },
	{ "a maintenance window of nothing", "maintenance \"x\" { }\n",
	    "2: error: maintenance \"x\": neither domains nor primaries is "
	    "set\n"
	    "2: error: maintenance \"x\": for is missing\n"
	    "2: error: maintenance \"x\": every is missing" },
	{ "a maintenance window at no time",
	    "maintenance \"x\" {\n"
	    " primaries = {\"p.test\"}  for = 2h\n"
	    " every = \"tuesday 2am\" }\n",
	    "4: error: maintenance \"x\": every \"tuesday 2am\" is not a "
	    "recurring time; write it like \"tue 02:00\", \"2nd tue 02:00\" or "
	    "\"day 15 02:00\"" },
	{ "a maintenance window longer than its period",
	    "maintenance \"x\" {\n"
	    " domains = {\"d.test\"}  every = \"daily 02:00\"\n"
	    " for = 24h }\n"
	    "maintenance \"y\" { domains = {\"d.test\"}\n"
	    "every = \"2nd tue 02:00\"  for = 28d }\n",
	    "4: error: maintenance \"x\": for 1d is longer than the shortest "
	    "time to its next start, 23h\n"
	    "6: error: maintenance \"y\": for \"28d\" is out of range; it may "
	    "be 1m to 27d" },
	{ "maintenance windows of one name",
	    "maintenance \"x\" { domains = {\"d.test\"} every = \"tue 02:00\" "
	    "for = 1h }\n"
	    "maintenance \"x\" { domains = {\"a..b\"} every = \"tue 02:00\" "
	    "for = 1h }\n",
	    "3: error: maintenance \"x\": domains \"a..b\" is not a host "
	    "name\n"
	    "3: error: maintenance \"x\" is listed twice (first at " NAME
	    ":2)" },
	{ "a maintenance window without a name",
	    "maintenance { domains = {\"d.test\"} }\n",
	    "2: error: maintenance has no title; write it as maintenance "
	    "\"name\" { ... }" },
};

static const struct bad_case doubtful[] = {
	{ "networks that do not hold elsewhere",
	    "domains_from = \"/tmp\"\n"
	    "domains_from_networks = \"192.0.2.0/24\"\n"
	    "defaults { primary_networks = \"192.0.2.0/25\" }\n",
	    "4: warning: defaults: primary_networks does not apply to domains "
	    "of domains_from; set domains_from_networks" },
	{ "a public status page",
	    "web { listen = {\"127.0.0.1:1\", \"0.0.0.0\"} }\n",
	    "2: warning: web: listen \"0.0.0.0\" has no TLS and no "
	    "authentication; anyone who can reach it can read the status" },
	{ "times without a unit",
	    "drain = 5\n"
	    "smtpd { dnsbl_wait = \"10\" }\n"
	    "defaults { probe { hold = 0  interval = 60 } }\n",
	    "2: warning: drain \"5\" has no unit and is read as seconds; write "
	    "\"5s\"\n"
	    "3: warning: smtpd: dnsbl_wait \"10\" has no unit and is read as "
	    "seconds; write \"10s\"\n"
	    "4: warning: defaults: probe: interval \"60\" has no unit and is "
	    "read as seconds; write \"60s\"" },
#ifdef HAVE_CURL
	{ "receiver: no such program",
	    "receiver \"a\" { type = exec command = {\"/nowhere/a\"} }\n",
	    "2: warning: receiver \"a\": command \"/nowhere/a\" cannot be run: "
	    "No such file or directory; this receiver gets no alerts until it "
	    "can" },
#endif
	{ "a slow probe", "defaults { probe { interval = 5s } }\n",
	    "2: warning: defaults: probe: timeout 10s is "
	    "longer than interval 5s" },
	{ "a probe as slow as may be",
	    "defaults { probe { interval = 5s timeout = 5s } }\n", "" },
	{ "a delay beyond the end",
	    "domain \"example.org\" { delay_warning = {1h, "
	    "2d}  lifetime = 1d }\n",
	    "2: warning: domain \"example.org\": delay_warning 2d is not "
	    "shorter than lifetime 1d and will never be sent" },
	{ "unknown, and nothing is learned",
	    "domain \"example.org\" { recipients_unknown = defer }\n",
	    "2: warning: domain \"example.org\": recipients_unknown has no "
	    "effect without recipients_learn" },
	{ "learning beside a list",
	    "domain \"example.org\" { recipients = \"/etc/passwd\" "
	    "recipients_learn = yes }\n",
	    "2: warning: domain \"example.org\": recipients_learn has no "
	    "effect with recipients" },
	{ "unknown where some learn",
	    "defaults { recipients_unknown = defer }\n", "" },
	{ "a short life", "domain \"example.org\" { lifetime = 60s }\n", "" },
	{ "no listener", "smtpd { listen = {} }\n",
	    "2: warning: smtpd: listen is empty; no mail "
	    "will be accepted" },
	{ "mx_backup for ourselves",
	    "mx_backup {\n"
	    " networks = {\"192.0.2.0/24\", \"127.0.0.0/8\"} }\n",
	    "3: warning: mx_backup: networks \"127.0.0.0/8\" is this host "
	    "itself; name the networks of the primaries" },
	{ "dane by a resolver elsewhere",
	    "resolver = {\"127.0.0.1\", \"192.0.2.53\"}\n"
	    "domain \"b.test\" { primary = \"mx.b.test\"\n"
	    "deliver { tls = \"dane\" } }\n",
	    "2: warning: resolver 192.0.2.53 is not on this host; with tls "
	    "\"dane\", anyone on the path to it can redirect mail; use a "
	    "validating resolver on 127.0.0.1" },
	{ "dane by the resolver on this host",
	    "resolver = {\"127.0.0.1\", \"::1@5353\"}\n"
	    "defaults { deliver { tls = \"dane\" } }\n",
	    "" },
	{ "dane and an address",
	    "resolver = {\"127.0.0.1\"}\n"
	    "defaults { deliver { tls = \"dane\" } }\n"
	    "domain \"b.test\" { primary = {\"mx.b.test\", "
	    "\"[192.0.2.7]:2525\"} }\n"
	    "domain \"c.test\" { primary = {\"192.0.2.8\"}\n"
	    "deliver { tls = \"may\" } }\n",
	    "4: warning: domain \"b.test\": deliver: tls \"dane\" has the "
	    "effect of \"may\" for the primary \"[192.0.2.7]:2525\", an "
	    "address; write its name" },
	{ "maintenance of a domain that is not there",
	    "maintenance \"x\" { every = \"tue 02:00\"  for = 1h\n"
	    "domains = {\"d.test\", \"D2.test\"} }\n",
	    "3: warning: maintenance \"x\": there is no domain \"d2.test\"" },
	{ "maintenance of domains that may come from elsewhere",
	    "mx_backup { networks = {\"192.0.2.0/24\"} }\n"
	    "maintenance \"x\" { every = \"tue 02:00\"  for = 1h\n"
	    "domains = {\"d2.test\"} }\n",
	    "" },
};

static const struct bad_case whole[] = {
	{ "no domain", "hostname = \"mx2.test\"\n",
	    "0: error: no section domain is configured; no mail would be "
	    "accepted" },
	{ "a byte order mark is passed over",
	    "\xef\xbb\xbfhostname = \"a..b\"\n"
	    "\xef\xbb\xbf domain \"d.test\" {}\n",
	    "1: error: hostname \"a..b\" is not a host name\n"
	    "2: error: a byte order mark (U+FEFF); remove it\n"
	    "0: error: no section domain is configured; no mail would be "
	    "accepted" },
	{ "another encoding", "\xff\xfeh",
	    "0: error: the file is in UTF-16; save it as UTF-8" },
	{ "no host name",
	    "hostname = \"a..b\"\n"
	    "domain \"d.test\" {}\n",
	    "1: error: hostname \"a..b\" is not a host name" },
};

#endif
