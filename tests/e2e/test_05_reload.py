# SPDX-License-Identifier: ISC
"""Reload: what is new works, what was queued is kept, what is wrong is named
and changes nothing. K1-K4."""
import os
import re
import subprocess
import time

import pytest

from lib.mxwatchd import ASAN, PLAIN
from lib.smtp import Flood, Raw, send, subjects
from lib.wait import stays, wait_for


def rcpt(d, addr):
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        return c.cmd("RCPT TO:<%s>" % addr)


def test_case_K2_domain_added_and_removed_with_mail_queued(stack):
    mx = stack.fakemx(misbehave=["mail-451"])
    a = 'primary = {"127.0.0.1:%d"}' % mx.port
    host = stack.address("192.0.2.11")
    dns = stack.dns({"b.test": "@ IN MX 10 mx\nmx IN A " + host})
    late = stack.fakemx(host=host, port=25, start=False)
    d = stack.mxwatchd({"a.test": a},
                       options='resolver = {"127.0.0.1@%d"}' % dns.port)
    assert rcpt(d, "u@b.test").startswith("554 5.7.1")
    rc, out = d.reload(domains={"a.test": a, "b.test": a})
    assert rc == 0, out
    d.wait_state("b.test", "up")
    send(d.port, "for b", rcpts=["u@b.test"])
    send(d.port, "for a")
    wait_for(lambda: d.metrics().get("queue_messages", domain="b.test", state="deferred") == 1)
    rc, out = d.reload(domains={"a.test": a})
    assert rc == 0, out
    assert re.match("55[04] 5.7.1", rcpt(d, "u@b.test"))
    m = d.metrics()
    assert m.queued("b.test") == 1, "still there, still counted"
    assert m.queued("a.test") == 1
    late.start()
    n = mx.connections
    d.ctl_run("flush", "b.test")
    assert mx.connections > n and not late.messages, "by the settings it had"
    assert d.ctl("forget", "b.test")[0] == 0
    d.ctl_run("flush", "b.test")
    wait_for(lambda: late.messages, 15, "delivered through its MX")
    assert late.messages[0].to == ["u@b.test"]
    d.wait_empty("b.test")


def test_case_K1_broken_file_changes_nothing_and_names_the_lines(stack):
    mx = stack.fakemx()
    a = 'primary = {"127.0.0.1:%d"}' % mx.port
    d = stack.mxwatchd({"a.test": a})
    d.wait_state("a.test", "up")
    good = d.render()
    lines = good.splitlines()
    bad = d.file("mxwatch.conf", "\n".join(lines + [
        'domain "c.test" { lifetime = "soon" }', "nonsense = 7", 'domain "a.test" { }']) + "\n")
    n = len(lines)
    rc, out = d.ctl("reload")
    assert rc == 2, out
    for i, word in ((1, "soon"), (2, "nonsense"), (3, "a.test")):
        assert re.search(r"%s:%d:? .*%s" % (re.escape(bad), n + i, word), out), out
    found = d.ctl_json("reload", rc=2)
    assert [f["line"] for f in found[:-1] if f["severity"] == "error"] == [n + 1, n + 2, n + 3]
    m = d.metrics()
    assert m.get("config_last_reload_successful") == 0
    send(d.port, "still works")
    wait_for(lambda: mx.messages)
    assert rcpt(d, "u@c.test").startswith("554")

    # The same with SIGHUP: the log says it.
    d.hup()
    d.wait_log(r"file=%s line=%d" % (re.escape(bad), n + 1))
    # ...and with -n, which ends with 2.
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 2 and "%s:%d: error:" % (bad, n + 1) in r.stderr
    d.file("mxwatch.conf", good)
    assert d.run("-n", "-c", d.conf).returncode == 0
    d.hup()
    wait_for(lambda: d.metrics().get("config_last_reload_successful") == 1)


def test_case_K3_values_that_are_refused(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    for wrong in ('lifetime = "30 d"', "lifetime = -1", 'lifetime = "18446744073709551616"',
                  'primary = {"127.0.0.1:%d"}' % d.port, 'primary = {"host:99999"}',
                  'deliver { tls = "danish" }', 'admission = "never"', 'primary = {}x'):
        d.write(domains={"b.test": wrong})
        r = d.run("-n", "-c", d.conf)
        assert r.returncode == 2, "%s: %s" % (wrong, r.stderr)
        assert re.search(r"^%s:\d+: error: \S" % re.escape(d.conf), r.stderr, re.M), r.stderr


def test_case_K3_spellings_of_one_domain(stack):
    d = stack.mxwatchd({"Example.TEST.": 'primary = {"127.0.0.1:9"}',
                        "bücher.test": 'primary = {"127.0.0.1:9"}'})
    assert rcpt(d, "u@example.test").startswith("250")
    assert rcpt(d, "u@EXAMPLE.Test").startswith("250")
    assert rcpt(d, "u@xn--bcher-kva.test").startswith("250")
    send(d.port, "x", rcpts=["u@example.test"])
    assert d.metrics().queued("example.test") == 1
    d.write(domains={"example.test": "", "EXAMPLE.test": ""})
    assert d.run("-n", "-c", d.conf).returncode == 2


def test_recipients_file(stack):
    d = stack.mxwatchd({"a.test": ""}, start=False)
    path = d.file("rcpts", "# who is there\nknown@a.test   OK\nMixed@A.Test x\n"
                           "gone@a.test  REJECT moved away\nother@b.test OK\n"
                           "continued@a.test\n   OK\n")
    section = 'primary = {"127.0.0.1:9"}\nrecipients = "%s"' % path
    d.write(domains={"a.test": section}).start()
    assert rcpt(d, "known@a.test").startswith("250")
    assert rcpt(d, "KNOWN@a.test").startswith("250")
    assert rcpt(d, "mixed@a.test").startswith("250")
    assert rcpt(d, "continued@a.test").startswith("250")
    assert rcpt(d, "unknown@a.test").startswith("550 5.1.1")
    got = rcpt(d, "gone@a.test")
    assert got.startswith("550 5.7.1") and "moved away" in got
    for addr in ("postmaster@a.test", "PoStMaStEr@A.test", "PoStMaStEr"):
        assert rcpt(d, addr).startswith("250"), addr
    assert rcpt(d, "u@b.test").startswith("554 5.7.1")

    # Read again when it changes, without a reload.
    d.file("rcpts", "known@a.test OK\nnew@a.test OK\nmixed@a.test OK\nx@a.test OK\n")
    wait_for(lambda: rcpt(d, "new@a.test").startswith("250"), 10, "the new entry")
    assert rcpt(d, "gone@a.test").startswith("550 5.1.1")
    m = d.metrics()
    assert m.get("smtpd_recipients_rejected_total", code="550", reason="unknown_recipient") >= 3
    assert m.get("smtpd_recipients_rejected_total", code="554", reason="relay_denied") == 1


def test_recipients_file_catch_all(stack):
    d = stack.mxwatchd({"a.test": ""}, start=False)
    path = d.file("rcpts", "@a.test OK\nno@a.test REJECT\n")
    d.write(domains={"a.test": 'primary = {"127.0.0.1:9"}\nrecipients = "%s"' % path}).start()
    assert rcpt(d, "anybody@a.test").startswith("250")
    assert rcpt(d, "no@a.test").startswith("550")


def test_case_K1_100_reloads_without_a_leak(stack):
    mx = stack.fakemx()
    a = 'primary = {"127.0.0.1:%d"}' % mx.port
    # What the sanitizer holds back of freed memory is no growth of ours.
    d = stack.mxwatchd({"a.test": a}, env={"ASAN_OPTIONS": ASAN + ":quarantine_size_mb=8"})
    d.wait_state("a.test", "up")
    with Raw(d.port) as held:
        held.ok("EHLO held.test")
        held.ok("MAIL FROM:<s@sender.test>")
        for i in range(5):
            assert d.reload()[0] == 0
        fds, rss = d.fds(), d.rss()
        f = Flood(d.port, threads=2, tag="r")
        for i in range(100):
            rc, out = d.reload(domains={"a.test": a, "x%d.test" % (i % 3): a})
            assert rc == 0, out
        f.stop()
        assert len(f.acked) > 10 and not f.codes, f.codes
        held.ok("RCPT TO:<u@a.test>")
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0)
    d.wait_empty("a.test")
    wait_for(lambda: d.fds() <= fds + 3, 10, "descriptors are given back")
    assert d.rss() < rss + 32 * 1024 * 1024
    assert d.metrics().get("watchdog_transitions_total", domain="a.test", to="up") == 1
    assert set(subjects(m.data for m in mx.messages)) == f.acked


def test_case_K1_a_storm_of_SIGHUP(stack):
    """Broken and good ones in turn, faster than they can be obeyed."""
    mx = stack.fakemx()
    a = 'primary = {"127.0.0.1:%d"}' % mx.port
    d = stack.mxwatchd({"a.test": a})
    d.wait_state("a.test", "up")
    good, fds = d.render(), d.fds()
    for i in range(300):
        d.file("mxwatch.conf", good + ("nonsense = 1\n" if i % 2 else ""))
        d.hup()
    d.file("mxwatch.conf", good + 'domain "new.test" { %s }\n' % a)
    d.hup()
    wait_for(lambda: rcpt(d, "u@new.test").startswith("250"), 10, "the last one counts")
    assert rcpt(d, "u@a.test").startswith("250")
    wait_for(lambda: d.fds() <= fds + 3, 10, "descriptors are given back")


def test_case_K_very_many_domains(stack):
    """2,000 sections: started, asked and reloaded in no time to speak of."""
    section = 'primary = {"127.0.0.1:9"}\nprobe { enabled = false }'
    d = stack.mxwatchd({"d%d.test" % i: section for i in range(2000)}, build=PLAIN)
    assert rcpt(d, "u@d1999.test").startswith("250")
    assert rcpt(d, "u@d2000.test").startswith("554")
    del d.parts["domains"]["d7.test"]
    assert d.reload(domains=d.parts["domains"])[0] == 0
    assert rcpt(d, "u@d7.test").startswith("554")
    assert d.rss() < 512 * 1024 * 1024


def a_file(d):
    open(d.spool, "w").close()


def open_to_others(d):
    os.mkdir(d.spool)
    os.chmod(d.spool, 0o777)


def somebody_elses(d):
    os.mkdir(d.spool, 0o700)
    os.chown(d.spool, 1, 1)


def read_only(d):
    os.mkdir(d.spool, 0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,mode=0700", "tmpfs", d.spool],
                      stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("cannot mount a tmpfs here")


def nowhere(d):
    d.spool = os.path.join(d.dir, "no", "such", "spool")
    d.write()


@pytest.mark.parametrize("wrong,why", [
    (a_file, "Not a directory"), (open_to_others, r"mode 0777\); chmod 700"),
    (somebody_elses, "belongs to uid 1.*chown"), (read_only, "Read-only file system"),
    (nowhere, "No such file or directory")])
def test_case_K4_a_spool_that_cannot_be_used(stack, wrong, why):
    """Refused at once, with the path, the reason, and 1."""
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    try:
        wrong(d)
        r = d.run("-f", "-c", d.conf, timeout=20)
        assert r.returncode == 1, r.stderr
        assert re.search("^mxwatchd: .*%s.*%s" % (re.escape(d.spool), why), r.stderr, re.M), r.stderr
    finally:
        if os.path.ismount(d.spool):
            subprocess.run(["umount", "-l", d.spool])


def test_what_needs_a_restart_says_so(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'})
    old = d.spool
    d.spool = old + "2"
    rc, out = d.reload(options="")
    d.spool = old
    assert rc == 0 and "spool" in out and "restart" in out, out
    send(d.port, "x")


def test_new_options_are_in_force(stack):
    mx = stack.fakemx(start=False)
    a = 'primary = {"127.0.0.1:%d"}\n' % mx.port
    d = stack.mxwatchd({"a.test": a + 'probe { enabled = false }'})
    assert d.wait_state("a.test", "disabled")
    d.reload(domains={"a.test": a + 'lifetime = "2h"'}, smtpd='message_size = "10K"')
    d.wait_state("a.test", "down")
    m = d.metrics()
    assert m.get("queue_lifetime_seconds", domain="a.test") == 7200
    with Raw(d.port) as c:
        assert "SIZE 10240" in c.ok("EHLO x.test")
    now = m.get("config_last_reload_success_timestamp_seconds")
    assert abs(now - time.time()) < 30


def test_another_primary_gets_the_next_message(stack):
    """Though a session to the old one is open."""
    old, new = stack.fakemx(), stack.fakemx()
    conf = 'primary = {"127.0.0.1:%d"}\ndeliver { idle = "5m" }'
    d = stack.mxwatchd({"a.test": conf % old.port})
    d.wait_state("a.test", "up")
    send(d.port, "before")
    wait_for(lambda: old.messages)
    assert d.metrics().get("delivery_connections") == 1
    rc, out = d.reload(domains={"a.test": conf % new.port})
    assert rc == 0, out
    send(d.port, "after")
    wait_for(lambda: subjects(m.data for m in new.messages) == ["after"], 10)
    assert len(old.messages) == 1


def test_privileges_are_dropped(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, user="nobody", name="drop")
    with open("/proc/%d/status" % d.proc.pid) as f:
        text = f.read()
    assert re.search(r"^Uid:\t65534\t65534\t65534\t65534$", text, re.M)
    assert re.search(r"^Gid:\t65534\t65534\t65534\t65534$", text, re.M)
    send(d.port, "as nobody")
    assert d.metrics().queued("a.test") == 1
    d.restart()
    assert d.metrics().queued("a.test") == 1


@pytest.mark.parametrize("args,code", [
    (["-x"], 2), (["-l"], 2), (["-c", "/nonexistent.conf", "-n"], 2), (["-V"], 0), (["-h"], 0), (["extra"], 2)])
def test_command_line(stack, args, code):
    from lib.mxwatchd import Mxwatchd
    d = stack.add(Mxwatchd({}), lambda x: x.work.remove())
    r = d.run(*args)
    assert r.returncode == code, r.stderr
    if code:
        assert r.stderr
