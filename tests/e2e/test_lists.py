# SPDX-License-Identifier: ISC
"""Lists of recipients as people have them: the shapes that other software writes,
taken or refused by their name; beside Postfix on the same text; and what a
recipient adds to his own address."""
import os
import subprocess

import pytest

from lib.primary import Primary
from lib.smtp import Raw
from lib.wait import wait_for

DOWN = 'primary = {"127.0.0.1:9"}'

# name: (text, addresses that are in it) or (text, words of what -n says)
SHAPES = {
    "postfix virtual": (
        "# aliases\na.test\tvirtual\n@c.test\t@internal.test\nada@a.test  ada, root@internal.test\n"
        "  backup@internal.test\nbob@a.test reject-list@internal.test\n",
        ["ada@a.test", "bob@a.test", "anybody@c.test"]),
    "postfix relay_recipients": (
        "ada@a.test OK\nbob@a.test x\ngone@a.test REJECT\n\"odd one\"@a.test OK\n",
        ["ada@a.test", "bob@a.test", '"odd one"@a.test']),
    "mailcow, mysql -Ne": (
        "ada@a.test\tada@internal.test\nbob+x@a.test\tbob@a.test\n", ["ada@a.test", "bob+x@a.test"]),
    "iredmail, psql": (
        " address | goto\n---------+------\n ada@a.test | ada@a.test\n",
        "begins with a space"),
    "exchange csv": (
        '"DisplayName","PrimarySmtpAddress"\r\n"Ada","ada@a.test"\r\n', "looks like CSV"),
    "exchange csv, UTF-16": (
        b"\xff\xfe" + '"Ada","ada@a.test"\r\n'.encode("utf-16-le"), "UTF-16"),
    "ldif": (
        "dn: uid=ada,dc=a,dc=test\nmail: ada@a.test\n\ndn: uid=bob,dc=a,dc=test\nmail: bob@a.test\n",
        "LDIF"),
    "sql dump": ("INSERT INTO `alias` VALUES\n('ada@a.test','x');\n", "CSV"),
    "regexp table": ("/^(ada|bob)@a\\.test$/ OK\n", "regexp or pcre"),
    "addresses alone": ("ada@a.test\nbob@a.test\n", 'a line "ADDRESS OK"'),
    "semicolons": ("ada@a.test;Ada;enabled\n", "looks like CSV"),
    "BOM and CRLF": (b"\xef\xbb\xbfada@a.test OK\r\nbob@a.test\tOK\r\n", ["ada@a.test", "bob@a.test"]),
    "other domains only": ("ada@b.test OK\n", "it has no entry of a.test"),
}


def replies(port, rcpts, sender="s@sender.test"):
    got = []
    for a in rcpts:
        with Raw(port) as c:
            c.ok("EHLO client.test")
            c.ok("MAIL FROM:<%s>" % sender)
            got.append(c.cmd("RCPT TO:<%s>" % a))
    return got


def codes(port, rcpts, sender="s@sender.test"):
    return [r[:3] for r in replies(port, rcpts, sender)]


@pytest.fixture(scope="module")
def shaped(module_stack):
    d = module_stack.mxwatchd({}, start=False, defaults="")
    path = d.file("rcpt", "first@a.test OK\n@c.test OK\n")
    d.write(domains={n: DOWN + '\nrecipients = "%s"\nrecipients_shrink = 100' % path
                     for n in ("a.test", "c.test")}).start()
    return d, path


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_shapes(shaped, name):
    """What is in it is taken and nobody else; or it is called what it is, and the
    last good one stays."""
    d, path = shaped
    text, want = SHAPES[name]
    d.file("rcpt", "first@a.test OK\n@c.test OK\n")
    assert d.ctl("reload")[0] == 0
    assert codes(d.port, ["first@a.test", "nobody@a.test"]) == ["250", "550"]
    d.file("rcpt", text)
    assert d.ctl("reload")[0] == 0
    checked = d.run("-n", "-c", d.conf).stderr
    if isinstance(want, list):
        assert path not in "".join(s for s in checked.splitlines() if "c.test" not in s), checked
        assert codes(d.port, want) == ["250"] * len(want)
        assert codes(d.port, ["nobody@a.test"]) == ["550"]
        return
    assert want in checked and path in checked, checked
    if "no entry" in want:
        assert replies(d.port, ["first@a.test"])[0].startswith(
            "451 4.3.0 recipient list has no entry of this domain")
        assert codes(d.port, ["postmaster@a.test"]) == ["250"]
        assert d.logged("has no entry of that domain")
        return
    assert d.logged(want.replace('"', '\\"'))
    assert codes(d.port, ["first@a.test", "nobody@a.test"]) == ["250", "550"]


# ---- beside Postfix, on the same text

TEXT = """\
ada@a.test OK
Bob@A.Test OK
bob@a.test x
list@a.test OK
owner@a.test OK
list-request@a.test OK
tail+ext@a.test OK
a-b+c@a.test OK
odd one@a.test OK
"quoted"@a.test OK
multi@a.test
   OK
@b.test OK
x+y@b.test OK
"""
ASKED = ["ada@a.test", "ADA@a.test", "ada+x@a.test", "ada-x@a.test", "ada+x-y@a.test", "ada+@a.test",
         "+ada@a.test", "ada=x@a.test", "bob@a.test", "bob+1@a.test", "list-x@a.test",
         "list-request@a.test", "owner-list@a.test", "owner@a.test", "other-request@a.test",
         "ada-request@a.test", "tail+ext@a.test", "tail@a.test", "tail+ext+more@a.test",
         "a-b+c@a.test", "a-b@a.test", "a@a.test", "multi@a.test", "multi+x@a.test",
         "any@b.test", "any+x@b.test", "x+y@b.test", "nobody@a.test", "nobody+x@a.test",
         "postmaster@a.test", '"ada"@a.test', '"ada+x y"@a.test', "ada+%s@a.test" % ("x" * 250)]
# Postfix has no word of its own for them: a key in quotes is a key with quotes.
OURS_ALONE = {"postmaster@a.test": "250"}


@pytest.mark.parametrize("delimiter", ["+", "-+="])
def test_beside_postfix(stack, delimiter):
    pf = Primary([], name="mx2.backup.test")
    d = stack.mxwatchd({}, start=False, defaults="")
    path = d.file("rcpt", TEXT)
    copy = os.path.join(pf.dir, "rcpt")
    with open(copy, "w") as f:
        f.write(TEXT)
    pf.conf["extra"] = ("relay_domains = a.test b.test\nrelay_recipient_maps = hash:%s\n"
                        "recipient_delimiter = %s\n" % (copy, delimiter))
    pf.write_access({})
    subprocess.run(["postmap", "-c", pf.dir, "hash:" + copy], check=True, timeout=30)
    stack.add(pf, lambda p: p.close()).start()
    section = DOWN + '\nrecipients = "%s"\n' % path
    if delimiter:
        section += 'recipient_delimiter = "%s"\n' % delimiter
    d.write(domains={"a.test": section, "b.test": section}).start()
    ours, theirs = codes(d.port, ASKED), codes(pf.port, ASKED)
    wrong = [(a, mine, his) for a, mine, his in zip(ASKED, ours, theirs)
             if mine != OURS_ALONE.get(a, his)]
    assert not wrong


# ---- what is added to an address

def test_tags_and_forwarders(stack):
    d = stack.mxwatchd({}, start=False, defaults="")
    path = d.file("rcpt", "ada@a.test OK\neve@b.test OK\n")
    section = DOWN + '\nrecipients = "%s"\n' % path
    d.write(domains={"a.test": section + 'recipient_batv = yes\nrecipient_srs = yes\n'
                                         'recipient_delimiter = "+"\n',
                     "b.test": section}).start()
    tag = "prvs=1234abcdef="
    assert codes(d.port, [tag + "ada@a.test", tag + "ada+x@a.test", tag + "bob@a.test",
                          tag + "eve@b.test"]) == ["250", "250", "550", "550"]
    srs = "SRS0=HHHH=TT=%s=%s@a.test"
    asked = [srs % ("far.test", "x"), srs % ("b.test", "eve"), srs % ("b.test", "bob"),
             "SRS1=GG=relay.test==HHHH=TT=far.test=x@a.test", "SRS0=HHHH=x@a.test"]
    assert codes(d.port, asked) == ["451", "250", "550", "451", "550"]
    assert codes(d.port, asked, sender="") == ["250", "250", "550", "250", "550"]
    for address, says in {
            "ada@a.test": "It is in the list %s." % path,
            "ada+x@a.test": "It is in the list %s as ada@a.test." % path,
            "bob@a.test": "It is not in the list %s" % path,
            "postmaster@a.test": "Postmaster is always accepted.",
            "ada%b.test@a.test": "could take its local part for a source route",
            srs % ("far.test", "x"): "which only the primary can verify",
            "ada@far.test": "has no section in the configuration"}.items():
        why = d.ctl_json("why", address)[0]
        assert says in " ".join(why["explain"]), why["explain"]
    d.write(domains={"a.test": section + 'recipient_delimiter = "a"\n', "b.test": section})
    r = d.run("-n", "-c", d.conf)
    assert r.returncode != 0 and 'recipient_delimiter "a" is not valid' in r.stderr


def test_long_senders_and_recipients(stack):
    """As SRS and VERP write them; they reach a Postfix, and a report names them."""
    pf = Primary(["a.test"])
    stack.add(pf, lambda p: p.close()).start()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % pf.port})
    d.wait_state("a.test", "up")
    long = "l" * 250
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<%s@sender.test>" % ("s" * 250))
        c.ok("RCPT TO:<%s@a.test>" % long)
        assert c.cmd("DATA").startswith("354")
        c.send(b"Subject: long\r\n\r\nx\r\n.\r\n")
        assert c.reply().startswith("250")
    pf.wait_messages(1)
    assert "from=<%s@sender.test>" % ("s" * 250) in pf.log() and "to=<%s@a.test>" % long in pf.log()


# ---- restarts

def test_a_restart_forgets_no_list(stack):
    """A list that was cut while nobody looked is told from a good one by the copy in
    the spool; who is in the last good one is taken, and -n and status say so."""
    d = stack.mxwatchd({}, start=False, defaults="")
    path = d.file("rcpt", "".join("u%d@a.test OK\n" % i for i in range(100)))
    d.write(domains={"a.test": DOWN + '\nrecipients = "%s"' % path}).start()
    assert codes(d.port, ["u99@a.test"]) == ["250"]
    folder = os.path.join(d.spool, "recipients")
    wait_for(lambda: os.path.isdir(folder) and
             [n for n in os.listdir(folder) if n.endswith(".list")], 10)
    d.stop()
    d.file("rcpt", "u1@a.test OK\n")
    d.start()
    assert d.logged("lost more than 50% at once")
    assert codes(d.port, ["u99@a.test", "nobody@a.test"]) == ["250", "550"]
    d.file("rcpt", "".join("u%d@a.test OK\n" % i for i in range(60)))
    assert d.ctl("reload")[0] == 0
    assert codes(d.port, ["u59@a.test", "u60@a.test"]) == ["250", "550"]
