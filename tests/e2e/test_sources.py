# SPDX-License-Identifier: ISC
"""Lists of recipients that are kept elsewhere: at a web server, or printed by a
program. What fails, lies, shrinks or hangs leaves the last good one in use."""
import os

import pytest

from lib.front import expired_certificate
from lib.lists import Liar, Nginx, wait_fetched
from lib.net import Workdir, certificate
from lib.smtp import Raw
from lib.wait import wait_for

GOOD = "".join("u%d@a.test OK\n" % i for i in range(20)) + "ada@a.test OK\n"
FETCH = 'fetch { interval = "1s" timeout = "2s" size_max = "64K" %s }\n'


def add(stack, thing):
    return stack.add(thing, lambda t: t.close())


def folder(stack, name):
    return stack.add(Workdir(name), lambda w: w.remove()).path


def reply(d, address):
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        return c.cmd("RCPT TO:<%s>" % address)


def codes(d, *addresses):
    return [reply(d, a)[:3] for a in addresses]


def is_good(d):
    return codes(d, "ada@a.test", "nobody@a.test") == ["250", "550"]


def wait_good(d):
    wait_for(lambda: is_good(d), 15, "the list is in use")


def listed(d, domain="a.test"):
    return d.ctl_json("status", domain)[0]["domains"][0]["recipients_list"]


def wait_trouble(d, words, domain="a.test"):
    def said():
        trouble = listed(d, domain)["trouble"]
        assert words in trouble, trouble
        return True
    wait_for(said, 15, "trouble: " + words)


def daemon(stack, source, fetch="", domain="", **parts):
    return stack.mxwatchd(
        {"a.test": 'primary = {"127.0.0.1:9"}\nrecipients = "%s"\n%s' % (source, domain)},
        defaults="", options=FETCH % fetch + parts.pop("options", ""), **parts)


def tls_files(stack):
    return certificate(folder(stack, "tls"), "localhost")


def web_server(stack):
    """With its certificate."""
    tls = tls_files(stack)
    n = add(stack, Nginx(*tls))
    n.put(GOOD)
    return n, tls


@pytest.mark.beside
def test_a_web_server(stack):
    """Fetched, asked with its ETag, followed when it changes, and known over a
    restart without the server."""
    nginx, tls = web_server(stack)
    d = daemon(stack, nginx.url("/list?key=hush"), 'ca_file = "%s"' % tls[0], options='''
alert "recipients_stale" { warn = "2s" crit = off }
''')
    wait_good(d)
    wait_fetched(d, "unchanged", 2)
    assert " 304 " in nginx.log() and nginx.log().count(" 200 ") == 1
    about = listed(d)
    assert about["source"] == nginx.url("/list") and about["entries"] == 21
    assert about["trouble"] == "" and about["confirmed"] is not None
    assert d.metrics().get("recipients_list_entries", domain="a.test") == 21
    assert d.metrics().get("recipients_list_age_seconds", domain="a.test") < 30
    assert "hush" not in d.log()
    rc, text = d.ctl("why", "ada@a.test")
    assert "It is in the list %s." % nginx.url("/list") in text.replace("\n", " "), text

    nginx.put(GOOD + "new@a.test OK\n")
    wait_for(lambda: codes(d, "new@a.test", "nobody@a.test") == ["250", "550"], 15, "the new one")

    nginx.stop()
    wait_trouble(d, "connect")
    wait_for(lambda: [a["alert"] for a in d.status()["alerts"]] == ["recipients_stale"], 15,
             "the alert")
    wait_for(lambda: "has not confirmed its 22 entries" in d.ctl("alerts")[1], 15, "told")
    assert "Its list of recipients" in d.ctl("why", "a.test")[1]
    text = d.ctl("recipients", "a.test")[1]
    assert "22 entries" in text and "\nbut " in text and "connect" in text, text
    d.restart()
    assert codes(d, "new@a.test", "nobody@a.test") == ["250", "550"]
    wait_trouble(d, "connect")
    assert d.metrics().get("recipients_list_age_seconds", domain="a.test") > 2
    nginx.start()
    wait_for(lambda: listed(d)["trouble"] == "", 15, "well again")
    wait_for(lambda: d.status()["alerts"] == [], 15, "no alert")
    assert d.log().count("problem=") == 1, "said once"


def answer(body, head="200 OK", length=None, more=""):
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n%s" % (
        head, len(body) if length is None else length, more, body)).encode()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
BAD = {
    "500": (answer("no", "500 Oops"), "HTTP 500"),
    "404": (answer("<html>", "404 Not Found"), "HTTP 404"),
    "204": (answer("", "204 No Content"), "HTTP 204"),
    "206": (answer("ada@a.test OK\n", "206 Partial Content"), "HTTP 206"),
    "304 unasked": (answer("", "304 Not Modified"), "HTTP 304 to an unconditional request"),
    "redirect": (answer("", "302 Found", more="Location: https://localhost:9/list\r\n"),
                 "HTTP 302, a redirect, is not followed"),
    "redirect to a file": (answer("", "301 Moved", more="Location: file:///etc/passwd\r\n"),
                           "a redirect, is not followed"),
    "length too great": (answer(GOOD, length=len(GOOD) + 100), ""),
    "length too small": (answer(GOOD, length=16), ""),
    "chunk cut": (CHUNKED + b"ffff\r\n" + GOOD.encode(), ""),
    "not chunks": (CHUNKED + GOOD.encode(), ""),
    "not HTTP": (b"220 mail ESMTP\r\n", ""),
    "nothing": (b"", ""),
    "empty": (answer(""), "it is empty"),
    "a page": (answer("<!DOCTYPE html>\n<html><body>Log in</body></html>\n"), ""),
    "zeros": (answer("\0" * 2000), ""),
    "too large": (answer(GOOD * 1000), "it is larger than 65536 bytes (size_max)"),
    "too large, unsaid": (b"HTTP/1.0 200 OK\r\n\r\n" + (GOOD * 1000).encode(),
                          "it is larger than 65536 bytes (size_max)"),
    "shrunk": (answer("ada@a.test OK\n"), "lost more than 50%"),
    "header that does not end": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60000, ""),
}


def each(source, names):
    """A domain for each of these, d0.test and so on, whose source ends in its number."""
    return {"d%d.test" % i: 'primary = {"127.0.0.1:9"}\nrecipients = "%s"' % source(i)
            for i in range(len(names))}


def is_in_use(d, domain):
    return codes(d, "ada@" + domain, "nobody@" + domain) == ["250", "550"]


def go_bad(d, names, bad):
    """All of them are well, then none is."""
    n = len(names)
    wait_for(lambda: all(is_in_use(d, "d%d.test" % i) for i in range(n)), 20, "all in use")
    bad()
    left = set(range(n))

    def troubled():
        for i in list(left):
            if listed(d, "d%d.test" % i)["trouble"] != "":
                left.discard(i)
        assert not left, [names[i] for i in left]
        return True
    wait_for(troubled, 30, "all in trouble")


def of(domain, text=GOOD):
    return text.replace("a.test", domain)


@pytest.fixture(scope="module")
def liar(module_stack):
    tls = tls_files(module_stack)
    server, names = add(module_stack, Liar(*tls)), sorted(BAD)
    for i in range(len(names)):
        server.answer["/%d" % i] = answer(of("d%d.test" % i))
    d = module_stack.mxwatchd(each(lambda i: server.url("/%d" % i), names), defaults="",
                              options=FETCH % ('ca_file = "%s"' % tls[0]))

    def bad():
        for i, name in enumerate(names):
            server.answer["/%d" % i] = BAD[name][0]
    go_bad(d, names, bad)
    return d, server, names


@pytest.mark.parametrize("name", sorted(BAD))
def test_what_is_no_list(liar, name):
    """It is called what it is, and the last good one stays."""
    d, server, names = liar
    i = names.index(name)
    wait_trouble(d, BAD[name][1], "d%d.test" % i)
    asked = server.asked["/%d" % i]
    wait_for(lambda: server.asked["/%d" % i] >= asked + 1, 15, "asked again")
    assert is_in_use(d, "d%d.test" % i)


@pytest.mark.beside
def test_one_that_is_silent(stack):
    """It takes its time-out, not the loop, and others are asked meanwhile."""
    tls = tls_files(stack)
    silent = add(stack, Liar(*tls))
    silent.answer["/list"] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nada@"
    silent.hold = True
    good = add(stack, Liar(*tls))
    good.answer["/list"] = answer("ada@b.test OK\n")
    d = stack.mxwatchd(
        {"a.test": 'primary = {"127.0.0.1:9"}\nrecipients = "%s"' % silent.url(),
         "b.test": 'primary = {"127.0.0.1:9"}\nrecipients = "%s"' % good.url()},
        defaults="", options=FETCH % ('connections = 2 ca_file = "%s"' % tls[0]))
    wait_for(lambda: codes(d, "ada@b.test") == ["250"], 15, "the other list")
    wait_trouble(d, "imed out")
    assert codes(d, "ada@a.test", "ada@b.test") == ["451", "250"]
    asked = good.asked["/list"]
    wait_for(lambda: good.asked["/list"] >= asked + 3, 15, "the other goes on")


@pytest.mark.beside
def test_certificates_and_tokens(stack):
    """An expired certificate, one of nobody, a token that is wrong, then right."""
    nginx, tls = web_server(stack)
    expired = expired_certificate(folder(stack, "old"), "localhost")
    old = add(stack, Liar(*expired))
    old.answer["/list"] = answer(GOOD)
    d = daemon(stack, old.url(), 'ca_file = "%s"' % expired[0])
    wait_trouble(d, "certificate has expired")
    assert codes(d, "ada@a.test", "postmaster@a.test") == ["451", "250"]

    d = daemon(stack, nginx.url())
    wait_trouble(d, "certificate")

    d = stack.mxwatchd({}, start=False, defaults="", options=FETCH % ('ca_file = "%s"' % tls[0]))
    token = d.secret("token", "wrong\n")
    d.write(domains={"a.test": 'primary = {"127.0.0.1:9"}\nrecipients = "%s"\n'
                     'recipients_token_file = "%s"' % (nginx.url("/private"), token)}).start()
    wait_trouble(d, "HTTP 401")
    d.secret("token", "sesame\n")
    wait_good(d)
    assert "sesame" not in d.log()
    d.file("token", "sesame\n", 0o644)
    wait_trouble(d, "token: ")
    assert is_good(d)


# ---- programs

PROGRAM = """\
#!/bin/sh
cd "$(dirname "$0")" || exit 9
[ "$#" -eq 2 ] && [ "$2" = "two" ] || exit 8
good() { cat good$1; }
. ./mode$1
"""
DIES = {
    "exit code": ("good $1; exit 3", "exit code 3"),
    "signal": ("good $1; kill -9 $$", "ended by signal 9"),
    "hangs": ("good $1; exec sleep 60", "timed out"),
    "hangs with a child": ("good $1; sleep 60", "timed out"),
    "floods": ("yes ada@a.test OK", "it is larger than 65536 bytes (size_max)"),
    "nothing": ("exit 0", "it is empty"),
    "half": ("good $1 | head -n 5", "lost more than 50%"),
    "garbage": ("head -c 4000 /dev/urandom", ""),
    "not a program": ("rm -f good$1; good $1", "exit code 1"),
}


class Program:
    """Prints good and its first argument, or does what mode and that says."""

    def __init__(self, work):
        self.work, self.path = work, os.path.join(work, "list")
        self.put("list", PROGRAM)
        os.chmod(self.path, 0o755)

    def put(self, name, text):
        path = os.path.join(self.work, name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def source(self, i):
        return "exec:%s %d two" % (self.path, i)


@pytest.fixture(scope="module")
def program(module_stack):
    p, names = Program(folder(module_stack, "exec")), sorted(DIES)
    for i in range(len(names)):
        p.put("good%d" % i, of("d%d.test" % i))
        p.put("mode%d" % i, "good $1\n")
    d = module_stack.mxwatchd(each(p.source, names), defaults="", options=FETCH % "")

    def bad():
        for i, name in enumerate(names):
            p.put("mode%d" % i, DIES[name][0] + "\n")
    go_bad(d, names, bad)
    return d, names


@pytest.mark.parametrize("name", sorted(DIES))
def test_a_program_that_fails(program, name):
    d, names = program
    domain = "d%d.test" % names.index(name)
    wait_trouble(d, DIES[name][1], domain)
    assert is_in_use(d, domain)


@pytest.mark.beside
def test_a_program_in_the_background_holds_nothing(stack):
    """What it left behind holds the pipe: the list is what came until its end. It finds
    nothing of ours in its environment."""
    p = Program(folder(stack, "exec"))
    p.put("good0", GOOD)
    p.put("mode0", "sleep 30 & good 0; env > env; exit 0\n")
    d = daemon(stack, p.source(0))
    wait_good(d)
    with open(os.path.join(p.work, "env")) as f:
        names = {line.split("=")[0] for line in f}
    assert names <= {"PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}, names


WRONG = {
    "http://lists.test/a": "is neither a path nor https:// nor exec:/path",
    "ftp://lists.test/a": "is neither a path nor https:// nor exec:/path",
    "https:///a": "has no host",
    "https://me:secret@lists.test/a": "has a user name; for a token use its file option",
    "https://lists.test/a b": "has a space or a fragment",
    "exec:list": "names no program; write it like exec:/path ARGUMENT ...",
    "exec:/nowhere/list": "cannot be run",
}


@pytest.mark.beside
def test_what_n_says(stack):
    """Each wrong source by what is wrong with it, and no secret."""
    d = stack.mxwatchd({}, start=False, defaults="")
    for spec, words in WRONG.items():
        d.write(domains={"a.test": 'primary = {"127.0.0.1:9"}\nrecipients = "%s"' % spec})
        r = d.run("-n", "-c", d.conf)
        assert r.returncode == 2 and words in r.stderr, (spec, r.stderr)
        assert "secret" not in r.stderr
    d.write(domains={"a.test": 'primary = {"127.0.0.1:9"}\nrecipients = "https://lists.test/a?x=y"'})
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 0, r.stderr
    assert "https://lists.test/a: warning: nothing was fetched from it yet" in r.stderr, r.stderr
