# SPDX-License-Identifier: ISC
"""The door: no relay by way of the primary, with Postfix beside it as the backup
MX of the howto; clients that speak too early; proxies and filters that speak for
others; what one client may make us write."""
from lib.primary import Primary
from lib.smtp import Raw, send, stuff, text
from lib.wait import wait_for

DOWN = 'primary = {"127.0.0.1:9"}'

# Recipients: at b.test anybody is taken, l.test has a list, c.test one that is a
# catch-all. None: we answer as Postfix does; else what we answer.
ADDRESSES = [
    ("user@b.test", None),
    ("user%other.test@b.test", None),
    ("user%b.test@b.test", None),
    ("user%@b.test", None),
    ("other.test!user@b.test", None),
    ("!user@b.test", None),
    ("a!b!user@b.test", None),
    ('"user@other.test"@b.test', None),
    ('"user%other.test"@b.test', None),
    ('"other.test!user"@b.test', None),
    ('"user\\@other.test"@b.test', None),
    ('"@other.test:user@third.test"@b.test', None),
    ('"user"@b.test', None),
    ('"us er"@b.test', None),
    ("user+x@b.test", None),
    ("us-er@b.test", None),
    ("-user@b.test", None),
    ('"-user"@b.test', None),
    ("user@l.test", None),
    ("nobody@l.test", None),
    ("user%other.test@l.test", None),
    ("listed%other.test@l.test", "250"),  # the list's own word for it
    ("anybody@c.test", None),
    ("user%other.test@c.test", None),
    ('"user@other.test"@l.test', None),
    ("user@other.test", None),
    ("user%b.test@other.test", None),
    ("b.test!user@other.test", None),
    ('"user@b.test"@other.test', None),
    ("user@b.test@other.test", "501"),  # no address, whoever is asked
    ("user@other.test@b.test", "501"),
    ("user@[127.0.0.1]", "554"),  # nobody lives here
    ("@other.test:user@b.test", None),
    ("@b.test:user@other.test", None),
    ("@b.test,@l.test:user%other.test@b.test", None),
    ("user@", None),
    ("@b.test", "501"),
    ("user%other.test", "501"),  # we make up no domain
    ("other.test!user", "501"),
    ("postmaster@b.test", None),
    ("postmaster%other.test@b.test", None),
]
SENDERS = ["a%b.test@sender.test", "b.test!a@sender.test", '"a@b.test"@sender.test',
           "a+b=c.test@sender.test", "-a@sender.test"]


def answers(port, commands):
    """The reply to each of them."""
    got = []
    for first, command in commands:
        with Raw(port) as c:
            c.ok("EHLO client.test")
            if first:
                c.ok(first)
            got.append(c.cmd(command).split("\n")[-1])
    return got


def postfix_backup(stack):
    pf = Primary([], name="mx2.backup.test")
    pf.conf["extra"] = "relay_domains = b.test l.test c.test\nrelay_recipient_maps = %s\n" % pf.map(
        "relay", {"@b.test": "OK", "@c.test": "OK", "user@l.test": "OK", "listed%other.test@l.test": "OK"})
    pf.write_access({})
    return stack.add(pf, lambda p: p.close()).start()


def test_addresses_beside_postfix(stack):
    pf = postfix_backup(stack)
    d = stack.mxwatchd({n: DOWN for n in ("b.test", "l.test", "c.test")}, start=False,
                       defaults="")
    for name, entries in {"l.test": "user@l.test OK\nlisted%other.test@l.test OK\n",
                          "c.test": "@c.test OK\n"}.items():
        d.parts["domains"][name] += '\nrecipients = "%s"' % d.file(name, entries)
    d.write()
    d.start()
    asked = [("MAIL FROM:<s@sender.test>", "RCPT TO:<%s>" % a) for a, _ in ADDRESSES]
    ours, theirs = answers(d.port, asked), answers(pf.port, asked)
    wrong = []
    for (a, want), mine, his in zip(ADDRESSES, ours, theirs):
        print("%-40s %-55s %s" % (a, mine, his))
        if mine[:3] != (want or his[:3]):
            wrong.append((a, mine, his))
    assert not wrong
    for reply in answers(d.port, [(None, "MAIL FROM:<%s>" % a) for a in SENDERS]):
        assert reply.startswith("250")
    assert d.ctl_json("why", "user%other.test@b.test")[0]["rcpt"].startswith("554 5.7.1")


def test_untrusted_routing_is_a_choice(stack):
    d = stack.mxwatchd({"b.test": DOWN}, smtpd="untrusted_routing = yes", defaults="")
    asked = [("MAIL FROM:<s@sender.test>", "RCPT TO:<%s>" % a)
             for a in ("user%other.test@b.test", '"user@other.test"@b.test', "-user@b.test")]
    assert [r[:3] for r in answers(d.port, asked)] == ["250", "250", "501"]


def early(d, commands, last):
    """Says each and waits, but for the last, behind which more comes at once."""
    with Raw(d.port) as c:
        for command in commands:
            c.cmd(command)
        c.send(last)
        got = c.reply()
        return got, c.at_end()


def test_case_B9_early_talk(stack):
    """Behind a group that is allowed, and where it is not."""
    d = stack.mxwatchd({"a.test": DOWN}, smtpd="trusted = {}", defaults="")
    body = stuff(text("smuggled"))
    hello = ["EHLO client.test"]
    group = b"MAIL FROM:<s@sender.test>\r\nRCPT TO:<u@a.test>\r\nDATA\r\n"
    assert early(d, [], b"EHLO client.test\r\nMAIL FROM:<s@sender.test>\r\n") == (
        "421 4.5.0 you spoke before the reply to EHLO", True)
    with Raw(d.port) as c:
        c.ok(hello[0])
        c.send(group + body)
        assert [c.reply()[:9] for _ in range(3)] == ["250 2.1.0", "250 2.1.5", "554 5.5.0"]
        assert c.at_end()
    with Raw(d.port) as c:  # and as it should be
        c.ok(hello[0])
        c.send(group)
        assert [c.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        c.send(body + b"MAIL FROM:<s@sender.test>\r\nRCPT TO:<u@a.test>\r\n"
               b"BDAT 3 LAST\r\na\r\nQUIT\r\n")
        assert [c.reply()[:3] for _ in range(5)] == ["250", "250", "250", "250", "221"]
    m = d.metrics()
    assert m.get("smtpd_early_talk_total", phase="ehlo") == 1
    assert m.get("smtpd_early_talk_total", phase="data") == 1
    assert m.sum("smtpd_messages_accepted_total") == 2


def test_who_may_talk_early(stack):
    for smtpd in ('trusted = {"127.0.0.1"}', 'trusted = {} xclient = {"127.0.0.1"}',
                  'trusted = {} early_talk = "accept"'):
        d = stack.mxwatchd({"a.test": DOWN}, smtpd=smtpd, defaults="")
        with Raw(d.port, greet=False) as c:
            c.send(b"EHLO client.test\r\nMAIL FROM:<s@sender.test>\r\n"
                   b"RCPT TO:<u@a.test>\r\nDATA\r\n" + stuff(text()) + b"QUIT\r\n")
            assert [c.reply()[:3] for _ in range(7)] == [
                "220", "250", "250", "250", "354", "250", "221"]


def test_xclient_and_xforward_from_postfix(stack):
    """A content filter's Postfix in front of us says where a message came from;
    a proxy speaks for its client, who has limits of his own."""
    d = stack.mxwatchd({"a.test": DOWN}, defaults="",
                       smtpd='trusted = {} per_client = 1 xclient = {"127.0.0.2"} '
                             'xforward = {"127.0.0.1"}')
    pf = Primary([], name="filter.test")
    pf.conf["extra"] = ("relay_domains = a.test\nsmtp_send_xforward_command = yes\n"
                        "transport_maps = %s\n" % pf.map(
                            "transport", {"a.test": "smtp:[127.0.0.1]:%d" % d.port}))
    pf.write_access({})
    stack.add(pf, lambda p: p.close()).start()
    send(pf.port, "by the filter", source="127.0.0.3")
    wait_for(lambda: "orig_client=127.0.0.3 orig_helo=client.test" in d.log(), 10)
    held = []
    for client, code in (("198.51.100.7", "220"), ("198.51.100.8", "220"),
                         ("198.51.100.7", "421")):
        c = Raw(d.port, source="127.0.0.2")
        held.append(c)
        assert "XCLIENT" in c.ok("EHLO proxy.test")
        c.ok("XCLIENT ADDR=%s HELO=h.example" % client, code)
    held[0].begin()
    held[0].ok("DATA", "354")
    held[0].send(stuff(text("by the proxy")))
    assert held[0].reply().startswith("250")
    assert d.logged(" client=198.51.100.7 helo=client.test")
    for c in held:
        c.close()
    with Raw(d.port, source="127.0.0.4") as c:
        assert "XCLIENT" not in c.ok("EHLO c.test")
        c.ok("XCLIENT ADDR=192.0.2.1", "500")


def test_one_client_does_not_fill_the_log(stack):
    d = stack.mxwatchd({"a.test": DOWN, "b.test": DOWN}, defaults="",
                       smtpd="trusted = {} client_log_lines = 20 max_errors = 1000")
    with Raw(d.port, source="127.0.0.5") as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        for i in range(300):
            c.ok("RCPT TO:<u%d@nowhere.test>" % i, "554")
            c.ok("RCPT TO:<-u%d@a.test>" % i, "501")
        c.ok("QUIT")
    wait_for(lambda: 'event="further refusals of the same kind" relay_denied=299 syntax=299' in d.log(), 5)
    assert d.log().count("refused=554") == 1
    for _ in range(60):
        with Raw(d.port, source="127.0.0.6") as c:
            c.ok("EHLO client.test")
            c.ok("MAIL FROM:<s@sender.test>")
            c.ok("RCPT TO:<u@nowhere.test>", "554")
    with Raw(d.port, source="127.0.0.7") as c:
        c.begin()
        c.ok("RCPT TO:<u@nowhere.test>", "554")
    wait_for(lambda: "client=127.0.0.7" in d.log(), 5)
    # a minute may have begun in between
    assert d.log().count("client=127.0.0.6") in range(20, 41)
    assert d.metrics().get("smtpd_lines_unlogged_total") >= 598
