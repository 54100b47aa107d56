# SPDX-License-Identifier: ISC
"""A reload of many domains and recipients files, and what happens during it."""
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib.smtp import Raw
from lib.wait import STALL, wait_for

N = 400
QUIET = "delay_warning = {}\nprobe { enabled = false }"


def rcpt(d, addr):
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        c.ok("MAIL FROM:<s@sender.test>")
        return c.cmd("RCPT TO:<%s>" % addr)


def section(d, i, more=""):
    path = os.path.join(d.dir, "rcpt.%d" % i)
    if not os.path.exists(path):
        with open(path, "w") as f:
            f.write("u@d%d.test OK\n" % i)
    return 'primary = {"127.0.0.1:9"}\nrecipients = "%s"\n%s' % (path, more)


def many(d, domains, more=""):
    return {"d%d.test" % i: section(d, i, more) for i in domains}


@pytest.fixture(scope="module")
def started(module_stack):
    d = module_stack.mxwatchd({}, defaults=QUIET, start=False)
    return d.write(domains=many(d, range(N))).start()


@pytest.fixture
def d(started):
    """With N domains."""
    yield started
    rc, out = started.reload(domains=many(started, range(N)))
    assert rc == 0, out


def test_ready_says_that_all_files_were_read(d):
    for i in (0, 1, N // 2, N - 1):
        assert rcpt(d, "u@d%d.test" % i).startswith("250"), i
        assert rcpt(d, "x@d%d.test" % i).startswith("550"), i


def test_what_is_no_file_holds_nothing_up(stack):
    d = stack.mxwatchd({}, defaults=QUIET, start=False)
    os.mkfifo(os.path.join(d.dir, "rcpt.0"))
    d.write(domains=many(d, range(3))).start()
    assert rcpt(d, "u@d0.test").startswith("451 4.3.0")
    assert rcpt(d, "u@d1.test").startswith("250")
    rc, out = d.ctl("reload")
    assert rc == 0, out
    assert rcpt(d, "u@d0.test").startswith("451 4.3.0")


def test_the_answer_comes_when_it_is_in_force(d):
    """Domains that are new, others, and gone; their files were read by then."""
    domains = many(d, range(0, N, 2), 'lifetime = "7h"')
    domains.update(many(d, range(N, N + 100)))
    rc, out = d.reload(domains=domains)
    assert rc == 0, out
    for i in (0, N - 2, N, N + 99):
        assert rcpt(d, "u@d%d.test" % i).startswith("250"), i
        assert rcpt(d, "x@d%d.test" % i).startswith("550"), i
    for i in (1, N - 1, N + 100):
        assert rcpt(d, "u@d%d.test" % i).startswith("554"), i
    m = d.metrics()
    assert m.get("queue_lifetime_seconds", domain="d0.test") == 7 * 3600
    assert m.get("event_loop_lag_seconds") < STALL


def test_who_asks_during_a_reload_gets_what_stood_in_the_file_then(d):
    """The one under way may have read the file before: another one follows."""
    asked = []
    for k in range(1, 6):
        d.parts["domains"] = many(d, range(N + k))
        d.file("mxwatch.conf", d.render())  # another one may just be reading it
        asked.append(subprocess.Popen(
            [os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "reload"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        d.hup()
    out = asked[-1].communicate(timeout=60)[0]
    assert asked[-1].returncode == 0, out
    assert rcpt(d, "u@d%d.test" % (N + 4)).startswith("250")
    for p in asked[:-1]:
        out = p.communicate(timeout=60)[0]
        assert p.returncode == 0, out


def test_a_reload_that_fails_leaves_all_as_it_was(d):
    """A port that is taken is found after everything else was ready."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        rc, out = d.reload(domains=many(d, range(10)), web='listen = {"127.0.0.1:%d"}' %
                           s.getsockname()[1])
    d.write(web="")
    assert rc == 2 and "the old configuration stays in force" in out, out
    assert rcpt(d, "u@d%d.test" % (N - 1)).startswith("250")


def test_TERM_during_a_reload(stack):
    d = stack.mxwatchd({}, defaults=QUIET, start=False)
    d.write(domains=many(d, range(N))).start()
    for i in range(3):
        d.write(domains=many(d, range(i + 1, N + i)))
        d.hup()
    for _ in range(20000):  # whoever is impatient does not cut the end short
        if d.proc.poll() is not None:
            break
        d.proc.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    d.stop()


def test_a_session_is_served_during_reloads(d):
    """Each command is answered without delay while all domains change."""
    with Raw(d.port) as c:
        c.ok("EHLO x.test")
        end = threading.Event()

        def reloads():
            for i in range(4):
                rc, out = d.reload(domains=many(d, range(N), 'lifetime = "%dd"' % (i + 7)))
                assert rc == 0, out
            end.set()

        t = threading.Thread(target=reloads)
        t.start()
        n = 0
        while not end.is_set() and n < 90:
            c.ok("NOOP")
            n += 1
            end.wait(0.02)
        t.join()
        assert end.is_set() and n > 3
    wait_for(lambda: d.metrics().get("queue_lifetime_seconds", domain="d7.test") == 10 * 86400)
