# SPDX-License-Identifier: ISC
"""The servers that are measured, each on ports and in a folder of its own."""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import cpu

DOMAIN = "example.org"

MXWATCH = """\
hostname = "mx2.example.net"
spool = "{dir}/spool"
control = "{dir}/control.sock"
user = "root"
log = "{dir}/log"
smtpd {{
    listen = {{"127.0.0.1:{port}"}}
    tls_cert = "{work}/cert.pem"
    tls_key = "{work}/key.pem"
}}
web {{ listen = {{"127.0.0.1:{web}"}} }}
domain "example.org" {{
    primary = {{"[127.0.0.1]:{primary}"}}
    recipients = "{dir}/recipients"
    lifetime = "30d"
    deliver {{ {deliver} }}
    probe {{ interval = "1s" timeout = "1s" fall = 2 rise = 2 hold = "0s" }}
}}
{more}
{config}
"""

MANY = 1000
MORE = """domain "d%04d.example.org" {
    primary = {"mx1.d%04d.example.org", "mx2.d%04d.example.org"}
    probe { interval = "1h" }
}
"""

# The howto for a backup MX; the rest is as it comes, but for paths and ports.
POSTFIX = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log/maillog
maillog_file_prefixes = {dir}
myhostname = mx2.example.net
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
relay_domains = {relay}
relay_recipient_maps = texthash:{dir}/recipients
transport_maps = inline:{{ {transport} }}
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
maximal_queue_lifetime = 30d
message_size_limit = 50000000
smtpd_tls_security_level = may
smtpd_tls_chain_files = {work}/key.pem, {work}/cert.pem
"""


def certificate(work):
    """cert.pem and key.pem: P-256, as cheap as most are today."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                    "/CN=mx2.example.net", "-keyout", work + "/key.pem", "-out",
                    work + "/cert.pem"], check=True, stderr=subprocess.DEVNULL)
    os.chmod(work + "/key.pem", 0o600)


def say(*text):
    print(*text, file=sys.stderr, flush=True)


def wait_for(what, seconds, test, step=0.02):
    end = time.monotonic() + seconds
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > end:
            raise SystemExit("bench: waited %d s for %s" % (seconds, what))
        time.sleep(step)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def greets(port):
    """Whether somebody says 220 there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.settimeout(5)
            return s.recv(200).startswith(b"220")
    except OSError:
        return False


class Sink:
    """smtp-sink: the ceiling for intake, and the primary that comes back."""
    name = "smtp-sink"

    def __init__(self, port=None):
        self.port = port or free_port()
        self.proc = None

    def start(self):
        self.proc = subprocess.Popen(
            ["smtp-sink", "-m", "500", "127.0.0.1:%d" % self.port, "1024"],
            preexec_fn=unprivileged if os.getuid() == 0 else None)
        wait_for("smtp-sink", 10, lambda: greets(self.port))
        return self

    def reset(self):
        pass

    def used(self):
        return cpu.of_process(self.proc.pid)

    def stop(self):
        if self.proc is not None:
            self.proc.kill()
            self.proc.wait()
        self.proc = None


class Lines:
    """How many lines of a growing log hold a word. It is read on from where it
    ended, so that to ask often costs little."""

    def __init__(self, path, word):
        self.path, self.word = path, word.encode()
        self.at = self.seen = 0

    def count(self):
        with open(self.path, "rb") as f:
            f.seek(self.at)
            text = f.read()
        end = text.rfind(b"\n") + 1
        self.at += end
        self.seen += text.count(self.word, 0, end)
        return self.seen


def unprivileged():
    os.setgid(pwd.getpwnam("nobody").pw_gid)
    os.setuid(pwd.getpwnam("nobody").pw_uid)


class Mxwatchd:
    name = "mxwatchd"

    def __init__(self, work, build, config="", folder="mxwatch"):
        self.work, self.build, self.config = work, build, config
        self.port, self.web, self.primary = free_port(), free_port(), free_port()
        self.dir = os.path.join(work, folder)
        self.more = self.deliver = ""
        self.env = {}
        self.sent, self.emptied = self.delivery_lines(), self.flush_lines()
        self.text = None  # another configuration
        self.proc = None

    def delivery_lines(self):
        return Lines(self.dir + "/log", " phase=eod code=250 ")

    def flush_lines(self):
        return Lines(self.dir + "/log", " remaining=0 took=")

    def write(self):
        os.makedirs(self.dir, exist_ok=True)
        with open(os.path.join(self.dir, "recipients"), "w") as f:
            f.write("ada@%s OK\n" % DOMAIN)
        conf = os.path.join(self.dir, "mxwatch.conf")
        with open(conf, "w") as f:
            f.write((self.text or MXWATCH).format(**vars(self)))
        return conf

    def start(self):
        conf = self.write()
        self.proc = subprocess.Popen([os.path.join(self.build, "mxwatchd"), "-f", "-c", conf],
                                     env={**os.environ, **self.env})
        wait_for("mxwatchd", 600, lambda: self.proc.poll() is not None or greets(self.port), 0.005)
        if self.proc.poll() is not None:
            raise SystemExit("bench: mxwatchd ended:\n" + self.log()[-2000:])
        return self

    def takes(self, deliver):
        """Whether this daemon, which may be an old one, has these options."""
        was, self.deliver = self.deliver, deliver
        conf = self.write()
        self.deliver = was
        return subprocess.run([os.path.join(self.build, "mxwatchd"), "-n", "-c", conf],
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def used(self):
        return cpu.of_process(self.proc.pid)

    def log(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as f:
            return f.read()

    def stop(self):
        if self.proc is not None:
            self.proc.send_signal(signal.SIGTERM)
            self.proc.wait()
        self.proc = None

    def reset(self):
        """An empty spool, and the primary known to be down."""
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        self.sent, self.emptied = self.delivery_lines(), self.flush_lines()
        self.start()
        wait_for("the primary to be down", 30, lambda: self.metric(
            'watchdog_state{domain="%s",state="down"}' % DOMAIN) == 1, 0.1)

    def scrape(self, *encoding):
        r = urllib.request.Request("http://127.0.0.1:%d/metrics" % self.web)
        for e in encoding:
            r.add_header("Accept-Encoding", e)
        with urllib.request.urlopen(r, timeout=60) as r:
            return r.read()

    def metrics(self):
        return self.scrape().decode()

    def metric(self, name):
        m = re.search("^mxwatch_" + re.escape(name) + r" (\S+)$", self.metrics(), re.M)
        return float(m.group(1)) if m else None

    def ctl(self, *args):
        return subprocess.run([os.path.join(self.build, "mxwatchctl"), "-s",
                               self.dir + "/control.sock", *args], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def rss(self, what="VmRSS"):
        with open("/proc/%d/status" % self.proc.pid) as f:
            return int(re.search(what + r":\s+(\d+)", f.read()).group(1)) / 1024

    def flush(self):
        self.ctl("flush", "--no-wait", DOMAIN)

    def delivered(self):
        """Messages. From the log, which tells them at once; a scrape tells what was
        a second ago, which is the better part of a flush."""
        return self.sent.count()

    def flushed(self):
        """Flushes that left nothing. Their lines are told for those that the log
        dropped, as it does where they come faster than the disk takes them."""
        return self.emptied.count()


class Postfix:
    name = "Postfix"

    def __init__(self, work, primary=None, domains=(DOMAIN,), folder="postfix"):
        self.work, self.dir = work, os.path.join(work, folder)
        self.port, self.primary = free_port(), primary or free_port()
        self.relay = " ".join(domains)
        self.transport = ", ".join("{ %s = relay:[127.0.0.1]:%d }" % (d, self.primary)
                                   for d in domains)
        for d in ("", "log", "queue", "data"):
            os.mkdir(os.path.join(self.dir, d))
        shutil.chown(self.dir + "/data", "postfix")
        os.chmod(self.dir, 0o755)
        with open(self.dir + "/recipients", "w") as f:
            f.writelines("ada@%s OK\n" % d for d in domains)
        with open(self.dir + "/main.cf", "w") as f:
            f.write(POSTFIX.format(**vars(self)))
        with open("/usr/share/postfix/master.cf.dist") as f:
            master = f.read()
        # its own port, and no chroot, which would want files of /etc
        master = re.sub(r"(?m)^smtp +inet +n +- +y",
                        "127.0.0.1:%d inet n - n" % self.port, master)
        master = re.sub(r"(?m)^(\w+ +(?:unix|inet) +\S+ +\S+ +)y", r"\1n", master)
        master += "\npostlog unix-dgram n - n - 1 postlogd\n"
        with open(self.dir + "/master.cf", "w") as f:
            f.write(master)
        self.sent = Lines(self.dir + "/log/maillog", "status=sent")

    def used(self):
        with open(self.dir + "/queue/pid/master.pid") as f:
            return cpu.of_family(int(f.read()))

    def run(self, *args):
        r = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        if r.returncode != 0:
            raise SystemExit("bench: %s: %s" % (" ".join(args), r.stdout))

    def start(self):
        self.run("postfix", "-c", self.dir, "start")
        wait_for("Postfix", 30, lambda: greets(self.port))
        return self

    def stop(self):
        subprocess.run(["postfix", "-c", self.dir, "stop"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def reset(self):
        self.settle()
        self.run("postsuper", "-c", self.dir, "-d", "ALL")

    def queued(self, *names):
        return sum(len(files) for n in names
                   for _, _, files in os.walk(os.path.join(self.dir, "queue", n)))

    def settle(self):
        """All is deferred: intake is over, nothing is being tried."""
        wait_for("Postfix to defer", 600,
                 lambda: self.queued("incoming", "active", "maildrop") == 0, 0.5)

    def flush(self):
        self.run("postqueue", "-c", self.dir, "-f")

    def delivered(self):
        return self.sent.count()

    def flushed(self):
        return 0  # it does not say; and it drops no line
