# SPDX-License-Identifier: ISC
"""The web server against the real things: promtool, a Prometheus that scrapes
and evaluates the rules of contrib, curl with TLS, passwords and client
certificates, and clients that mean no good."""
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from lib.metrics import Metrics
from lib.mxwatchd import PLAIN
from lib.net import Workdir
from lib.page import PAGE
from lib.prometheus import RULES, Prometheus
from lib.smtp import send
from lib.wait import stays, wait_for

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def fetch(url, *args):
    """curl: (status, headers in lower case, body)."""
    r = subprocess.run(["curl", "-sS", "-D", "-", "--max-time", "20", *args, url],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert r.returncode == 0, r.stderr.decode()
    head, _, body = r.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return (int(lines[0].split()[1]),
            {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}, body)


def curl_code(url, *args):
    """What curl ends with, when it need not get an answer."""
    return subprocess.run(["curl", "-sS", "--max-time", "20", "-o", "/dev/null", *args, url],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


@pytest.fixture(scope="module")
def d(module_stack):
    return module_stack.mxwatchd({
        "a.test": 'primary = {"127.0.0.1:9", "[127.0.0.2]:9"}\nprobe { interval = "1h" }',
        "b.test": 'primary = {"127.0.0.1:9"}'})


def url(d, path="/metrics", scheme="http"):
    return "%s://127.0.0.1:%d%s" % (scheme, d.web_port, path)


# ---- health

MEDDLE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
	int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int rc = real(id, t);
	if (id == CLOCK_REALTIME && access(getenv("MEDDLE_BACK"), F_OK) == 0)
		t->tv_sec -= 3600;
	if (id == CLOCK_REALTIME && access(getenv("MEDDLE_AHEAD"), F_OK) == 0)
		t->tv_sec += 3600;
	return rc;
}
int epoll_wait(int fd, struct epoll_event *e, int n, int ms)
{
	int (*real)(int, struct epoll_event *, int, int) = dlsym(RTLD_NEXT, "epoll_wait");
	while (gettid() == getpid() && access(getenv("MEDDLE_HANG"), F_OK) == 0)
		usleep(10000);
	return real(fd, e, n, ms);
}
"""


@pytest.mark.beside
def test_health_is_that_of_the_loop_and_not_of_the_wall_clock(stack):
    """The clock is set, and the loop hangs: only the latter is an illness, and
    it shows even when the clock has been set back."""
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False, build=PLAIN)
    back, ahead, hang = (os.path.join(d.dir, x) for x in ("back", "ahead", "hang"))
    source, lib = d.file("meddle.c", MEDDLE), os.path.join(d.dir, "meddle.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", lib, source, "-ldl"], check=True)
    d.env.update(LD_PRELOAD=lib, MEDDLE_BACK=back, MEDDLE_AHEAD=ahead, MEDDLE_HANG=hang)
    d.start()
    assert d.http("/-/healthy")[0] == 200
    d.file("ahead", "")
    for _ in range(20):  # also while the newest snapshot is of the time before
        assert d.http("/-/healthy")[0] == 200
    os.unlink(ahead)
    d.file("hang", "")
    d.file("back", "")
    wait_for(lambda: d.http("/-/healthy")[0] == 503, 20, "the hang shows")
    assert "loop" in d.http("/healthz")[2]
    os.unlink(hang)
    wait_for(lambda: d.http("/-/healthy")[0] == 200, 10, "it is well again")
    os.unlink(back)


# ---- who is asked

def talk(d, text, address="127.0.0.1"):
    """What the server says to these bytes until it closes, or is silent."""
    with socket.create_connection((address, d.web_port), 10) as s:
        s.sendall(text.encode())
        s.settimeout(1)
        got = b""
        try:
            while True:
                data = s.recv(65536)
                if not data:
                    return got.decode(), True
                got += data
        except socket.timeout:
            return got.decode(), False


def ask(d, line, *headers):
    text, _ = talk(d, "\r\n".join([line, *headers, "Connection: close", "", ""]))
    return int(text.split()[1]) if text else None


@pytest.mark.beside
def test_only_hosts_that_are_ours_are_answered(stack):
    """A page whose name was resolved to us (DNS rebinding) gets nothing."""
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, web='hosts = {"Status.Example.Net"}')
    get, ok = "GET /-/healthy HTTP/1.1", 200
    for host in ("127.0.0.1", "127.0.0.1:%d" % d.web_port, "[::1]:80", "192.0.2.7", "localhost",
                 "MX2.backup.test.", "status.example.net:443", socket.gethostname()):
        assert ask(d, get, "Host: " + host) == ok, host
    for host in ("evil.test", "a.test", "127.0.0.1.evil.test", "localhost.evil.test"):
        for path in ("/", "/metrics", "/api/v1/status", "/nothing"):
            assert ask(d, "GET %s HTTP/1.1" % path, "Host: " + host) == 421, host
    text, _ = talk(d, get + "\r\nHost: evil.test\r\nConnection: close\r\n\r\n")
    assert "hosts" in text and "evil" not in text and "mx2" not in text
    for headers in ((), ("Host: localhost", "Host: localhost"), ("Host: localhost", "host: evil.test"),
                    ("Host:",), ("Host: a@localhost",), ("Host: localhost:x",)):
        assert ask(d, get, *headers) == 400, headers
    # the absolute form has the last word, but Host has to be there
    to = "GET http://%s HTTP/1.1"
    assert ask(d, to % "localhost/-/healthy", "Host: localhost") == ok
    assert ask(d, to % "localhost:80/-/healthy?x", "Host: 127.0.0.1") == ok
    assert ask(d, to % "evil.test/-/healthy", "Host: localhost") == 421
    assert ask(d, to % "localhost/nothing", "Host: localhost") == 404
    assert ask(d, to % "localhost", "Host: localhost") == ok
    assert ask(d, to % "localhost/-/healthy") == 400
    assert ask(d, to % "/-/healthy", "Host: localhost") == 400
    # a monitor of the time before names says none
    assert ask(d, "GET /-/healthy HTTP/1.0") == ok
    assert ask(d, "GET /-/healthy HTTP/1.0", "Host: evil.test") == 421
    # names are of the configuration that is in force, at each address
    rc, out = d.reload(web='hosts = {"evil.test"} listen = {"127.0.0.1:%d", "[::1]:%d"}'
                           % (d.web_port, d.web_port))
    assert rc == 0, out
    for name, code in ("evil.test", ok), ("other.test", 421):
        text, _ = talk(d, get + "\r\nHost: %s\r\nConnection: close\r\n\r\n" % name, "::1")
        assert int(text.split()[1]) == code, name
    assert ask(d, get, "Host: evil.test") == ok
    assert ask(d, get, "Host: status.example.net") == 421


def test_connections_are_kept(d):
    get = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    text, closed = talk(d, get % "" * 3)
    assert text.count("HTTP/1.1 200") == 3 and not closed
    # in their order, the last one closes
    text, closed = talk(d, (get % "").replace("healthy", "nothing") +
                        (get % "").replace("GET", "HEAD") + get % "Connection: close\r\n" + get % "")
    assert re.findall(r"HTTP/1.1 (\d+)", text) == ["404", "200", "200"] and closed
    assert text.count("healthy\n") == 1 and text.lower().count("content-length: 8") == 2
    # HTTP/1.0 asks for it
    old = "GET /-/healthy HTTP/1.0\r\n%s\r\n"
    text, closed = talk(d, old % "Connection: keep-alive\r\n" * 2)
    assert len(re.findall(r"HTTP/1.\d 200", text)) == 2 and not closed
    assert talk(d, old % "")[1]
    # so many requests and no more: the others have their turn
    text, closed = talk(d, get % "" * 1100)
    assert text.count("HTTP/1.1 200") == 1000 and closed
    assert text.lower().count("connection: close") == 1


# ---- a socket in the file system

@pytest.mark.beside
def test_a_socket_in_the_file_system(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    path = os.path.join(d.dir, "web.sock")
    d.write(web='listen = {"unix:%s", "127.0.0.1:%d"}' % (path, d.web_port))
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)  # nobody answers: of a daemon that was killed
    stale.close()
    d.start()
    assert oct(os.stat(path).st_mode) == "0o140660"

    def over(where="/metrics", *args):
        return fetch("http://mxwatch" + where, "--unix-socket", path, *args)
    status, headers, body = over()
    assert status == 200 and headers["content-type"] == TEXT_TYPE
    assert set(Metrics(body.decode()).series) == set(d.metrics().series)
    assert over("/-/ready")[0] == 200 and over("/", "-I")[0] == 200
    held = [socket.socket(socket.AF_UNIX) for _ in range(8)]
    for s in held:  # idle clients
        s.connect(path)
    assert over("/-/healthy")[0] == 200
    for s in held:
        s.close()

    rc, out = d.reload(web="")  # it goes, and comes back
    assert rc == 0 and not os.path.exists(path), out
    rc, out = d.reload(web='listen = {"unix:%s"}' % path)
    assert rc == 0 and over("/-/healthy")[0] == 200, out

    d.stop()
    assert not os.path.exists(path)
    with open(path, "w", encoding="utf-8") as f:
        f.write("mine")
    r = d.run("-f", "-c", d.conf)
    assert r.returncode == 1 and path + " exists and is not a socket" in r.stderr + d.log()
    with open(path, encoding="utf-8") as f:
        assert f.read() == "mine"


def test_a_password_for_a_socket_in_the_file_system(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    path = os.path.join(d.dir, "web.sock")
    d.write(web='listen = {"unix:%s"} basic_auth_file = "%s"' % (
        path, d.secret("users", htpasswd(("scraper", "right")))))
    d.spawn()
    wait_for(lambda: os.path.exists(path), 10, "it listens")
    args = ["--unix-socket", path, "-u"]
    assert fetch("http://x/metrics", *args, "scraper:right")[0] == 200
    got = [fetch("http://x/metrics", *args, "scraper:wrong%d" % i)[0] for i in range(12)]
    assert got[0] == 401 and set(got) <= {401, 429}


# ---- the exposition

@pytest.mark.parametrize("compressed", [False, True])
def test_promtool_takes_it(d, compressed):
    status, headers, body = fetch(url(d), "-H", "Accept-Encoding: " + (
        "gzip" if compressed else "identity"))
    assert status == 200 and headers["content-type"] == TEXT_TYPE
    assert ("content-encoding" in headers) == compressed
    assert headers["vary"] == "Accept, Accept-Encoding"
    if compressed:
        assert headers["content-encoding"] == "gzip"
        small, body = len(body), gzip.decompress(body)
        assert small < len(body) / 5
    r = subprocess.run(["promtool", "check", "metrics"], input=body, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    assert r.returncode == 0 and r.stdout.strip() == b"", r.stdout.decode()


def test_head_has_the_headers_and_no_body(d):
    status, headers, body = d.http("/metrics", method="HEAD")
    assert status == 200 and headers["Content-Type"] == TEXT_TYPE and body == ""
    assert int(headers["Content-Length"]) > 1000


def test_openmetrics_has_the_same_series(d):
    status, headers, body = fetch(url(d), "-H", "Accept: " + OPENMETRICS)
    assert status == 200
    assert headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    text = body.decode()
    assert text.endswith("\n# EOF\n") and text.count("# EOF") == 1

    def names(t):
        return {re.sub(r"_g(sum|count)$", r"_\1", line.split(" ")[0])
                for line in t.splitlines() if line and line[0] != "#"}
    assert names(text) == names(fetch(url(d))[2].decode())
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    assert types["mxwatch_queue_message_age_seconds"] == "gaugehistogram"
    assert types["mxwatch_build"] == "info"
    assert not [n for n in types if n.endswith("_total")]
    # TYPE, UNIT, HELP, samples: each family once, in this order.
    for block in re.split(r"^(?=# TYPE )", text, flags=re.M)[1:]:
        kinds = [line.split(" ")[1] if line[0] == "#" else "sample"
                 for line in block.splitlines() if line != "# EOF"]
        assert re.fullmatch(r"TYPE( UNIT)? HELP( sample)+", " ".join(kinds)), block[:300]


def test_openmetrics_as_another_parser_reads_it(d):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    body = fetch(url(d), "-H", "Accept: " + OPENMETRICS)[2].decode()
    assert len(list(parser.text_string_to_metric_families(body))) > 60


@pytest.mark.beside
def test_one_series_for_all_domains(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}', "b.test": 'primary = {"127.0.0.1:9"}'},
                       options="metrics { per_domain = no }")
    send(d.port, "one", rcpts=("u@a.test",))
    send(d.port, "two", rcpts=("u@b.test",))
    m = d.metrics()
    assert "domain=" not in m.text
    assert all(line.startswith("mxwatch_primary_")  # each once, not a domain
               for line in m.text.splitlines() if "primary=" in line)
    assert m.sum("queue_messages") == 2
    r = subprocess.run(["promtool", "check", "metrics"], input=m.text, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert r.returncode == 0 and r.stdout.strip() == "", r.stdout


def test_too_many_series_are_warned_of(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False,
                       options="metrics { max_series = 100 }")
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 0
    assert re.search(r"warning: metrics: about \d+ series for 1 domains exceed max_series 100",
                     r.stderr), r.stderr
    d.write(options="metrics { max_series = 100000 }")
    assert "max_series" not in d.run("-n", "-c", d.conf).stderr


# ---- a real Prometheus

@pytest.mark.beside
def test_prometheus_scrapes_and_a_rule_fires(stack):
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port,
                        "fine.test": 'primary = {"127.0.0.1:%d"}' % stack.fakemx().port})
    d.wait_state("a.test", "up")
    d.wait_state("fine.test", "up")
    p = Prometheus(["127.0.0.1:%d" % d.web_port])
    try:
        wait_for(lambda: p.value("up") == 1, 20, "the scrape")
        wait_for(lambda: p.value('mxwatch_watchdog_state{domain="a.test",state="up"}') == 1)
        # It asks for OpenMetrics and gets it: only there is the type "info".
        meta = json.loads(p.get("/api/v1/metadata"))["data"]
        assert meta["mxwatch_build"][0]["type"] == "info"
        assert meta["mxwatch_queue_bytes"][0]["unit"] == "bytes"
        assert meta["mxwatch_queue_message_age_seconds"][0]["type"] == "gaugehistogram"
        wait_for(lambda: p.firing() == set(), 20, "no alert")
        mx.stop()
        d.wait_state("a.test", "down")
        for i in range(3):
            send(d.port, "m%d" % i)
        wait_for(lambda: ("MxwatchPrimaryDown", "a.test") in p.firing(), 30, "the alert")
        assert p.firing() == {("MxwatchPrimaryDown", "a.test")}
        wait_for(lambda: p.value('sum(mxwatch_queue_messages{domain="a.test"})') == 3)
        assert p.value('mxwatch_queue_next_expiry_timestamp_seconds{domain="a.test"}'
                       " - time() > 29 * 86400") > 0
        mx.start()
        d.wait_empty("a.test")
        wait_for(lambda: p.firing() == set(), 30, "the alert is over")
        wait_for(lambda: p.value('mxwatch_delivery_recipients_delivered_total{domain="a.test"}') == 3)
        d.stop()
        wait_for(lambda: ("MxwatchDown", None) in p.firing(), 30, "MxwatchDown")
    finally:
        p.close()


def test_rules_have_tests_and_pass(tmp_path):
    for name in os.listdir(RULES):
        shutil.copy(os.path.join(RULES, name), tmp_path)
    for what in (["check", "rules", "mxwatch-alerts.yml"], ["test", "rules", "mxwatch-alerts-test.yml"]):
        r = subprocess.run(["promtool", *what], cwd=tmp_path, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        assert r.returncode == 0, r.stdout
    rules = (tmp_path / "mxwatch-alerts.yml").read_text()
    tests = (tmp_path / "mxwatch-alerts-test.yml").read_text()
    names = re.findall(r"- alert: (\w+)", rules)
    fired = re.findall(r"alertname: (\w+)\n    exp_alerts:\n", tests)
    assert len(names) >= 15 and set(names) == set(fired)


def test_rules_name_what_is_exported(d):
    """A metric that nobody exports makes a rule that never fires. Those of
    alerts, SNMP, a cluster (test_cluster_one.py) and lists in the DNS are there when these
    parts are configured."""
    exported = set(Metrics(d.http("/metrics")[2]).series)
    text = open(os.path.join(RULES, "mxwatch-alerts.yml")).read()
    used = set(re.findall(r"\b(?:mxwatch|process)_[a-z_]+", text))
    missing = {m for m in used - exported if not re.match(r"mxwatch_(notifications|agentx|alerts|dnsbl|cluster)_",
                                                         m)}
    assert missing == set()


# ---- TLS and passwords

@pytest.fixture(scope="module")
def pki():
    """Certificates of two authorities: ours, and one nobody trusts."""
    w = Workdir("pki")

    def run(*args):
        subprocess.run(["openssl", *args], cwd=w.path, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def key(name):
        run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".key")
        os.chmod(os.path.join(w.path, name + ".key"), 0o600)
    for ca, names in (("ca", ("server", "server2", "client")), ("evil", ("intruder",))):
        key(ca)
        run("req", "-x509", "-new", "-key", ca + ".key", "-days", "30", "-subj", "/CN=" + ca,
            "-out", ca + ".crt")
        for name in names:
            key(name)
            run("req", "-new", "-key", name + ".key", "-subj", "/CN=" + name, "-out", "r.csr")
            ext = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=%sAuth\n" % (
                "server" if name.startswith("server") else "client")
            with open(os.path.join(w.path, "ext"), "w") as f:
                f.write(ext)
            run("x509", "-req", "-in", "r.csr", "-CA", ca + ".crt", "-CAkey", ca + ".key",
                "-CAcreateserial", "-days", "30", "-extfile", "ext", "-out", name + ".crt")
    yield lambda name: os.path.join(w.path, name)
    w.remove()


def htpasswd(*users):
    return "".join(subprocess.run(["htpasswd", "-nbB", "-C", "5", *u], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.strip() + "\n" for u in users)


def web_of(cert, key, **more):
    more = {"tls_cert": cert, "tls_key": key, **more}
    return " ".join('%s = "%s"' % x for x in more.items() if x[1])


def https_daemon(stack, pki, users=None, ca=None):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    for name in ("server.crt", "server.key"):
        shutil.copy(pki(name), d.dir)
    d.auth_file = d.secret("users", users) if users else None
    d.write(web=web_of(d.dir + "/server.crt", d.dir + "/server.key",
                       basic_auth_file=d.auth_file, client_ca=ca))
    d.spawn()
    wait_for(lambda: curl_code(url(d, "/-/ready", "https"), "-k") == 0, 20, "https")
    return d


def test_tls_and_basic_auth(stack, pki):
    d = https_daemon(stack, pki, htpasswd(("scraper", "right"), ("ann", "p:w")))
    ca = ("--cacert", pki("ca.crt"))
    u = url(d, scheme="https")
    assert fetch(u, *ca, "-u", "scraper:right")[0] == 200
    assert fetch(u, *ca, "-u", "ann:p:w")[0] == 200
    status, headers, body = fetch(u, *ca)
    assert status == 401 and b"mxwatch_" not in body
    assert headers["www-authenticate"] == 'Basic realm="mxwatch", charset="UTF-8"'
    assert fetch(u, *ca, "-u", "scraper:wrong")[0] == 401
    assert fetch(u, *ca, "-u", "nobody:right")[0] in (401, 429)
    for path in ("/", "/-/healthy", "/api/v1/status", "/api/v1/history", "/nothing"):
        assert fetch(url(d, path, "https"), *ca)[0] == 401, path
    assert fetch(url(d, "/", "https"), *ca, "-u", "scraper:right")[0] == 200
    # Only TLS of today, and nothing in the clear.
    assert curl_code(u, *ca, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0") != 0
    assert curl_code(u, *ca, "--tls-max", "1.2") == 0
    assert curl_code(url(d)) != 0
    assert curl_code(u) != 0, "curl does not know the authority"


def test_guessing_is_slowed_down_and_locks_nobody_out(stack, pki):
    d = https_daemon(stack, pki, htpasswd(("scraper", "right")))
    u, right = url(d, scheme="https"), ("-k", "-u", "scraper:right")
    assert fetch(u, *right)[0] == 200
    got = [fetch(u, "-k", "-u", "scraper:guess%d" % i)[0] for i in range(12)]
    assert set(got) == {401, 429} and got.count(401) <= 5, got
    assert fetch(u, *right)[0] == 200


@pytest.mark.beside
def test_files_are_read_again(stack, pki):
    d = https_daemon(stack, pki, htpasswd(("scraper", "first")))
    u, ca = url(d, scheme="https"), ("--cacert", pki("ca.crt"))

    def serial():
        r = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % d.web_port],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return subprocess.run(["openssl", "x509", "-noout", "-subject"], input=r.stdout,
                              stdout=subprocess.PIPE).stdout.decode().strip()
    assert fetch(u, *ca, "-u", "scraper:first")[0] == 200
    assert serial().endswith("server")
    # Broken ones leave the good ones in force, and are said.
    d.secret("users", "scraper:plaintext\n")
    d.file("server.crt", "-----BEGIN CERTIFICATE-----\nnonsense\n")
    d.wait_log(r"error web problem=.*line 1: the hash is not bcrypt.*the old users stay in force", 15)
    d.wait_log(r"error web problem=.*server.crt: no certificate: .*the old certificate stays in force", 15)
    assert fetch(u, *ca, "-u", "scraper:first")[0] == 200
    # Good ones are taken while a client is in the middle of things.
    d.secret("users", htpasswd(("scraper", "second")))
    d.secret("server.key", open(pki("server2.key")).read())
    d.file("server.crt", open(pki("server2.crt")).read())
    wait_for(lambda: serial().endswith("server2"), 20, "the new certificate")
    wait_for(lambda: fetch(u, *ca, "-u", "scraper:second")[0] == 200, 20, "the new user")
    assert fetch(u, *ca, "-u", "scraper:first")[0] in (401, 429)
    d.wait_log(r"notice web tls=renewed")
    assert "plaintext" not in d.log() and "second" not in d.log()


def test_client_certificates(stack, pki):
    d = https_daemon(stack, pki, ca=pki("ca.crt"))
    u, ca = url(d, scheme="https"), ("--cacert", pki("ca.crt"))
    mine = ("--cert", pki("client.crt"), "--key", pki("client.key"))
    assert fetch(u, *ca, *mine)[0] == 200
    assert fetch(u, *ca)[0] == 403
    assert fetch(u, *ca, "--cert", pki("intruder.crt"), "--key", pki("intruder.key"))[0] == 403
    assert fetch(u, *ca, "--cert", pki("server2.crt"), "--key", pki("server2.key"))[0] == 403, \
        "a server's certificate is no client's"


@pytest.mark.beside
def test_prometheus_over_tls_with_a_password(stack, pki):
    d = https_daemon(stack, pki, htpasswd(("scraper", "right")))
    p = Prometheus(["127.0.0.1:%d" % d.web_port], "https",
                   '  basic_auth: {username: scraper, password: right}\n'
                   '  tls_config: {ca_file: "%s"}\n' % pki("ca.crt"))
    try:
        wait_for(lambda: p.value("up") == 1, 20, "the scrape")
        wait_for(lambda: p.value("count_over_time(up[1m])") >= 3, 20, "some scrapes")
        # The hash is computed once, not at each scrape.
        assert p.value("max(scrape_duration_seconds)") < 1
    finally:
        p.close()


@pytest.mark.parametrize("web,want", [
    ('tls_cert = "{c}"', "tls_cert is set without tls_key"),
    ('tls_key = "{k}"', "tls_key is set without tls_cert"),
    ('client_ca = "{c}"', "client_ca is set without tls_cert"),
    ('tls_cert = "/nowhere" tls_key = "{k}"', "tls_cert \"/nowhere\" cannot be read"),
    ('basic_auth_file = "/nowhere"', "basic_auth_file \"/nowhere\" cannot be read"),
])
def test_configuration_errors(stack, pki, web, want):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False,
                       web=web.format(c=pki("server.crt"), k=pki("server.key")))
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 2 and want in r.stderr, r.stderr


def test_files_that_cannot_be_used_stop_the_start(stack, pki):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False,
                       web=web_of(pki("server.crt"), pki("client.key")))
    r = d.run("-f", "-c", d.conf)
    assert r.returncode == 1 and "do not match" in r.stderr, r.stderr
    d.write(web='basic_auth_file = "%s"' % d.secret("users", "ann:$apr1$x$y\n"))
    r = d.run("-f", "-c", d.conf)
    assert r.returncode == 1 and "line 1: the hash is not bcrypt" in r.stderr, r.stderr


# ---- the page's answer

def test_page_headers(d):
    status, h, body = fetch(url(d, "/"))
    assert status == 200 and h["content-type"] == "text/html; charset=utf-8"
    with open(PAGE, "rb") as f:
        assert body == f.read()
    policy = h["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
    assert h["x-content-type-options"] == "nosniff" and h["cache-control"] == "no-cache"
    again = fetch(url(d, "/"), "-H", "If-None-Match: " + h["etag"])
    assert again[0] == 304 and again[2] == b""
    assert fetch(url(d, "/"), "-H", 'If-None-Match: "other"')[0] == 200
    zipped = fetch(url(d, "/"), "-H", "Accept-Encoding: gzip")
    assert gzip.decompress(zipped[2]) == body
    assert not re.search(rb"(src|href)=[\"']?(https?:)?//", body), "an outside resource"


def test_history(d):
    code, headers, text = d.http("/api/v1/history")
    assert code == 200 and headers["Content-Type"] == "application/json"

    def there():
        h = json.loads(d.http("/api/v1/history")[2])
        assert [x["domain"] for x in h["domains"]] == ["a.test", "b.test"]
        return h
    h = wait_for(there, 10, "a point")
    assert h["step_seconds"] == 300 and h["points"] == 288 and abs(h["last"] - h["time"]) < 301
    one = h["domains"][0]
    # A second point when one step ended meanwhile.
    assert len(one["depth"]) == len(one["probe_ms"]) == len(one["state"]) in (1, 2)


# ---- no good

@pytest.mark.parametrize("name,data,want", [
    ("nonsense in Accept", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: " + b",;q=,;;=" * 900 + b"\r\n\r\n", b"200"),
    ("nonsense in Accept-Encoding", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: " + b"gzip;q=9;," * 500 + b"\r\n\r\n", b"200"),
    ("a password where none is asked for", b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + b"A" * 9000 + b"\r\n\r\n", b"200"),
    ("a query", b"GET /metrics?name[]=up&x=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"200"),
    ("a NUL in the path", b"GET /metrics%00/x HTTP/1.1\r\nHost: localhost\r\n\r\n", b"40[04]"),
    ("case of the path", b"GET /METRICS HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
    ("TRACE", b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
    ("OPTIONS", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", b"40[05]"),
    ("HTTP/0.9", b"GET /metrics\r\n\r\n", b"^$|HTTP/1.[01] [245]"),
    ("a TLS hello", bytes.fromhex("16030100fa010000f60303") + b"\0" * 200, b"^$|4\\d\\d"),
    ("smuggling", b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n", b"^$|HTTP/1.1 [24]"),
])
def test_hostile_requests(d, name, data, want):
    with socket.create_connection(("127.0.0.1", d.web_port), 10) as s:
        got = b""
        try:
            s.sendall(data)
            s.settimeout(3)
            while b"\r\n" not in got:
                piece = s.recv(4096)
                if not piece:
                    break
                got += piece
        except OSError:
            pass
    assert re.search(want, got.split(b"\r\n")[0]), got[:200]
    assert d.http("/-/healthy")[0] == 200


def test_hostile_tls(stack, pki):
    """Handshakes that stop in the middle hold nobody up."""
    d = https_daemon(stack, pki, htpasswd(("scraper", "right")))
    held = []
    for i in range(20):
        s = socket.create_connection(("127.0.0.1", d.web_port), 5)
        s.sendall([b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", os.urandom(300)][i % 4])
        held.append(s)
    u = url(d, scheme="https")
    begin = time.monotonic()
    assert fetch(u, "-k", "-u", "scraper:right")[0] == 200
    assert time.monotonic() - begin < 3
    stays(lambda: fetch(u, "-k", "-u", "scraper:right")[0] == 200, 1)
    for s in held:
        s.close()


def test_beyond_loopback_is_warned_of(stack, pki):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    users = d.secret("users", htpasswd(("a", "b")))
    tls = web_of(pki("server.crt"), pki("server.key"))
    for web, warned in (("", True), (tls, True), ('basic_auth_file = "%s"' % users, True),
                        (tls + ' basic_auth_file = "%s"' % users, False),
                        (tls + ' client_ca = "%s"' % pki("ca.crt"), False)):
        with open(d.conf) as f:
            text = f.read()
        d.write(web=web)
        with open(d.conf) as f:
            text = f.read().replace('web { listen = {"127.0.0.1:', 'web { listen = {"0.0.0.0:')
        with open(d.conf, "w") as f:
            f.write(text)
        r = d.run("-n", "-c", d.conf)
        assert r.returncode == 0 and ("web: listen" in r.stderr) == warned, (web, r.stderr)
