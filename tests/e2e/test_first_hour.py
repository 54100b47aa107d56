# SPDX-License-Identifier: ISC
"""The first hour of somebody who has a fresh Debian, our packages and README.md."""
import glob
import os
import re
import subprocess

import pytest

from lib.debian import TOP, Debian, suite_here
from lib.net import Neighbour, Workdir, end_process, wait_port
from lib.smtp import send
from lib.wait import wait_for

OURS, PRIMARY = "192.0.2.27", "192.0.2.26"
# README leaves it to the default, half a minute.
FASTER = """
defaults { probe { interval = "2s" timeout = "2s" fall = 2 rise = 2 hold = "0s" } }
"""
ZONES = {"example.org": "@ IN MX 10 mx1\n@ IN MX 20 mx2.example.net.\nmx1 IN A " + PRIMARY,
         "example.com": "@ IN MX 10 mx1.example.org.\n@ IN MX 20 mx2.example.net.",
         "example.net": "mx2 IN A " + OURS}

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="not root")


def readme(begins):
    """The block of README.md that begins so, without its margin."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        blocks = re.findall(r"(?:^(?:    .*)?\n)+", f.read(), re.M)
    found = [b for b in blocks if b.strip().startswith(begins)]
    assert len(found) == 1, begins
    return re.sub("^    ", "", found[0].strip("\n") + "\n", flags=re.M)


@pytest.fixture
def debian(stack):
    """A fresh one, that asks the name server of the test."""
    d = stack.add(Debian(os.environ.get("SUITE") or suite_here()), lambda d: d.close())
    if d.why:
        pytest.skip(d.why)
    d.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    return d


class Primary:
    """mx1.example.org, a host of its own, so that both have port 25."""

    def __init__(self, host):
        self.host, self.proc, self.starts = host, None, 0
        self.work = Workdir("primary")

    def start(self):
        self.starts += 1  # the messages of each in a folder of its own
        self.proc = subprocess.Popen(
            self.host.inside(os.path.join(TOP, "tests", "tools", "fakemx"), "--listen",
                             PRIMARY + ":25", "--name", "mx1.example.org", "--store",
                             os.path.join(self.work.path, str(self.starts)),
                             "--log", os.path.join(self.work.path, "log")))
        wait_port(25, PRIMARY)

    def stop(self):
        if self.proc:
            end_process(self.proc)
        self.proc = None

    def subjects(self):
        """Of the messages that it took."""
        found = []
        for path in glob.glob(os.path.join(self.work.path, "*", "*.eml")):
            with open(path, encoding="utf-8") as f:
                found.append(re.search(r"^Subject: (.*)$", f.read(), re.M).group(1))
        return sorted(found)

    def close(self):
        self.stop()
        self.work.remove()
        self.host.close()


@pytest.fixture
def primary(stack):
    host = Neighbour(OURS, PRIMARY)
    p = stack.add(Primary(host), lambda p: p.close())
    if host.why:
        pytest.skip("no network namespace: " + host.why)
    p.start()
    return p


def configured(debian):
    debian.write("/etc/mxwatch/mxwatch.conf", readme("hostname =") + FASTER)
    debian.write("/etc/mxwatch/example.org.recipients", readme("ada@example.org"))


def state(debian):
    rc, out = debian.run("mxwatchctl", "status")
    found = re.search(r"^example\.org +(\S+) +\S+ +(\d+)", out, re.M)
    assert rc in (0, 1) and found, out
    return found.group(1), int(found.group(2))


def wait_state(debian, *want):
    try:
        wait_for(lambda: state(debian) == want, 30, "%s %d" % want)
    except AssertionError:
        print(debian.run("mxwatchctl", "status")[1], debian.read("/root/log"))
        raise


def mail(n):
    assert send(25, subject="mail %d" % n, rcpts=("ada@example.org",))


PLACES = {
    "mxwatch": ["/etc/apparmor.d/usr.sbin.mxwatchd", "/etc/logrotate.d/mxwatch",
                "/etc/mxwatch/mxwatch.conf.sample", "/lib/systemd/system/mxwatchd.service",
                "/usr/share/doc/mxwatch/README.Debian", "/usr/share/man/man5/mxwatchd.conf.5.gz",
                "/usr/share/mxwatch/grafana/mxwatch.json",
                "/usr/share/mxwatch/prometheus/mxwatch-alerts.yml",
                "/usr/share/mxwatch/prometheus/mxwatch-recording.yml"],
    "mxwatch-daemon": ["/usr/bin/mxwatchctl", "/usr/sbin/mxwatchd", "/usr/sbin/mxwatch-salvage"],
    "mxwatch-snmp": ["/usr/libexec/mxwatch/mxwatch-agentx",
                     "/usr/share/snmp/mibs/MXWATCH-MIB.txt"],
    "monitoring-plugins-mxwatch": ["/usr/lib/nagios/plugins/check_mxwatch",
                                   "/usr/share/mxwatch/nagios/services.cfg"],
}


def test_everything_is_in_its_place(debian):
    debian.install(*PLACES)
    for package, paths in PLACES.items():
        for path in paths:
            assert debian.exists(path), path
            assert debian.ok("dpkg", "-S", "*" + path).startswith(package + ":"), path
    assert debian.ok("stat", "-c", "%U %G %a", "/var/spool/mxwatch") == "mxwatch mxwatch 700\n"
    debian.apt("purge", *PLACES)
    for path in sum(PLACES.values(), ["/etc/mxwatch", "/var/spool/mxwatch"]):
        assert not debian.exists(path), path


def test_first_hour(stack, debian, primary):
    stack.dns(ZONES, port=53)
    out = debian.install("mxwatch", "mxwatch-daemon")
    assert "there is no /etc/mxwatch/mxwatch.conf yet" in out, out
    assert "example" in debian.read("/etc/mxwatch/mxwatch.conf.sample")
    # what README says, to the letter, is a configuration
    configured(debian)
    out = debian.ok("mxwatchd", "-n")
    assert "configuration OK" in out
    daemon = debian.start_daemon()
    wait_state(debian, "up", 0)
    mail(1)
    wait_for(lambda: primary.subjects() == ["mail 1"], 20)
    primary.stop()
    wait_state(debian, "down", 0)
    mail(2)
    mail(3)
    wait_state(debian, "down", 2)
    primary.start()
    wait_for(lambda: primary.subjects() == ["mail 1", "mail 2", "mail 3"], 30)
    wait_state(debian, "up", 0)
    debian.stop_daemon(daemon)
    out = debian.apt("remove", "mxwatch", "mxwatch-daemon")
    assert not debian.exists("/usr/sbin/mxwatchd")
    assert debian.exists("/etc/mxwatch/mxwatch.conf")
    assert debian.exists("/var/spool/mxwatch/db/data.mdb")
    # nothing was queued: nothing is kept but what is the operator's own
    out = debian.apt("purge", "mxwatch", "mxwatch-daemon")
    assert not debian.exists("/var/spool/mxwatch"), out
    assert os.listdir(debian.path("/etc/mxwatch")) == ["example.org.recipients"], out
    assert not debian.exists("/etc/apparmor.d/usr.sbin.mxwatchd")


# A systemd that does what the scripts of a package ask for and writes it down.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/root/systemctl.log
case $* in
*is-enabled*) echo enabled ;;
*"stop mxwatchd.service"*)
	read -r pid </root/pid && kill "$pid"
	while [ -e "/proc/$pid/exe" ]; do sleep 0.1; done
	;;
esac
"""


def managed(debian):
    """systemd runs, as far as the scripts can see."""
    os.makedirs(debian.path("/run/systemd/system"))
    debian.write("/usr/bin/systemctl", SYSTEMCTL, 0o755)


def asked(debian, what):
    """Whether the scripts of the last packages asked for it."""
    path = "/root/systemctl.log"
    log = debian.read(path) if debian.exists(path) else ""
    debian.write(path, "")
    return "%s mxwatchd.service" % what in log


def test_upgrade_with_mail_queued(stack, debian, primary):
    stack.dns(ZONES, port=53)
    debian.install("mxwatch", "mxwatch-daemon")
    configured(debian)
    managed(debian)
    primary.stop()
    daemon = debian.start_daemon()
    mail(1)
    mail(2)
    wait_state(debian, "down", 2)
    # one that refuses the configuration does not get to run
    refuses = "#!/bin/sh\necho mxwatch.conf:7: error: no more >&2\nexit 2\n"
    out = debian.apt("install", *debian.newer("2", {"/usr/sbin/mxwatchd": refuses}))
    assert "mxwatch.conf:7: error: no more" in out and "not restarted" in out, out
    assert not asked(debian, "restart")
    mail(3)
    wait_state(debian, "down", 3)
    # one that takes it does, and has the mail
    out = debian.apt("install", *debian.newer("3"))
    assert "not restarted" not in out, out
    assert asked(debian, "restart")
    debian.stop_daemon(daemon)
    daemon = debian.start_daemon()
    wait_state(debian, "down", 3)
    # another build of the programs in their place, where it was made (tests/long)
    programs = "mxwatch-daemon"
    if debian.has("mxwatch-cluster"):
        programs = "mxwatch-cluster"
        out = debian.apt("install", *debian.newer("3", names=[programs]))
        assert debian.run("dpkg", "-s", "mxwatch-daemon")[0] != 0, out
        assert "has no cluster { engine" in debian.run("mxwatchctl", "cluster", "init")[1]
        assert asked(debian, "restart")
    # remove keeps what is the operator's, and purge what is the senders'
    out = debian.apt("remove", "mxwatch", programs)
    assert asked(debian, "stop")
    assert daemon.wait(20) == 0
    out = debian.apt("purge", "mxwatch")
    assert "kept: /var/spool/mxwatch, for mail is queued in it" in out, out
    assert debian.exists("/etc/mxwatch/mxwatch.conf")
    # and who installs it again goes on
    debian.install("mxwatch", "mxwatch-daemon")
    debian.start_daemon()
    wait_state(debian, "down", 3)
    primary.start()
    wait_for(lambda: primary.subjects() == ["mail 1", "mail 2", "mail 3"], 30)
