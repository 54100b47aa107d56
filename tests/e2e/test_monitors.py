# SPDX-License-Identifier: ISC
"""Nagios and Icinga 2 themselves, unprivileged and for a moment: they take the
definitions of contrib as they are, run check_mxwatch by them and report
what it says."""
import os
import pwd
import re
import shutil
import subprocess

import pytest

from lib.mxwatchd import PLAIN
from lib.net import Workdir, end_process, free_port
from lib.smtp import send
from lib.wait import wait_for

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PLUGIN = os.path.join(PLAIN, "contrib/nagios/check_mxwatch")
STOCK = "/usr/lib/nagios/plugins"

# What the definitions of contrib expect of a site.
NAGIOS_SITE = """
define timeperiod {
    timeperiod_name 24x7
    alias always
%s
}
define contact {
    contact_name nobody
    host_notifications_enabled 0
    service_notifications_enabled 0
    host_notification_period 24x7
    service_notification_period 24x7
    host_notification_commands none
    service_notification_commands none
}
define command {
    command_name none
    command_line /bin/true
}
define host {
    host_name backup-mx
    address 127.0.0.1
    check_command none
    max_check_attempts 1
    check_period 24x7
    notification_period 24x7
    contacts nobody
}
define service {
    name generic-service
    register 0
    check_interval 1
    retry_interval 1
    max_check_attempts 1
    check_period 24x7
    notification_period 24x7
    contacts nobody
}
""" % "\n".join("    %s 00:00-24:00" % d for d in (
    "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"))

NAGIOS_MAIN = """
log_file={dir}/log
object_cache_file={dir}/objects
status_file={dir}/status
command_file={dir}/cmd
check_result_path={dir}/results
temp_file={dir}/tmp
temp_path={dir}
lock_file={dir}/lock
state_retention_file={dir}/retention
resource_file={dir}/resource.cfg
query_socket={dir}/query
cfg_dir={dir}/conf
nagios_user={user}
nagios_group={group}
use_syslog=0
check_external_commands=0
status_update_interval=1
interval_length=1
check_for_updates=0
illegal_macro_output_chars=`~$&|'"<>
"""

ICINGA_SITE = """
include <itl>
include <plugins>
object CheckerComponent "checker" {{}}
object PerfdataWriter "perfdata" {{
    service_perfdata_path = "{dir}/perfdata"
    service_temp_path = "{dir}/perfdata.tmp"
    host_perfdata_path = "{dir}/hosts"
    host_temp_path = "{dir}/hosts.tmp"
    service_format_template = "$service.name$ $service.state$ $service.output$ | $service.perfdata$"
    rotation_interval = 1s
}}
template Service "generic-service" {{
    max_check_attempts = 1
    check_interval = 1s
    retry_interval = 1s
}}
object Host "backup-mx" {{
    check_command = "dummy"
    address = "127.0.0.1"
    vars.mxwatch_host = "127.0.0.1"
    vars.mxwatch_port = {port}
    vars.mxwatch["all"] = {{}}
    vars.mxwatch["queue"] = {{ mxwatch_domains = [ "a.test", "b.test" ] }}
    vars.mxwatch["age"] = {{ mxwatch_warning = "50%", mxwatch_critical = "80%" }}
    vars.mxwatch["expiry"] = {{ mxwatch_warning = "40%:", mxwatch_critical = "20%:" }}
    vars.mxwatch["primary"] = {{ mxwatch_warning = "5m", mxwatch_critical = "20%" }}
}}
"""


@pytest.fixture
def outage(stack):
    """A domain without its primary and with mail that is fresh, of a lifetime that
    is no longer than what is near the end of another, and one more."""
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"} lifetime = "1d"' % free_port(),
                        "b.test": 'primary = {"127.0.0.1:%d"}' % mx.port})
    d.wait_state("a.test", "down")
    d.wait_state("b.test", "up")
    for i in range(3):
        send(d.port, "m%d" % i)
    wait_for(lambda: d.status()["domains"][0]["queue"]["messages"] == 3, 10, "shown")
    return d


class Place:
    """A folder that an unprivileged user owns, with the plugins in it."""

    def __init__(self, name):
        self.work = Workdir(name)
        self.dir = self.work.path
        os.chmod(self.dir, 0o755)
        self.nobody = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.user = self.nobody.pw_name
        self.group = "nogroup" if os.getuid() == 0 else str(self.nobody.pw_gid)
        self.plugins = os.path.join(self.dir, "plugins")
        os.mkdir(self.plugins)
        shutil.copy(PLUGIN, self.plugins)
        for name in ("check_smtp", "check_snmp"):
            if os.path.exists(os.path.join(STOCK, name)):
                shutil.copy(os.path.join(STOCK, name), self.plugins)
        self.proc = None

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def read(self, name):
        try:
            with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def give(self):
        subprocess.run(["chown", "-R", "%d:%d" % (self.nobody.pw_uid, self.nobody.pw_gid),
                        self.dir], check=True)

    def spawn(self, *args):
        with open(os.path.join(self.dir, "out"), "wb") as out:
            self.proc = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                         cwd=self.dir)

    def close(self):
        if self.proc is not None:
            end_process(self.proc)
        self.work.remove()


def contrib(name):
    with open(os.path.join(TOP, "contrib", name), encoding="utf-8") as f:
        return f.read()


@pytest.mark.skipif(shutil.which("nagios4") is None, reason="nagios4-core is not installed")
def test_nagios(stack, outage):
    p = stack.add(Place("nagios"), lambda p: p.close())
    os.mkdir(os.path.join(p.dir, "results"))
    main = p.write("nagios.cfg", NAGIOS_MAIN.format(**vars(p)))
    p.write("resource.cfg", "$USER1$=%s\n" % p.plugins)
    p.write("conf/site.cfg", NAGIOS_SITE)
    p.write("conf/services.cfg", contrib("nagios/services.cfg").replace("example.org", "a.test"))
    # Nothing but the ports is another one.
    commands = contrib("nagios/commands.cfg")
    assert commands.count("-p 10125") == 2 and commands.count("-p 25 ") == 1
    p.write("conf/commands.cfg", commands.replace("-p 10125", "-p %d" % outage.web_port)
            .replace("-p 25 ", "-p %d " % outage.port))
    p.give()
    r = subprocess.run(["nagios4", "-v", main], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=60)
    assert r.returncode == 0 and "Total Warnings: 0" in r.stdout, r.stdout
    assert "Total Errors:   0" in r.stdout
    p.spawn("nagios4", main)

    def results():
        assert p.proc.poll() is None, p.read("out")
        out = {}
        for block in re.findall(r"servicestatus \{(.*?)\n\t\}", p.read("status"), re.S):
            f = dict(re.findall(r"^\t(\w+)=(.*)$", block, re.M))
            if f["has_been_checked"] == "1":
                out[f["service_description"]] = f
        return len(out) == 6 and out
    got = wait_for(results, 60, "all services are checked")
    states = {name: int(f["current_state"]) for name, f in got.items()}
    assert states == {"MX watch": 1, "MX queue age": 0, "MX expiry": 0, "MX primaries": 0,
                      "MX spool": states["MX spool"], "MX intake": 0}, got
    assert got["MX watch"]["plugin_output"].startswith(
        "MXWATCH WARNING - 2 domains, a.test: 3 messages, oldest"), got["MX watch"]
    assert "'a.test_msgs'=3;" in got["MX watch"]["performance_data"]
    assert got["MX intake"]["plugin_output"].startswith("SMTP OK")
    # How full the disk of this machine is is not ours to say.
    assert got["MX spool"]["plugin_output"].startswith("MXWATCH ")
    outage.stop()
    wait_for(lambda: results()["MX watch"]["current_state"] == "2", 30, "its end is CRITICAL")


@pytest.mark.skipif(shutil.which("icinga2") is None, reason="icinga2-bin is not installed")
def test_icinga(stack, outage):
    p = stack.add(Place("icinga"), lambda p: p.close())
    for name in ("data", "cache", "log", "run", "spool"):
        os.mkdir(os.path.join(p.dir, name))
    conf = p.write("icinga2.conf", ICINGA_SITE.format(dir=p.dir, port=outage.web_port) +
                   contrib("icinga2/mxwatch.conf"))
    p.give()
    args = ["icinga2", "daemon", "-c", conf, "-DRunAsUser=" + p.user, "-DRunAsGroup=" + p.group,
            "-DPluginDir=" + p.plugins, "-DNodeName=test", "-DZoneName=test"] + [
                "-D%s=%s/%s" % (k, p.dir, v) for k, v in (
                    ("DataDir", "data"), ("CacheDir", "cache"), ("LogDir", "log"),
                    ("InitRunDir", "run"), ("SpoolDir", "spool"))]
    r = subprocess.run([*args, "-C"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=60, cwd=p.dir)
    assert r.returncode == 0 and "Instantiated 5 Services" in r.stdout, r.stdout
    assert not re.search(r"\b(warning|critical)/", r.stdout), r.stdout
    p.spawn(*args)

    def results():
        assert p.proc.poll() is None, p.read("out")
        text = p.read("perfdata.tmp") + "".join(
            p.read(f) for f in sorted(os.listdir(p.dir)) if re.match(r"perfdata\.\d", f))
        return dict(re.findall(r"^(mxwatch-\w+) (.*)$", text, re.M))
    wait_for(lambda: len(results()) == 5, 60, "all services are checked")
    got = results()
    assert got["mxwatch-all"].startswith(
        "WARNING MXWATCH WARNING - 2 domains, a.test: 3 messages, oldest"), got
    assert got["mxwatch-queue"].startswith("OK MXWATCH OK - 2 domains, worst a.test: 3"), got
    assert got["mxwatch-age"].startswith("OK MXWATCH OK"), got
    assert got["mxwatch-expiry"].startswith("OK MXWATCH OK"), got
    # Icinga's writers log each number that is none: b.test has no mail.
    assert "a.test_expiry" in got["mxwatch-expiry"], got
    assert "b.test_expiry" not in got["mxwatch-expiry"], got
    assert got["mxwatch-primary"].startswith("OK MXWATCH OK"), got
