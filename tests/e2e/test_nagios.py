# SPDX-License-Identifier: ISC
"""check_mxwatch as a monitor runs it, in an outage and after it, and the
stock plugins that operators have already."""
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

from lib.mxwatchd import BUILD
from lib.net import free_port
from lib.smtp import send
from lib.wait import wait_for

PLUGIN = os.path.join(BUILD, "contrib/nagios/check_mxwatch")
STOCK = "/usr/lib/nagios/plugins"
OK, WARNING, CRITICAL, UNKNOWN = range(4)
NAMES = ["OK", "WARNING", "CRITICAL", "UNKNOWN"]
NUMBER = r"-?\d+(?:\.\d+)?"
END = r"@?(?:(?:~|%s)?:)?(?:%s)?" % (NUMBER, NUMBER)
# 'label'=value[UOM];[warn];[crit];[min];[max]
PERF = re.compile(r"'([^'=|]+)'=(U|%s)((?:s|us|ms|%%|B|KB|MB|TB|c)?)"
                  r";(%s);(%s);(%s)?;(%s)?(?: |$)" % (NUMBER, END, END, NUMBER, NUMBER))


class Result:
    """The grammar of the guidelines is checked on the way."""

    def __init__(self, args, env):
        r = subprocess.run([PLUGIN, *args], env=env, stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert r.stderr == "", r.stderr
        self.code, self.text = r.returncode, r.stdout
        self.perf, self.more = {}, []
        if self.code == UNKNOWN and not r.stdout.startswith("MXWATCH"):
            return
        first, *self.more = r.stdout.splitlines()
        self.line, bar, perf = first.partition(" | ")
        assert self.line.startswith("MXWATCH %s - " % NAMES[self.code]), first
        assert r.stdout.count("|") == (1 if bar else 0)
        at = 0
        while at < len(perf):
            got = PERF.match(perf, at)
            assert got, "not perfdata: " + perf[at:]
            assert got.group(1) not in self.perf, "label twice"
            self.perf[got.group(1)] = got.group(2)
            at = got.end()


def check(d, *args, over="socket"):
    where = ["-s", d.socket] if over == "socket" else ["-H", "127.0.0.1", "-p", str(d.web_port)]
    return Result([*where, *args], d.environment())


@pytest.fixture(scope="module")
def outage(module_stack):
    """down.test has three messages and no primary, up.test is well."""
    s = module_stack
    mx = s.fakemx()
    d = s.mxwatchd({"down.test": 'primary = {"127.0.0.1:%d"}\nlifetime = "5d"' % free_port(),
                    "up.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("down.test", "down")
    d.wait_state("up.test", "up")
    for i in range(3):
        send(d.port, "m%d" % i, rcpts=("u@down.test",))
    wait_for(lambda: d.status()["domains"][0]["queue"]["messages"] == 3, 10, "shown")
    return d


WAYS = pytest.mark.parametrize("over", ["socket", "http"])


@WAYS
@pytest.mark.parametrize("args,code,says", [
    (["queue"], OK, "2 domains, worst down.test: 3 messages"),
    (["--queue", "-w", "2", "-c", "10"], WARNING, "down.test: 3 messages"),
    (["queue", "-w", "1", "-c", "2"], CRITICAL, "down.test: 3 messages"),
    (["queue", "-w", "1", "-c", "2", "-d", "up.test"], OK, "up.test: 0 messages"),
    (["queue", "-w", "1", "-c", "2", "-x", "DOWN.test."], OK, "up.test: 0 messages"),
    (["queue", "-c", "@3:3", "--aggregate", "sum"], CRITICAL, "3 messages"),
    (["age", "-w", "50%", "-c", "80%"], OK, "down.test: 3 messages, oldest"),
    (["age", "-w", "1h", "-c", "0"], CRITICAL, "(0% of lifetime)"),
    (["expiry", "-w", "2d:", "-c", "1d:"], OK, "down.test: first message expires in 4d23h"),
    (["expiry", "-w", "6d:", "-c", "1d:"], WARNING, "down.test: first"),
    (["expiry", "-w", "40%:", "-c", "20%:"], OK, "down.test: first"),
    (["primary", "-w", "5m", "-c", "20%"], OK, "down.test: primary down"),
    (["bytes", "-w", "1K:1M"], WARNING, "queued"),
    (["primary"], WARNING, "down.test: primary down"),
    (["primary", "--primary-critical"], CRITICAL, "down.test: primary down"),
    (["primary", "-w", "1h", "-c", "1d"], OK, "down.test: primary down"),
    (["primary", "-d", "up.test"], OK, "up.test: primary up"),
    (["probe-time", "-w", "30s"], OK, "up.test: probe of"),
    (["bounces", "-w", "0"], OK, "0 recipients bounced"),
    (["--bounces=1h", "-w", "5%"], OK, "0 recipients bounced in 1h"),
    (["bounces=24h", "-d", "up.test"], OK, "up.test: 0 recipients bounced in 1d"),
    (["expired", "-c", "0"], OK, "0 recipients expired"),
    (["flush", "-d", "down.test"], OK, "down.test: "),
    (["spool"], OK, "spool ok"),
    (["spool", "-c", "1000T:"], CRITICAL, "spool ok"),
    (["--spool", "-w", "0%:", "-c", "101%:"], CRITICAL, "spool ok"),
    (["--heartbeat"], UNKNOWN, "no heartbeat is configured"),
    (["cluster"], UNKNOWN, "it is no node of a cluster"),
    (["all"], WARNING, "down.test: 3 messages"),
    (["all", "-d", "up.test"], OK, "up.test: no messages, primary up"),
    (["queue", "-d", "other.test"], UNKNOWN, "other.test: no such domain"),
])
def test_in_an_outage(outage, over, args, code, says):
    r = check(outage, *args, over=over)
    assert r.code == code and says in r.line, r.text
    if code != UNKNOWN:
        assert r.perf


@WAYS
def test_numbers_are_those_of_metrics(outage, over):
    m = outage.metrics()
    r = check(outage, "all", over=over)
    assert float(r.perf["down.test_msgs"]) == m.queued("down.test") == 3
    assert float(r.perf["total_msgs"]) == 3
    age = m.get("queue_oldest_message_age_seconds", domain="down.test")
    assert abs(float(r.perf["down.test_age"]) - age) < 5


def test_one_domain_by_http(outage):
    code, headers, text = outage.http("/api/v1/status?domain=DOWN.test.")
    doc = json.loads(text)
    assert code == 200 and headers["Content-Type"] == "application/json"
    assert [d["domain"] for d in doc["domains"]] == ["down.test"]
    assert doc["domains"][0]["unwell_since"] and "spool" in doc
    for name in ("other.test", "", "a%20b", "%00", "x" * 300):
        assert outage.http("/api/v1/status?domain=" + name)[0] == 404, name
    assert len(json.loads(outage.http("/api/v1/status")[2])["domains"]) == 2


def test_a_domain_is_asked_for_alone(outage):
    """Of fifty thousand the document is 100 MB."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def serve():
            for _ in range(2):
                c, _ = listener.accept()
                with c:
                    path = c.recv(4096).split()[1].decode()
                    asked.append(path)
                    code, _, text = outage.http(path)
                    c.sendall(("HTTP/1.0 %d x\r\n\r\n%s" % (code, text)).encode())
        t = threading.Thread(target=serve)
        t.start()
        r = Result(["-H", "127.0.0.1", "-p", str(listener.getsockname()[1]), "queue", "-d",
                    "down.test", "-d", "up.test"], outage.environment())
        t.join()
    assert asked == ["/api/v1/status?domain=down.test", "/api/v1/status?domain=up.test"]
    assert r.code == OK and "2 domains, worst down.test: 3 messages" in r.line, r.text


def test_verbose(outage):
    assert len(check(outage, "all").more) == 1
    assert len(check(outage, "all", "-v").more) == 2
    more = check(outage, "all", "-vv").more
    assert len(more) == 4 and "  127.0.0.1" in more[1]
    assert '"domains":[' in check(outage, "all", "-vvv").more[-1]


@pytest.mark.parametrize("args", [
    [], ["nonsense"], ["queue", "age"], ["--queue", "--age"], ["queue", "-w", "x"],
    ["queue", "-w", "10:5"], ["queue", "-w", "5%"], ["queue", "-w", "5m"], ["queue", "-t", "0"],
    ["queue", "-d", "not a domain"], ["age", "--aggregate", "sum"], ["queue", "--nothing"],
    ["--bounces=2h"], ["queue=1h"], ["bounces="], ["queue", "-w"], ["queue", "-H", "127.0.0.1", "-p", "99999"], ["queue", "-S"],
    ["queue", "-H", "127.0.0.1", "-a", "nocolon"], ["queue", "-H", "x", "-a", "@/nowhere"],
])
def test_a_wrong_command_line_is_unknown(outage, args):
    r = check(outage, *args)
    assert r.code == UNKNOWN and r.line.startswith("MXWATCH UNKNOWN - "), r.text


@pytest.mark.parametrize("args,says", [(["-V"], "check_mxwatch (mxwatch "), (["-h"], "usage:"),
                                       (["--help"], "usage:"), (["--version"], "check_mxwatch")])
def test_help_and_version_end_with_3(outage, args, says):
    r = check(outage, *args)
    assert r.code == UNKNOWN and r.text.startswith(says)


def test_a_daemon_that_is_not_there_is_critical(outage):
    port = str(free_port())
    env = outage.environment()
    for args in (["-s", "/nowhere/ctl.sock"], ["-H", "127.0.0.1", "-p", port],
                 ["-H", "name.invalid", "-p", port, "-t", "20"]):
        r = Result([*args, "queue"], env)
        assert r.code == CRITICAL, r.text


@pytest.mark.parametrize("answer,says", [
    (None, "timeout while waiting for an answer"),
    (b"", "not HTTP"),
    (b"220 smtp\r\n\r\n", "not HTTP"),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n{}", "cut short"),
    (b"HTTP/1.0 200 OK\r\n\r\n{\"domains\":", "not understood"),
    (b"HTTP/1.0 200 OK\r\n\r\n{}", "no status document"),
    (b"HTTP/1.0 503 no\r\n\r\n", "answers 503"),
])
def test_servers_that_mean_no_good(outage, answer, says):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve():
            c, _ = listener.accept()
            with c:
                c.recv(4096)
                if answer is None:
                    done.wait(20)
                else:
                    c.sendall(answer)
        t = threading.Thread(target=serve)
        t.start()
        begin = time.monotonic()
        try:
            r = Result(["-H", "127.0.0.1", "-p", str(listener.getsockname()[1]), "-t", "1",
                        "queue"], outage.environment())
        finally:
            done.set()
            t.join()
        assert r.code == CRITICAL and says in r.line, r.text
        assert time.monotonic() - begin < 10


def test_tls_and_password(stack):
    if shutil.which("htpasswd") is None:
        pytest.skip("htpasswd is not installed")
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    cert, key = os.path.join(d.dir, "w.crt"), os.path.join(d.dir, "w.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9", "-subj", "/CN=w",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    users = d.secret("users", subprocess.run(["htpasswd", "-nbB", "-C", "5", "nagios", "pw"],
                                           check=True, text=True,
                                           stdout=subprocess.PIPE).stdout.strip() + "\n")
    d.write(web='tls_cert = "%s" tls_key = "%s" basic_auth_file = "%s"' % (cert, key, users))
    d.spawn()
    tls = ["-S", "--ca-file", cert]
    if "without libcurl" in check(d, "queue", *tls, over="http").text:
        pytest.skip("built without libcurl")
    secret = d.file("secret", "nagios:pw\n")
    wait_for(lambda: check(d, "queue", *tls, "-a", "nagios:pw", over="http").code == OK, 20,
             "answers")
    assert check(d, "queue", *tls, "-a", "@" + secret, over="http").code == OK
    assert check(d, "queue", *tls, over="http").code == UNKNOWN
    assert check(d, "queue", *tls, "-a", "nagios:no", over="http").code == UNKNOWN
    r = check(d, "queue", "-S", "-a", "nagios:pw", over="http")  # who vouches for it?
    assert r.code == CRITICAL and "certificate" in r.line, r.text


def test_password_in_the_clear(stack):
    if shutil.which("htpasswd") is None:
        pytest.skip("htpasswd is not installed")
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    users = d.secret("users", subprocess.run(["htpasswd", "-nbB", "-C", "5", "nagios", "pw"],
                                           check=True, text=True,
                                           stdout=subprocess.PIPE).stdout.strip() + "\n")
    d.write(web='basic_auth_file = "%s"' % users)
    d.spawn()
    wait_for(lambda: check(d, "queue", "-a", "nagios:pw", over="http").code == OK, 20, "answers")
    assert check(d, "queue", over="http").code == UNKNOWN


def test_after_the_outage(stack):
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    for i in range(5):
        send(d.port, "m%d" % i)
    wait_for(lambda: "5 messages" in check(d, "all", over="http").line, 10, "shown")
    assert check(d, "all", over="http").code == WARNING
    mx.start()
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    wait_for(lambda: check(d, "all", over="http").code == OK, 10, "well again")
    r = check(d, "flush")
    assert r.code == OK and "last flush" in r.line, r.text
    assert check(d, "expiry", "-c", "29d:").code == OK  # nothing to expire
    d.stop()
    assert check(d, "all").code == CRITICAL
    assert check(d, "all", over="http").code == CRITICAL


# ---- the stock plugins

def stock(name):
    path = os.path.join(STOCK, name)
    if not os.path.exists(path):
        pytest.skip("%s is not installed (monitoring-plugins-standard)" % name)
    return path


def run(*args, **kw):
    r = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=60, **kw)
    return r.returncode, r.stdout


def test_check_smtp(outage):
    code, text = run(stock("check_smtp"), "-H", "127.0.0.1", "-p", str(outage.port), "-f",
                     "probe@monitor.test", "-C", "RCPT TO:<u@down.test>", "-R", "250", "-w", "5",
                     "-c", "10")
    assert code == OK and "SMTP OK" in text, text
    code, text = run(stock("check_smtp"), "-H", "127.0.0.1", "-p", str(outage.port), "-f",
                     "probe@monitor.test", "-C", "RCPT TO:<u@not-ours.test>", "-R", "250")
    assert code in (WARNING, CRITICAL), text


@pytest.mark.parametrize("warn,crit,code", [("4", "9", OK), ("3", "9", WARNING),
                                            ("1", "2", CRITICAL)])
def test_check_mailq(outage, warn, crit, code):
    """The path of mailq is written into utils.pm: a copy says another."""
    plugin = stock("check_mailq")
    where = os.path.join(outage.dir, "plugins")
    os.makedirs(where, exist_ok=True)
    shutil.copy(plugin, where)
    mailq = os.path.join(where, "mailq")
    with open(mailq, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\nexec "%s" -s "%s" mailq\n' % (
            os.path.join(outage.build, "mxwatchctl"), outage.socket))
    os.chmod(mailq, 0o755)
    with open(stock("utils.pm"), encoding="utf-8") as f:
        text, n = re.subn(r'(\$PATH_TO_MAILQ\s*=\s*)"[^"]*"', r'\1"%s"' % mailq, f.read())
    text = re.sub(r'(\$PATH_TO_SUDO\s*=\s*)"[^"]*"', r'\1""', text)
    assert n == 1
    with open(os.path.join(where, "utils.pm"), "w", encoding="utf-8") as f:
        f.write(text)
    got, text = run(os.path.join(where, "check_mailq"), "-M", "postfix", "-w", warn, "-c", crit,
                    env=outage.environment())
    assert got == code and "unsent=3" in text, text
