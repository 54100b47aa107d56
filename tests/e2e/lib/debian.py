# SPDX-License-Identifier: ISC
"""A fresh Debian in a folder (tests/tools/debian), in which a test installs our packages
and does what an operator would. Nothing of it stays mounted: each command has a /proc of
its own that ends with it. systemd does not run in there, as in a container."""
import glob
import os
import re
import subprocess

from .net import Workdir, end_process, wait_port

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TOOL = os.path.join(TOP, "tests", "tools", "debian")
PROC = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
ENV = ["env", "-i", "HOME=/root", "TERM=dumb", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
       "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def suite_here():
    return subprocess.run([TOOL, "--suite"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


class Debian:
    def __init__(self, suite):
        self.work = Workdir("debian")
        self.root = self.work.path
        self.procs = []
        r = subprocess.run([TOOL, suite, self.root], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        self.why = None if r.returncode == 0 else r.stdout.strip()

    def path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def exists(self, path):
        return os.path.lexists(self.path(path))

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as f:
            return f.read()

    def write(self, path, text, mode=0o644):
        with open(self.path(path), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(path), mode)

    def argv(self, *argv):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", PROC, self.root,
                *ENV, *argv]

    def run(self, *argv, timeout=120):
        """(status, standard output and error)"""
        r = subprocess.run(self.argv(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=timeout)
        return r.returncode, r.stdout

    def ok(self, *argv, **kw):
        rc, out = self.run(*argv, **kw)
        assert rc == 0, "%s: status %d: %s" % (" ".join(argv), rc, out)
        return out

    # ---- packages

    def has(self, name):
        return bool(glob.glob(self.path("deb/%s_*.deb" % name)))

    def package(self, name):
        found = glob.glob(self.path("deb/%s_*.deb" % name))
        assert len(found) == 1, found
        return "/deb/" + os.path.basename(found[0])

    def apt(self, verb, *packages):
        return self.ok("apt-get", "-y", "--no-install-recommends", verb, *packages)

    def install(self, *names):
        return self.apt("install", *[self.package(n) for n in names])

    def newer(self, revision, scripts=None, names=("mxwatch", "mxwatch-daemon")):
        """The packages as a later version of the same: their files in /deb. `scripts`:
        {path in mxwatch-daemon: text of a program that is to be there instead}."""
        files = []
        for name in names:
            old, folder = self.package(name), "/deb/%s-%s" % (name, revision)
            self.ok("dpkg-deb", "-R", old, folder)
            control = re.sub(r"(?<=-)1\b(?=[\n).])", revision, self.read(folder + "/DEBIAN/control"))
            control = control.replace("-1.1~", "-%s.1~" % revision)
            self.write(folder + "/DEBIAN/control", control)
            for path, text in (scripts or {}).items():
                if self.exists(folder + path):
                    self.write(folder + path, text, 0o755)
            new = "/deb/%s-%s.deb" % (name, revision)
            self.ok("dpkg-deb", "-b", "-Znone", folder, new)
            files.append(new)
        return files

    # ---- the daemon

    def start_daemon(self, log="/root/log"):
        """As the unit does: with the folders that it makes, as its user, and without any
        capability but the one for port 25."""
        for path, mode in (("/run/mxwatch", 0o755), ("/var/log/mxwatch", 0o750)):
            self.ok("install", "-d", "-o", "mxwatch", "-g", "mxwatch", "-m", "%o" % mode, path)
        with open(self.path(log), "ab") as out:
            p = subprocess.Popen(
                self.argv("setpriv", "--reuid=mxwatch", "--regid=mxwatch", "--init-groups",
                          "--inh-caps=-all,+net_bind_service",
                          "--ambient-caps=-all,+net_bind_service",
                          "--bounding-set=-all,+net_bind_service", "--no-new-privs",
                          "mxwatchd", "-f"),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.procs.append(p)
        self.write("/root/pid", "%d\n" % p.pid)
        wait_port(25)
        return p

    def stop_daemon(self, p):
        assert end_process(p, deadline=30) == 0, self.read("/root/log")
        self.procs.remove(p)

    def close(self):
        for p in self.procs:
            end_process(p)
        self.work.remove()
