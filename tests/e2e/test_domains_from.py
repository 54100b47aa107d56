# SPDX-License-Identifier: ISC
"""Domains from elsewhere: a folder, a web server, a program. What a source may say,
what it may not, and that whatever it does the last good domains stay in force."""
import json
import os
import subprocess

import pytest

from lib.lists import Liar, Nginx, wait_fetched
from lib.net import Workdir, certificate
from lib.smtp import Raw, send
from lib.wait import wait_for

NETWORK = "198.51.100.0/24"
FROM = 'domains_from = "%s"\ndomains_from_networks = {"' + NETWORK + '"}\n'
FETCH = 'fetch { interval = "1s" timeout = "2s" size_max = "64K" %s }\n'
OWN = {"own.test": 'primary = {"127.0.0.1:9"}'}


@pytest.fixture(autouse=True)
def network():
    """Addresses that answer here and are none of this host's interfaces."""
    r = subprocess.run(["ip", "route", "replace", "local", NETWORK, "dev", "lo"],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode != 0:
        pytest.skip("no route to %s: %s" % (NETWORK, r.stdout.strip()))


def folder(stack, name="from"):
    return stack.add(Workdir(name), lambda w: w.remove()).path


def put(path, text, name="domains.json"):
    """As somebody careful does: another file, renamed."""
    file = os.path.join(path, name)
    with open(file + ".new", "wb" if isinstance(text, bytes) else "w") as f:
        f.write(text)
    os.rename(file + ".new", file)


def domain(name, **more):
    return dict({"name": name, "primary": ["198.51.100.7:2525"]}, **more)


def as_json(*domains):
    return json.dumps({"domains": list(domains)})


def many(n, **more):
    return [domain("d%03d.test" % i, **more) for i in range(n)]


def daemon(stack, source, options="", domains=None, **kw):
    return stack.mxwatchd(OWN if domains is None else domains,
                          options=FROM % source + options, **kw)


def codes(d, *addresses):
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        return [c.cmd("RCPT TO:<%s>" % a)[:3] for a in addresses]


def about(d):
    d.refresh()
    return d.status()["domains_source"]


def wait_domains(d, n):
    wait_for(lambda: about(d)["domains"] == n and about(d)["trouble"] == "", 20,
             "%d domains" % n)


def wait_trouble(d, words, deadline=20):
    def said():
        assert words in about(d)["trouble"], about(d)
        return True
    wait_for(said, deadline, "trouble: " + words)


@pytest.mark.beside
def test_a_folder(stack):
    """Read, followed, kept over a restart without it, and shown."""
    path = folder(stack)
    put(path, as_json(*many(100)), "a.json")
    put(path, "".join('domain "e%03d.test" { primary = "198.51.100.8" lifetime = 3d }\n' % i
                      for i in range(100)), "b.conf")
    put(path, "nonsense {{{", "readme.txt")
    d = daemon(stack, path)
    wait_domains(d, 200)
    assert codes(d, "u@d042.test", "u@e042.test", "u@own.test", "u@no.test") == \
        ["250", "250", "250", "554"]
    d.wait_log("domains_from=%s domains=200 new=200 changed=0 gone=0" % path)
    assert d.metrics().get("domains_source_domains") == 200
    assert d.metrics().get("domains_source_age_seconds") < 20
    assert d.metrics().get("domains_source_failing") == 0
    assert "domains from %s: 200, confirmed" % path in d.ctl("status")[1]
    assert "It comes from %s (domains_from)." % path in d.ctl("why", "d001.test")[1]
    assert d.ctl_json("status", "d001.test")[0]["domains"][0]["elsewhere"] is True
    assert d.ctl_json("status", "own.test")[0]["domains"][0]["elsewhere"] is False
    assert "domains_from" not in d.ctl("why", "own.test")[1]

    less = many(100)
    less[7]["lifetime"] = "2d"
    del less[8]
    less.append(domain("more.test"))
    put(path, as_json(*less), "a.json")
    d.wait_log("domains_from=%s domains=200 new=1 changed=1 gone=1" % path)
    assert codes(d, "u@more.test", "u@d008.test", "u@d007.test") == ["250", "554", "250"]
    assert d.log().count("reload=") == 0, "no reload of the file"

    os.rename(path, path + ".away")
    wait_trouble(d, "No such file")
    assert d.metrics().get("domains_source_failing") == 1
    assert d.log().count("problem=\"No such file") == 1, "said once"
    d.restart()
    assert codes(d, "u@more.test", "u@d008.test", "u@d007.test") == ["250", "554", "250"]
    assert about(d)["domains"] == 200
    os.rename(path + ".away", path)
    wait_domains(d, 200)


BAD = [
    ("hostname", '{"domains": [{"name": "x.test", "hostname": "a.test"}]}', 'unknown option "hostname"'),
    ("recipients", '{"domains": [{"name": "x.test", "recipients": "/etc/passwd"}]}',
     "recipients is not allowed in a source of domains_from"),
    ("loopback", as_json(domain("x.test", primary=["127.0.0.1:25"])), '"127.0.0.1" is the loopback'),
    ("outside", as_json(domain("x.test", primary=["192.0.2.1"])),
     '"192.0.2.1" is outside domains_from_networks'),
    ("ourselves", as_json(domain("x.test", primary=["mx2.backup.test:%(port)d"])), "is this server"),
    ("of the file", as_json(domain("own.test")), "is in the configuration file as well"),
    ("bad name", as_json(domain("../../etc")), "is not a domain name"),
    ("escape", '{"domains": [{"name": "a\\u000ab.test"}]}', "control character"),
    ("huge", '{"domains": [{"name": "x.test", "deliver": {"connections": 1e99}}]}', "connections"),
    ("huge too", '{"domains": [{"name": "x.test", "lifetime": %s}]}' % ("9" * 5000), "digits"),
    ("deep", '{"domains": ' + "[" * 200000, "object"),
    ("cut", as_json(*many(20))[:-1], "is incomplete"),
    ("html", "<html><body>500</body></html>\n", "in a quoted string"),
    ("conf: include", 'include "/etc/passwd"\n', "include is not allowed"),
    ("conf: receiver", 'receiver "x" { type = exec command = "/bin/id" }\n', "section receiver is not allowed"),
    ("17 MB", b" " * (17 << 20), "larger than 16 MiB"),
    ("zeros", b"\0" * 1000, "0x00"),
]


@pytest.mark.beside
def test_what_is_refused(stack):
    """By name, as a whole, and the last good ones stay. Unit tests have more of it."""
    path = folder(stack)
    put(path, as_json(*many(20)))
    d = daemon(stack, path)
    wait_domains(d, 20)
    for name, text, words in BAD:
        if isinstance(text, str):
            text = text.replace("%(port)d", str(d.port))
        put(path, text)
        wait_trouble(d, words)
        assert about(d)["domains"] == 20, name
    assert codes(d, "u@d001.test", "u@x.test") == ["250", "554"]
    assert "domains.json:1: " in about(d)["trouble"] or "0x00" in about(d)["trouble"]
    assert codes(d, "u@d019.test") == ["250"]
    put(path, as_json(*many(21)))
    wait_domains(d, 21)
    d.wait_log("state=ok")


@pytest.mark.beside
def test_it_shrinks(stack):
    path = folder(stack)
    put(path, as_json(*many(20)))
    d = daemon(stack, path)
    wait_domains(d, 20)
    put(path, as_json(*many(9)))
    wait_trouble(d, "11 of 20 domains are missing, more than domains_shrink = 50 percent")
    d.restart()
    wait_trouble(d, "11 of 20 domains are missing")
    assert codes(d, "u@d019.test") == ["250"]
    put(path, "")
    wait_trouble(d, "20 of 20 domains are missing")
    assert d.reload(options=FROM % path + "domains_shrink = 100\n")[0] == 0
    wait_domains(d, 0)
    assert codes(d, "u@d019.test", "u@own.test") == ["554", "250"]


@pytest.mark.beside
def test_a_file_that_is_being_edited(stack):
    """A change of the source does not put it into force; a reload refuses it, and
    one that is good goes with the domains of the source."""
    path = folder(stack)
    put(path, as_json(*many(20)))
    d = daemon(stack, path)
    wait_domains(d, 20)
    d.write(domains={"own.test": OWN["own.test"], "half.test": 'primary = {"127.0.0.1:9"}'})
    with open(d.conf, "a") as f:
        f.write('domain "broken.test" {')
    put(path, as_json(*many(21)))
    wait_domains(d, 21)
    assert codes(d, "u@d020.test", "u@half.test", "u@own.test") == ["250", "554", "250"]
    assert d.reload()[0] != 0
    assert codes(d, "u@d020.test", "u@half.test") == ["250", "554"]
    assert d.reload(domains={"own.test": OWN["own.test"],
                             "half.test": OWN["own.test"]})[0] == 0
    assert codes(d, "u@d020.test", "u@half.test") == ["250", "250"]
    # A domain that the source has, too.
    rc, out = d.reload(domains={"d003.test": OWN["own.test"]})
    assert rc != 0 and '"d003.test" is in the configuration file as well' in out, out
    d.restart()
    wait_trouble(d, '"d003.test" is in the configuration file as well')
    assert codes(d, "u@d003.test", "u@d004.test") == ["250", "250"]
    assert d.reload(options="")[0] == 0
    assert codes(d, "u@d003.test", "u@d004.test") == ["250", "554"]
    wait_for(lambda: about(d) is None, 10, "no source")


@pytest.mark.beside
def test_it_leaves_with_mail(stack):
    """Its mail goes on by the settings that it had, within the same networks."""
    mx = stack.fakemx(host="198.51.100.9")
    path = folder(stack)
    there = domain("leaves.test", primary=["198.51.100.9:%d" % mx.port])
    put(path, as_json(there, *many(5)))
    mx.stop()
    d = daemon(stack, path)
    wait_domains(d, 6)
    d.wait_state("leaves.test", "down")
    send(d.port, "waits", rcpts=["u@leaves.test"])
    put(path, as_json(*many(5)))
    wait_domains(d, 5)
    d.logged("leaves.test")
    assert codes(d, "u@leaves.test") == ["554"]
    one = d.ctl_json("status", "leaves.test")[0]["domains"][0]
    assert one["removed"] is True and one["elsewhere"] is True
    d.restart()
    one = d.ctl_json("status", "leaves.test")[0]["domains"][0]
    assert one["removed"] is True and one["elsewhere"] is True
    mx.start()
    wait_for(lambda: mx.messages, 20, "it is delivered")


@pytest.mark.beside
def test_where_a_name_leads(stack):
    """A name that leads to the loopback, to ourselves or outside the networks is
    not connected to; neither is one that is led there later."""
    ours = stack.address("198.51.100.200")
    loop = stack.fakemx(host="127.0.0.1")
    good = stack.fakemx(host="198.51.100.20", port=loop.port)
    here = stack.fakemx(host=ours, port=loop.port)
    dns = stack.dns({"pin.test": "good IN A 198.51.100.20\nloop IN A 127.0.0.1\n"
                                 "here IN A %s\nout IN A 203.0.113.5\n"
                                 "mix IN A 203.0.113.5\nmix IN A 198.51.100.20" % ours})
    path = folder(stack)
    put(path, as_json(*[domain(n + ".test", primary=["%s.pin.test:%d" % (n, loop.port)])
                        for n in ("good", "loop", "here", "out", "mix")]))
    d = daemon(stack, path, options='resolver = {"127.0.0.1@%d"}\n' % dns.port)
    d.wait_state("good.test", "up")
    d.wait_state("mix.test", "up")
    for name in ("loop", "here", "out"):
        d.wait_state(name + ".test", "down")
        send(d.port, "never", rcpts=["u@%s.test" % name])
        why = d.ctl("why", name + ".test")[1].replace("\n", " ")
        assert "outside domains_from_networks" in why, why
        assert "domains_from_networks" in d.ctl("status", name + ".test")[1]
    send(d.port, "goes", rcpts=["u@good.test"])
    wait_for(lambda: good.messages, 15)
    assert not loop.events and not here.events, "nobody asked there"

    dns.set(pin_test=dns.zones["pin.test"].replace("good IN A 198.51.100.20",
                                                   "good IN A 127.0.0.1"))
    d.wait_state("good.test", "down", 40)
    send(d.port, "stays", rcpts=["u@good.test"])
    assert d.ctl("flush", "good.test")[0] in (0, 1)
    assert not loop.events, "nobody asked there"


@pytest.mark.beside
def test_a_web_server(stack):
    """With its ETag; what fails, lies or leads elsewhere leaves the last good ones."""
    tls = certificate(folder(stack, "tls"), "localhost")
    nginx = stack.add(Nginx(*tls), lambda n: n.close())
    nginx.put(as_json(*many(20)))
    d = daemon(stack, nginx.url("/list?key=hush"), FETCH % ('ca_file = "%s"' % tls[0]) +
               'alert "domains_stale" { warn = "2s" crit = off }\n')
    wait_domains(d, 20)
    wait_fetched(d, "unchanged", 2)
    assert " 304 " in nginx.log() and nginx.log().count(" 200 ") == 1
    assert about(d)["source"] == nginx.url("/list") and "hush" not in d.log()
    nginx.put(as_json(*many(21)))
    wait_domains(d, 21)
    nginx.put("<html>")
    wait_trouble(d, nginx.url("/list") + ":1: ")
    nginx.put(as_json(*many(21)))
    wait_domains(d, 21)
    nginx.stop()
    wait_trouble(d, "connect")
    wait_for(lambda: [a["alert"] for a in d.status()["alerts"]] == ["domains_stale"], 15)
    wait_for(lambda: "has not confirmed its 21 domains" in d.ctl("alerts")[1], 15)
    d.restart()
    assert codes(d, "u@d020.test") == ["250"]
    nginx.start()
    wait_domains(d, 21)
    wait_for(lambda: d.status()["alerts"] == [], 15)

    liar = stack.add(Liar(*tls), lambda s: s.close())
    body = as_json(*many(3))
    liar.answer["/long"] = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body) + 100, body)).encode()
    liar.answer["/moved"] = ("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" %
                             nginx.url()).encode()
    liar.answer["/large"] = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100000
    for path in liar.answer:
        assert d.reload(options=FROM % liar.url(path) + FETCH % ('ca_file = "%s"' % tls[0]))[0] == 0
        wait_for(lambda: about(d)["source"] == liar.url(path) and about(d)["trouble"] not in (
            "", "nothing was fetched from it yet"), 15, path)
        assert about(d)["domains"] == 21 and codes(d, "u@d020.test") == ["250"]


@pytest.mark.beside
def test_a_program(stack):
    path = folder(stack)
    put(path, as_json(*many(20)))
    program = os.path.join(path, "print")
    with open(program, "w") as f:
        f.write('#!/bin/sh\ncat "%s/domains.json"\n' % path)
    os.chmod(program, 0o755)
    d = daemon(stack, "exec:%s with arguments" % program, FETCH % "")
    wait_domains(d, 20)
    put(path, as_json(*many(25)))
    wait_domains(d, 25)


@pytest.mark.beside
def test_the_check_of_a_configuration(stack):
    path = folder(stack)
    d = stack.mxwatchd({}, start=False, options='domains_from = "%s"\n' % path)
    r = d.run("-n", "-c", d.conf)
    assert r.returncode != 0 and "domains_from is set without domains_from_networks" in r.stderr
    d.write(options=FROM % "http://x.test/")
    put(path, as_json(*many(3)))
    d.write(options=FROM % path)
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 0 and "there is no last good copy" in r.stderr, r.stderr
    d.start()
    wait_domains(d, 3)
    d.stop()
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 0 and "3 domains" in r.stdout, (r.stdout, r.stderr)
