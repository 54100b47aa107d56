# SPDX-License-Identifier: ISC
"""One mxwatchd with its configuration, spool, ports and log."""
import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request

from . import logfmt
from .metrics import Metrics
from .net import Workdir, free_port, wait_port
from .wait import wait_for

BUILD = os.path.abspath(os.environ.get("MXWATCH_BUILD", "build/san"))
PLAIN = os.path.abspath(os.environ.get("MXWATCH_BUILD_PLAIN", "build/gcc"))
ASAN = "abort_on_error=0:exitcode=99:detect_leaks=1"
REPORT = re.compile(r"(ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|"
                    r"assertion.*failed|MX_ASSERT)", re.I)

# Short times, so that an outage takes a second of a test and not minutes.
FAST = """\
    delay_warning = {}
    probe { interval = "200ms" timeout = "2s" fall = 2 rise = 2 hold = "0s" depth = "ehlo" }
    deliver { connections = 10 idle = "1s" connect = "2s" }
    retry { first = "1s" max = "2s" }
"""


def has_fault():
    with open(os.path.join(BUILD, "config.h"), errors="replace") as f:
        return re.search(r"^#define MX_FAULT\b", f.read(), re.M) is not None


class Mxwatchd:
    """`domains` are sections as text, or {name: text of options}. `options`
    are lines outside sections, `smtpd` and the like what goes into those."""

    def __init__(self, domains, options="", smtpd="", defaults=FAST, queue="", dsn="",
                 web="", build=None, spool=None, env=None, name="d", user="root",
                 reserve="1M", map_size="1G"):
        self.work, self.name = Workdir(name), name
        self.dir = self.work.path
        self.build = build or BUILD
        self.port, self.web_port = free_port(), free_port()
        self.spool = spool or os.path.join(self.dir, "spool")
        self.socket = os.path.join(self.dir, "ctl.sock")
        self.conf = os.path.join(self.dir, "mxwatch.conf")
        self.log_path = os.path.join(self.dir, "log")
        self.parts = dict(domains=domains, options=options, smtpd=smtpd, defaults=defaults,
                          queue=queue, dsn=dsn, web=web, user=user, reserve=reserve,
                          map_size=map_size)
        self.env = dict(env or {})
        self.proc = None
        self.log_from = 0
        if user != "root":  # the daemon makes its socket and spool there
            import pwd
            os.chown(self.dir, pwd.getpwnam(user).pw_uid, -1)

    # ---- configuration

    def render(self):
        p = self.parts
        domains = p["domains"]
        if isinstance(domains, dict):
            domains = "\n".join('domain "%s" {\n%s\n}' % d for d in domains.items())
        options = p["options"]
        if "hostname" not in options:
            options += '\nhostname = "mx2.backup.test"'
        # the machine that the tests run on has a name of its own
        if "instance" not in options:
            options += '\nalerts { instance = "mx2.backup.test" }'
        if "resolver " not in options:
            options += '\nresolver = {"127.0.0.1@9"}\nresolver_timeout = "500ms"'
        if "drain" not in options:
            options += '\ndrain = "5s"'
        web = "" if "listen" in p["web"] else 'listen = {"127.0.0.1:%d"}' % self.web_port
        return """%s
spool = "%s"
control = "%s"
user = "%s"
smtpd {
    listen = {"127.0.0.1:%d"}
    %s
}
queue { reserve = "%s" reserve_inodes = 0 map_size = "%s" %s }
dsn { %s }
web { %s %s }
defaults {
%s
}
%s
""" % (options, self.spool, self.socket, p["user"], self.port, p["smtpd"], p["reserve"],
            p["map_size"], p["queue"], p["dsn"], web, p["web"], p["defaults"], domains)

    def write(self, **parts):
        self.parts.update(parts)
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(self.render())
        return self

    def file(self, name, text, mode=0o644):
        """A file beside the configuration; replaced at once, as editors do."""
        path = os.path.join(self.dir, name)
        with open(path + ".new", "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def secret(self, name, text):
        return self.file(name, text, 0o600)

    # ---- life

    def environment(self):
        env = dict(os.environ, **self.env)
        env.setdefault("ASAN_OPTIONS", ASAN)
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1:exitcode=98")
        return env

    def run(self, *args, timeout=60):
        """mxwatchd with these arguments, to its end."""
        return subprocess.run([os.path.join(self.build, "mxwatchd"), *args],
                              env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, text=True, errors="replace")

    def spawn(self, stderr=None):
        """`stderr`: a descriptor to log to instead of the file."""
        log = open(self.log_path, "ab")
        self.log_from = log.tell()
        self.proc = subprocess.Popen(
            [os.path.join(self.build, "mxwatchd"), "-f", "-c", self.conf],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log if stderr is None else stderr)
        log.close()
        return self

    def start(self, wait="ready"):
        if not os.path.exists(self.conf):
            self.write()
        self.spawn()
        if wait == "ready":
            self.wait_ready()
        elif wait == "port":
            wait_port(self.port)
        return self

    def wait_ready(self, deadline=20):
        """Asked by control until then, for HTTP answers from a snapshot, which else
        is made once a second."""
        def ready():
            assert self.proc.poll() is None, "mxwatchd ended: " + self.log()[-3000:]
            if self.http("/-/ready")[0] == 200:
                return True
            self.refresh()
            return False
        if self.proc.poll() is not None:
            raise RuntimeError("mxwatchd ended: " + self.log()[-3000:])
        wait_for(ready, deadline, "ready")

    def stop(self, deadline=20, code=0):
        """TERM; the exit code has to be 0 and no sanitizer may complain."""
        if self.proc is None:
            return
        proc, self.proc = self.proc, None
        if proc.poll() is None:
            proc.send_signal(signal.SIGTERM)
        try:
            proc.wait(deadline)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()
            raise AssertionError("did not stop in %g s: %s" % (
                deadline, self.log()[-3000:])) from None
        self.check_log()
        assert proc.returncode == code, "exit %s: %s" % (proc.returncode, self.log()[-4000:])

    def check_log(self):
        found = REPORT.search(self.log())
        assert not found, self.log()[max(0, found.start() - 500):][:6000]
        logfmt.check(self.log())

    def kill9(self):
        self.proc.kill()
        self.proc.wait()
        self.proc = None

    def wait_exit(self, deadline=20):
        code = self.proc.wait(deadline)
        self.proc = None
        return code

    def restart(self, **parts):
        self.stop()
        if parts:
            self.write(**parts)
        return self.start()

    def reload(self, **parts):
        """A new configuration through mxwatchctl: (rc, output)."""
        if parts:
            self.write(**parts)
        return self.ctl("reload")

    def hup(self):
        self.proc.send_signal(signal.SIGHUP)

    def close(self):
        try:
            self.stop()
        finally:
            self.work.remove()

    # ---- looking

    def log(self):
        """What was logged since the last start."""
        with open(self.log_path, "rb") as f:
            f.seek(self.log_from)
            return f.read().decode("utf-8", "replace")

    def logged(self, text, deadline=10):
        """The text is in the log, or soon is: a thread of its own writes it."""
        wait_for(lambda: text in self.log(), deadline, "log: " + text)
        return True

    def wait_log(self, pattern, deadline=10):
        return wait_for(lambda: re.search(pattern, self.log()), deadline, "log: " + pattern)

    def http(self, path, method="GET", timeout=10):
        req = urllib.request.Request("http://127.0.0.1:%d%s" % (self.web_port, path),
                                     method=method)
        try:
            with urllib.request.urlopen(req, timeout=timeout) as r:
                return r.status, r.headers, r.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.headers, e.read().decode()

    def schema(self, what):
        """mxwatchctl cluster init or upgrade, which need no daemon."""
        return subprocess.run([os.path.join(self.build, "mxwatchctl"), "-c", self.conf,
                               "cluster", what], env=self.environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, text=True)

    def ctl_run(self, *args, timeout=60, text=True):
        return subprocess.run([os.path.join(self.build, "mxwatchctl"), "-s", self.socket, *args],
                              env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, text=text)

    def ctl(self, *args):
        """(rc, standard output and error) of the verb, as a human sees it."""
        r = self.ctl_run(*args)
        return r.returncode, r.stdout + r.stderr

    def ctl_json(self, *args, rc=0):
        """The answer of a verb with --json: a list of objects, the lines. The
        last one, which mxwatchctl leaves out when it only says "fine", is
        always there."""
        r = self.ctl_run(*args, "--json")
        assert r.returncode == rc, "rc %d: %s%s" % (r.returncode, r.stdout, r.stderr)
        lines = [json.loads(line) for line in r.stdout.splitlines() if line.strip()]
        if not lines or "done" not in lines[-1]:
            lines.append({"done": True, "rc": rc})
        return lines

    def metrics(self, fresh=True):
        """Made from a snapshot of now: asking for the status makes one."""
        if fresh:
            self.ctl_run("status", "--json")
        code, _, text = self.http("/metrics")
        assert code == 200
        return Metrics(text)

    def refresh(self, *domain):
        """A snapshot of now, where control answers; who waits goes on when it does not."""
        try:
            self.ctl_run("status", *domain, "--json", timeout=5)
        except subprocess.TimeoutExpired:
            pass

    def status(self):
        return json.loads(self.http("/api/v1/status")[2])

    def wait_state(self, domain, state, deadline=15):
        """As of now, for asking for the domain makes a snapshot."""
        want = {state} if isinstance(state, str) else set(state)

        def there():
            self.refresh(domain)
            now = self.metrics(False).state(domain)
            assert now in want, now
            return now
        return wait_for(there, deadline, "%s is %s" % (domain, state))

    def wait_empty(self, domain, deadline=20):
        def empty():
            left = self.metrics().queued(domain)
            assert left == 0, "%d left" % left
            return True
        wait_for(empty, deadline, "the queue of %s is empty" % domain, step=0.1)

    def rss(self):
        with open("/proc/%d/status" % self.proc.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.proc.pid))
