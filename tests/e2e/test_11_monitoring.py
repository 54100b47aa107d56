# SPDX-License-Identifier: ISC
"""What is to be seen from outside: /metrics, health, the status document, and
what hostile HTTP clients get. I4, I5."""
import json
import math
import re
import socket
import subprocess
import time

import pytest

from lib.metrics import Metrics
from lib.net import free_port
from lib.smtp import Raw, send
from lib.wait import STALL, wait_for

# name|type|labels: the contract with dashboards and alert rules.
FAMILIES = """
queue_messages|gauge|domain,state
queue_recipients|gauge|domain
queue_bytes|gauge|domain
queue_oldest_message_age_seconds|gauge|domain
queue_next_expiry_timestamp_seconds|gauge|domain
queue_lifetime_seconds|gauge|domain
queue_lifetime_used_ratio|gauge|domain
queue_stuck_seconds|gauge|domain
domain_removed|gauge|domain
domain_redirected|gauge|domain
maintenance|gauge|domain
domain_drill_success|gauge|domain
domain_drill_last_timestamp_seconds|gauge|domain
domain_drill_duration_seconds|gauge|domain
maintenance_hold|gauge|domain
maintenance_until_timestamp_seconds|gauge|domain
primary_maintenance_until_timestamp_seconds|gauge|primary
breaker_follows|gauge|domain
queue_message_age_seconds|histogram|
spool_free_bytes|gauge|
spool_free_inodes|gauge|
spool_reserve_bytes|gauge|
spool_accepting|gauge|
spool_waiting_bytes|gauge|
spool_behind_bytes|gauge|
spool_behind_records|gauge|
spool_errors_total|counter|op
spool_commit_duration_seconds|histogram|
smtpd_connections_total|counter|
smtpd_connections_rejected_total|counter|reason
smtpd_sessions|gauge|
smtpd_sessions_lost_total|counter|phase
smtpd_sessions_max|gauge|
smtpd_stress|gauge|
smtpd_tls_sessions_total|counter|version
smtpd_tls_handshakes_total|counter|handshake
smtpd_messages_accepted_total|counter|domain
smtpd_recipients_accepted_total|counter|domain
smtpd_accepted_bytes_total|counter|domain
smtpd_recipients_rejected_total|counter|code,reason
smtpd_messages_rejected_total|counter|code,reason
mx_backup_decisions_total|counter|result
mx_backup_domains|gauge|
smtpd_message_size_bytes|histogram|
recipients_list_entries|gauge|domain
recipients_list_age_seconds|gauge|domain
fetches_total|counter|result
recipients_learned|gauge|domain,known
recipients_catch_all|gauge|domain
recipients_checks_total|counter|domain,answer
delivery_attempts_total|counter|domain
delivery_attempts_failed_total|counter|domain,phase
delivery_recipients_delivered_total|counter|domain
delivery_recipients_deferred_total|counter|domain,status
delivery_recipients_bounced_total|counter|domain,status
delivery_recipients_expired_total|counter|domain
delivery_delivered_bytes_total|counter|domain
delivery_connections|gauge|
delivery_connections_max|gauge|
delivery_transactions_total|counter|way
delivery_tls_handshakes_total|counter|handshake
delivery_attempt_duration_seconds|histogram|
delivery_delay_seconds|histogram|
dsn_generated_total|counter|action
dsn_suppressed_total|counter|reason
dsn_put_off_total|counter|
probe_success|gauge|domain,primary
probe_duration_seconds|gauge|domain,phase,primary
probe_smtp_status_code|gauge|domain,primary
probe_attempts_total|counter|domain,primary
probe_failures_total|counter|domain,phase,primary
probe_last_run_timestamp_seconds|gauge|domain,primary
probe_last_success_timestamp_seconds|gauge|domain,primary
probe_tls_earliest_cert_expiry_timestamp_seconds|gauge|domain,primary
watchdog_state|gauge|domain,state
watchdog_state_change_timestamp_seconds|gauge|domain
watchdog_transitions_total|counter|domain,to
flush_runs_total|counter|domain,trigger
flush_runs_failed_total|counter|domain
flush_in_progress|gauge|domain
flush_remaining_messages|gauge|domain
flush_messages_total|counter|domain
flush_last_duration_seconds|gauge|domain
flush_last_end_timestamp_seconds|gauge|domain
dns_queries_total|counter|
dns_queries_failed_total|counter|reason
dns_query_duration_seconds|histogram|
agentx_connected|gauge|
agentx_modules_taken|gauge|
agentx_requests_total|counter|
agentx_notifications_waiting|gauge|
agentx_notifications_dropped_total|counter|
agentx_snapshots_dropped_total|counter|
domains_source_domains|gauge|
domains_source_age_seconds|gauge|
domains_source_failing|gauge|
config_last_reload_successful|gauge|
smtpd_certificate_refused|gauge|
web_files_refused|gauge|
config_last_reload_success_timestamp_seconds|gauge|
event_loop_lag_seconds|gauge|
doctor_findings|gauge|check,severity
doctor_last_run_timestamp_seconds|gauge|
domain_info|gauge|domain,primary,priority
primary_availability_ratio|gauge|primary,window
outages_open|gauge|
ledger_unwritable|gauge|
"""
PROCESS = ["process_cpu_seconds_total", "process_open_fds", "process_max_fds",
           "process_virtual_memory_bytes", "process_resident_memory_bytes",
           "process_start_time_seconds"]
STATES = {"unknown", "up", "suspect", "down", "recovering", "disabled"}
VALUES = {
    ("queue_messages", "state"): {"deferred", "active", "held"},
    ("watchdog_state", "state"): STATES,
    ("watchdog_transitions_total", "to"): STATES,
    ("flush_runs_total", "trigger"): {"recovery", "manual", "timer", "etrn"},
    ("delivery_attempts_failed_total", "phase"): {
        "resolve", "connect", "greeting", "ehlo", "starttls", "mail", "rcpt", "data", "eod"},
    ("probe_failures_total", "phase"): {
        "resolve", "connect", "greeting", "ehlo", "starttls", "mail", "rcpt", "quit"},
    ("spool_errors_total", "op"): {"open", "write", "fsync", "rename", "read", "unlink"},
    ("dsn_generated_total", "action"): {"failed", "delayed", "relayed"},
    ("dsn_suppressed_total", "reason"): {"null_sender", "rate", "policy"},
    ("dns_queries_failed_total", "reason"): {"timeout", "servfail", "nxdomain", "bogus", "other"},
    ("smtpd_connections_rejected_total", "reason"): {
        "limit", "per_client_limit", "rate", "spool", "policy", "tls", "other"},
}


@pytest.fixture(scope="module")
def fresh(module_stack):
    """A daemon that nobody has talked to yet, and its first exposition."""
    d = module_stack.mxwatchd({
        "a.test": 'primary = {"127.0.0.1:9", "[127.0.0.2]:9"}\nprobe { interval = "1h" }',
        "xn--bcher-kva.test": 'primary = {"127.0.0.1:9"}\nlifetime = "5d"'})
    return d, d.http("/metrics")


def test_content_type_and_promtool(fresh):
    _, (code, headers, text) = fresh
    assert code == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    r = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert r.returncode == 0 and r.stdout.strip() == "", r.stdout


def test_every_family_is_there_from_the_start(fresh):
    _, (_, _, text) = fresh
    m = Metrics(text)
    for line in FAMILIES.split():
        name, kind, labels = line.split("|")
        full = "mxwatch_" + name
        assert m.types.get(full) == kind, "%s: %s" % (full, m.types.get(full))
        assert m.helps.get(full), "no help: " + full
        series = m.series.get(full + ("_bucket" if kind == "histogram" else ""))
        assert series, "no series: " + full
        want = set(filter(None, labels.split(",")))
        if kind == "histogram":
            want.add("le")
            assert full + "_count" in m.series
        for s in series:
            assert {k for k, _ in s} == want, "%s has %s" % (full, s)
        if kind == "counter" and not name.startswith(("probe_", "watchdog_", "dns_")):
            assert all(v == 0 for v in series.values()), full
    for name in PROCESS:
        assert m.get(name) > 0
    assert len(m.match("build_info")) == 1 and m.sum("build_info") == 1
    labels = dict(next(iter(m.match("build_info"))))
    assert {"version", "revision", "compiler"} <= set(labels) and labels["version"]
    for (name, label), want in VALUES.items():
        for domain in ("a.test", None):
            got = {dict(k)[label] for k in m.match(name)}
            assert got == want, "%s{%s}" % (name, label)
    # of a cluster there is nothing without one
    assert not [n for n in m.types if n.startswith("mxwatch_cluster_")]
    codes = {dict(k)["code"] for k in m.match("smtpd_recipients_rejected_total")}
    assert {"450", "451", "452", "550", "552", "554"} <= codes


def test_every_domain_has_the_same_series(fresh):
    _, (_, _, text) = fresh
    m = Metrics(text)

    def of(domain):
        return {(n, tuple(x for x in k if x[0] not in ("domain", "primary")))
                for n, s in m.series.items() for k in s
                if ("domain", domain) in k and n != "mxwatch_domain_info"}
    assert of("a.test") == of("xn--bcher-kva.test") and of("a.test")


def test_empty_queue(fresh):
    _, (_, _, text) = fresh
    m = Metrics(text)
    for domain, life in (("a.test", 30 * 86400), ("xn--bcher-kva.test", 5 * 86400)):
        assert m.get("queue_next_expiry_timestamp_seconds", domain=domain) == math.inf
        assert m.get("queue_oldest_message_age_seconds", domain=domain) == 0
        assert m.get("queue_lifetime_seconds", domain=domain) == life
    assert 'mxwatch_queue_next_expiry_timestamp_seconds{domain="a.test"} +Inf' in text
    assert m.get("flush_last_end_timestamp_seconds", domain="a.test") == 0
    assert m.sum("watchdog_state", domain="a.test") == 1


def test_case_I5_nothing_from_the_wire_becomes_a_label(fresh):
    d, _ = fresh
    before = len(d.metrics().text.splitlines())
    for i in range(100):
        with Raw(d.port) as c:
            c.ok("EHLO h%d.evil.test" % i)
            c.ok("MAIL FROM:<u%d@e%d.test>" % (i, i))
            c.cmd("RCPT TO:<u%d@d%d.test>" % (i, i))
    m = d.metrics()
    assert len(m.text.splitlines()) == before
    assert "evil" not in m.text and "d7.test" not in m.text
    assert m.get("smtpd_recipients_rejected_total", code="554", reason="relay_denied") == 100


def test_the_age_histogram_is_a_snapshot(fresh):
    d, _ = fresh
    for i in range(3):
        send(d.port, "h%d" % i)
    m = d.metrics()
    assert m.get("queue_message_age_seconds_count") == 3
    assert d.metrics().get("queue_message_age_seconds_count") == 3
    les = [float(dict(k)["le"]) for k in m.match("queue_message_age_seconds_bucket")]
    assert {60, 300, 900, 3600, 14400, 43200, 86400, 172800, 259200, 432000,
            math.inf} <= set(les)
    assert m.get("queue_message_age_seconds_bucket", le="60.0" if re.search(
        r'age_seconds_bucket\{le="60\.0"', m.text) else "60") == 3
    assert m.get("spool_commit_duration_seconds_count") >= 1
    assert m.get("smtpd_message_size_bytes_count") == 3


def test_health_and_readiness(fresh):
    d, _ = fresh
    for path in ("/-/healthy", "/-/ready", "/healthz", "/readyz", "/"):
        code, headers, text = d.http(path)
        assert code == 200 and text, path
    assert d.http("/-/healthy", method="HEAD")[0] == 200
    assert d.http("/-/nothing")[0] == 404


def test_status_document(fresh):
    d, _ = fresh
    code, headers, text = d.http("/api/v1/status")
    assert code == 200 and headers["Content-Type"].startswith("application/json")
    s = json.loads(text)
    assert s["hostname"] == "mx2.backup.test" and s["ready"] is True
    assert s["spool"]["state"] == "ok" and s["spool"]["accepting"] is True
    assert [x["domain"] for x in s["domains"]] == ["a.test", "xn--bcher-kva.test"]
    a = s["domains"][0]
    assert a["state"] in STATES and len(a["primaries"]) == 2
    assert {"queue", "flush", "primaries", "state_since", "cause"} <= set(a)
    assert abs(s["time"] - time.time()) < 5


@pytest.mark.parametrize("name,request_bytes,want", [
    ("POST", b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", b"405"),
    ("PUT", b"PUT /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", b"40[45]"),
    ("DELETE", b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
    ("dots", b"GET /../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", b"40[04]"),
    ("encoded dots", b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", b"40[04]"),
    ("giant length", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n", b"4\\d\\d"),
    ("bad chunks", b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"4\\d\\d"),
    ("giant header", b"GET / HTTP/1.1\r\nX: " + b"y" * 200000 + b"\r\n\r\n", b"4\\d\\d|^$"),
    ("giant path", b"GET /" + b"y" * 200000 + b" HTTP/1.1\r\n\r\n", b"4\\d\\d|^$"),
    ("noise", bytes(range(256)) * 100 + b"\r\n\r\n", b"4\\d\\d|5\\d\\d|^$"),
])
def test_case_I4_hostile_requests(fresh, name, request_bytes, want):
    d, _ = fresh
    with socket.create_connection(("127.0.0.1", d.web_port), 10) as s:
        got = b""
        try:
            s.sendall(request_bytes)
            s.settimeout(3)
            while b"\r\n" not in got:
                data = s.recv(4096)
                if not data:
                    break
                got += data
        except OSError:
            pass
    line = got.split(b"\r\n")[0]
    assert re.search(want, line), line
    assert b"root:" not in got
    assert d.http("/-/healthy")[0] == 200


def test_case_I4_slowloris(stack):
    """Silent clients hold no more than their share, are cut, and others are
    served again."""
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'},
                       web='max_connections = 16 timeout = "1s"')
    held = []
    for _ in range(40):
        s = socket.create_connection(("127.0.0.1", d.web_port), 5)
        try:
            s.sendall(b"GET /metrics HTTP/1.1\r\n")
        except OSError:
            pass
        held.append(s)
    begin = time.monotonic()
    send(d.port, "mail is not disturbed")
    assert time.monotonic() - begin < STALL
    wait_for(lambda: d.http("/metrics", timeout=2)[0] == 200, 15, "served again")
    for s in held:
        s.close()


def test_two_scrapes_at_once_and_the_cost(fresh):
    import threading
    d, _ = fresh
    took, errors = [], []

    def scrape():
        for _ in range(20):
            begin = time.monotonic()
            code, _, text = d.http("/metrics")
            took.append(time.monotonic() - begin)
            if code != 200 or "build_info" not in text:
                errors.append(code)
    threads = [threading.Thread(target=scrape) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and max(took) < 2


def test_a_locale_does_not_change_numbers(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False,
                       env={"LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"})
    d.start()
    assert not re.search(r" \d+,\d+$", d.metrics().text, re.M)


OBJECTS = ("domain", "primary", "receiver", "list")


def objects(d):
    """Which values each label has that names an object, over all families."""
    out = {key: set() for key in OBJECTS}
    for family in d.metrics().series.values():
        for labels in family:
            for key, value in labels:
                if key in out:
                    out[key].add(value)
    return out


@pytest.mark.beside
def test_series_of_what_is_gone_are_gone(stack):
    """A domain, a primary that left the DNS, one whose probe is switched off, a
    receiver, a heartbeat, a list: an alert rule about them would never end."""
    port = free_port(("127.0.0.2", "127.0.0.3"))
    hosts = "p IN A 127.0.0.2\no IN A 127.0.0.3\n"
    dns = stack.dns({"a.test": "@ IN MX 10 p\n@ IN MX 20 o\n" + hosts,
                     "bl.test": "2.0.0.127 IN A 127.0.0.2\n"})
    for host in ("127.0.0.2", "127.0.0.3"):
        stack.fakemx(host=host, port=port)
    dead = free_port()
    domains = {"a.test": "probe { port = %d }" % port,
               "b.test": 'primary = {"127.0.0.4:9"}',
               "c.test": 'primary = {"127.0.0.5:9"}'}
    told = ('receiver "old" { type = "webhook" url = "http://127.0.0.1:%d/" }\n'
            'heartbeat "beat" { url = "http://127.0.0.1:%d/" }\n' % (dead, dead))
    options = 'resolver = {"127.0.0.1@%d"}\nresolver_timeout = "1s"\n' % dns.port
    d = stack.mxwatchd(domains, options=options + told, smtpd='dnsbl = {"bl.test"}')
    p, o = "p.a.test:%d" % port, "o.a.test:%d" % port
    wait_for(lambda: objects(d) == {
        "domain": {"a.test", "b.test", "c.test"}, "list": {"bl.test"}, "receiver": {"old", "beat"},
        "primary": {p, o, "127.0.0.4:9", "127.0.0.5:9"}}, 15, "all of them are there")
    wait_for(lambda: d.metrics().get("primary_probe_last_run_timestamp_seconds",
                                     primary="127.0.0.5:9") > 0, 15, "c.test was probed")
    domains["c.test"] += " probe { enabled = no }"
    del domains["b.test"]
    d.write(domains=domains, options=options, smtpd="")
    dns.set(a_test="@ IN MX 10 p\n" + hosts)
    assert d.ctl("reload")[0] == 0
    wait_for(lambda: objects(d) == {
        "domain": {"a.test", "c.test"}, "list": set(), "receiver": set(),
        "primary": {p, "127.0.0.5:9"}}, 30, "those that are gone")
    m = d.metrics()
    seen = [name for name in m.series
            if m.match(name.replace("mxwatch_", ""), domain="c.test", primary="127.0.0.5:9")]
    assert seen == ["mxwatch_domain_info"]
    off = [name for name in m.series if name.startswith(("mxwatch_primary_probe", "mxwatch_primary_tls"))
           and m.match(name.replace("mxwatch_", ""), primary="127.0.0.5:9")]
    assert off == []
    assert m.state("c.test") == "disabled"
    assert m.get("primary_domains", primary="127.0.0.5:9") == 1
