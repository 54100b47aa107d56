# SPDX-License-Identifier: ISC
"""What a service manager is told (sd_notify(3)), and how lines go to its journal."""
import os
import re
import signal
import socket

import pytest

from lib.net import Workdir
from lib.smtp import Raw
from lib.wait import wait_for


class Manager:
    """One that listens, and what it was told, in that order."""

    def __init__(self):
        self.work = Workdir("manager")
        self.path = os.path.join(self.work.path, "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.bind(self.path)
        os.chmod(self.path, 0o666)
        self.told = []

    def hear(self):
        try:
            while True:
                self.told += self.sock.recv(4096).decode().split("\n")
        except BlockingIOError:
            return self.told

    def wait(self, what, after=0):
        """Where it is among what was told."""
        def there():
            for i, line in enumerate(self.hear()):
                if i >= after and line.startswith(what):
                    return i + 1
            return 0
        return wait_for(there, 20, "%s of %s" % (what, self.told)) - 1

    def close(self):
        self.sock.close()
        self.work.remove()


@pytest.fixture
def manager(stack):
    return stack.add(Manager(), lambda m: m.close())


def managed(stack, manager, **env):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False)
    d.env.update(NOTIFY_SOCKET=manager.path, **env)
    return d


def test_it_is_told_when_we_serve_reload_and_end(stack, manager):
    d = managed(stack, manager)
    d.write()
    d.spawn()
    ready = manager.wait("READY=1")
    with Raw(d.port) as c:  # and that is so
        c.ok("EHLO client.test")
    assert d.ctl_run("reload").returncode == 0
    again = manager.wait("RELOADING=1", ready + 1)
    assert manager.told[again + 1].startswith("MONOTONIC_USEC=")
    again = manager.wait("READY=1", again)
    d.write(options="nonsense = 1")
    assert d.ctl_run("reload").returncode == 2
    again = manager.wait("READY=1", manager.wait("RELOADING=1", again))
    d.write(options="")
    d.proc.send_signal(signal.SIGHUP)
    again = manager.wait("READY=1", manager.wait("RELOADING=1", again))
    d.stop()
    end = manager.wait("STOPPING=1", again)
    manager.wait("EXTEND_TIMEOUT_USEC=", end)
    assert "READY=1" not in manager.told[end:]
    assert not any("WATCHDOG" in line for line in manager.told)


def test_it_hears_that_we_live(stack, manager):
    d = managed(stack, manager, WATCHDOG_USEC="400000")
    d.start()
    at = 0
    for _ in range(4):
        at = manager.wait("WATCHDOG=1", at) + 1
    d.stop()


def test_a_start_that_fails_is_not_ready(stack, manager):
    d = managed(stack, manager)
    d.write(smtpd='tls_cert = "/nonexistent.pem" tls_key = "/nonexistent.pem"')
    assert d.run("-f", "-c", d.conf).returncode != 0
    assert manager.hear() == []


def test_lines_in_the_journal(stack, manager):
    """With their priority and without a time, which it has itself; where standard error is
    another file than it says, they are as ever."""
    path = os.path.join(manager.work.path, "journal")
    for ours in (True, False):
        d = managed(stack, manager)
        with open(path, "wb") as f:
            st = os.fstat(f.fileno())
            d.env["JOURNAL_STREAM"] = "%d:%d" % (st.st_dev, st.st_ino + (not ours))
            d.write()
            d.spawn(stderr=f.fileno())
            d.wait_ready()
            d.stop()
        with open(path) as f:
            lines = f.read().splitlines()
        assert any("daemon started=1" in line for line in lines), lines
        form = r"<[3-7]>(error|warn|notice|info) \w+ " if ours else r"\d{4}-\d\d-\d\dT\S+ \w+ "
        assert not [line for line in lines if not re.match(form, line)]
        if ours:
            assert [line for line in lines if line.startswith("<5>notice daemon started=1")]
