# SPDX-License-Identifier: ISC
"""A real SNMP master agent on a private socket, a receiver of traps, and what
net-snmp's tools say."""
import os
import re
import signal
import subprocess

from .net import Workdir, end_process, free_port
from .wait import wait_for

ROOT = ".1.3.6.1.4.1.8072.9999.9999.27828"
APPL = ".1.3.6.1.2.1.27.1.1"
MTA = ".1.3.6.1.2.1.28.1.1"
GROUP = ".1.3.6.1.2.1.28.2.1"
SYSTEM, DOMAIN = ROOT + ".1.1", ROOT + ".1.2.1"
BOUNCE, PRIMARY, LINK = ROOT + ".1.4.1", ROOT + ".1.5.1", ROOT + ".1.6.1"
EVENT = ROOT + ".0"


def key(oid):
    return tuple(int(n) for n in oid.strip(".").split("."))


class Snmpd:
    """snmpd for localhost; `socket` is where its subagents come. What it keeps
    it writes to snmpd.conf in its folder, so that ours has another name."""

    def __init__(self, traps=None, without="-smux,mta_sendmail"):
        self.work = Workdir("snmpd")
        self.without = without        # its own modules; that for Sendmail has MTA-MIB, too
        self.port = free_port()
        self.socket = "unix:" + os.path.join(self.work.path, "master")
        self.conf = os.path.join(self.work.path, "conf")
        self.env = dict(os.environ, MIBS="", SNMP_PERSISTENT_DIR=self.work.path,
                        SNMPCONFPATH=self.work.path)
        self.proc = None
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write("rocommunity public 127.0.0.1\nmaster agentx\n"
                    "agentXSocket %s\nagentXPerms 0777 0755\n"
                    "agentaddress udp:127.0.0.1:%d\n" % (self.socket, self.port))
            if traps is not None:
                f.write("trap2sink 127.0.0.1:%d public\n" % traps)

    def start(self):
        self.proc = subprocess.Popen(
            ["snmpd", "-f", "-C", "-c", self.conf, "-I", self.without,
             "-Lf", os.path.join(self.work.path, "log")], env=self.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.get(".1.3.6.1.2.1.1.3.0"), 15, "snmpd answers")
        return self

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def freeze(self):
        self.proc.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.proc.send_signal(signal.SIGCONT)

    def close(self):
        if self.proc is not None and self.proc.poll() is None:
            self.thaw()
            end_process(self.proc)
        self.work.remove()

    def tool(self, name, *args, timeout=60):
        return subprocess.run(
            [name, "-v2c", "-c", "public", "-t", "2", "-r", "1", "-Onqe",
             "127.0.0.1:%d" % self.port, *args],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout)

    def walk(self, root=ROOT, tool="snmpwalk"):
        """[(oid, value)] below root in the order of the walk, which has to
        ascend: the tool itself complains when it does not."""
        r = self.tool(tool, root)
        assert r.returncode == 0, r.stdout
        out = []
        for line in r.stdout.splitlines():
            got = re.match(r"(\.[\d.]+) ?(.*)$", line)
            if got and "No Such" not in got.group(2) and "No more" not in got.group(2):
                out.append((got.group(1), got.group(2).strip().strip('"')))
        keys = [key(oid) for oid, _ in out]
        assert keys == sorted(set(keys)), "the walk does not ascend"
        return out

    def get(self, oid):
        """The value as text, None when there is none."""
        r = self.tool("snmpget", oid)
        if r.returncode != 0 or "No Such" in r.stdout:
            return None
        return r.stdout.strip().split(" ", 1)[1].strip('"')

    def number(self, oid):
        got = self.get(oid)
        assert got is not None, "nothing at " + oid
        return int(got)


class Traps:
    """snmptrapd, and what it has received."""

    def __init__(self):
        self.work = Workdir("traps")
        self.port = free_port()
        self.log_path = os.path.join(self.work.path, "log")
        conf = os.path.join(self.work.path, "conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("disableAuthorization yes\nsnmpTrapdAddr udp:127.0.0.1:%d\n" % self.port)
        env = dict(os.environ, MIBS="", SNMP_PERSISTENT_DIR=self.work.path,
                   SNMPCONFPATH=self.work.path)
        self.proc = subprocess.Popen(
            ["snmptrapd", "-f", "-C", "-c", conf, "-On", "-Lf", self.log_path], env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: "NET-SNMP version" in self.log(), 15, "snmptrapd runs")

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def of(self, event):
        """The lines of varbinds of the traps with that arc."""
        return [line for line in self.log().splitlines()
                if "OID: %s.%d\t" % (EVENT, event) in line + "\t"]

    def wait(self, event, text="", deadline=15):
        return wait_for(lambda: [t for t in self.of(event) if text in t], deadline,
                        "trap %d %s" % (event, text))

    def close(self):
        end_process(self.proc)
        self.work.remove()
