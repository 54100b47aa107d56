# SPDX-License-Identifier: ISC
"""An Exim as a primary: the one that tests/tools/exim unpacks, or MXWATCH_EXIM
names. It takes mail and keeps it in its queue; the log has the subject of each."""
import functools
import os
import pwd
import re
import shutil
import subprocess

import pytest

from .net import Workdir, certificate, end_process, free_port, wait_port
from .prometheus import TOP

CONF = """\
primary_hostname = exim.test
spool_directory = {dir}/spool
log_file_path = {dir}/log/%s.log
domainlist local_domains = {domains}
acl_smtp_rcpt = rcpt
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
smtp_accept_max = 100
queue_only = true
keep_environment =
{extra}
begin acl
rcpt:
  accept domains = +local_domains
  deny
begin retry
* * F,1h,1s
"""


@functools.lru_cache(None)
def program():
    if "MXWATCH_EXIM" in os.environ:
        return os.environ["MXWATCH_EXIM"]
    r = subprocess.run([os.path.join(TOP, "tests/tools/exim")], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode != 0:
        pytest.skip("no Exim: " + r.stderr.strip())
    return r.stdout.strip()


class Exim:
    """`tls`: STARTTLS with a self-signed certificate; `log`: what more is in the
    log, as log_selector names it."""

    def __init__(self, domains, extra="", tls=False, log=""):
        exim = program()  # and with it its user
        self.work = Workdir("exim")
        self.dir = self.work.path
        self.port = free_port()
        for d in ("spool", "log"):
            os.mkdir(os.path.join(self.dir, d))
            shutil.chown(os.path.join(self.dir, d), pwd.getpwnam("Debian-exim").pw_uid)
        options = ["log_selector = +subject " + log]
        if tls:
            cert, key = certificate(self.dir, "exim.test")
            shutil.chown(key, pwd.getpwnam("Debian-exim").pw_uid)
            options += ["tls_advertise_hosts = *", "tls_certificate = " + cert,
                        "tls_privatekey = " + key]
        else:
            options += ["tls_advertise_hosts ="]
        self.conf = os.path.join(self.dir, "exim.conf")
        with open(self.conf, "w") as f:
            f.write(CONF.format(dir=self.dir, domains=" : ".join(domains),
                                extra="\n".join(options + [extra])))
        self.proc = subprocess.Popen(
            [exim, "-bdf", "-C", self.conf, "-oX", "<; 127.0.0.1.%d" % self.port],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_port(self.port)

    def log(self):
        try:
            with open(os.path.join(self.dir, "log", "main.log"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def messages(self):
        """A line of header each, for subjects()."""
        return [b"Subject: " + t.encode()
                for t in re.findall(r' <= s@.* T="([^"]*)"', self.log())]

    def close(self):
        end_process(self.proc)
        self.work.remove()
