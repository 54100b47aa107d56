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

from .net import Workdir, end_process, free_port, wait_port
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
tls_advertise_hosts =
queue_only = true
log_selector = +subject
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
    def __init__(self, domains, extra=""):
        self.work = Workdir("exim")
        self.dir = self.work.path
        self.port = free_port()
        for d in ("spool", "log"):
            os.mkdir(os.path.join(self.dir, d))
            shutil.chown(os.path.join(self.dir, d), pwd.getpwnam("Debian-exim").pw_uid)
        self.conf = os.path.join(self.dir, "exim.conf")
        with open(self.conf, "w") as f:
            f.write(CONF.format(dir=self.dir, domains=" : ".join(domains), extra=extra))
        self.proc = subprocess.Popen(
            [program(), "-bdf", "-C", self.conf, "-oX", "<; 127.0.0.1.%d" % self.port],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_port(self.port)

    def messages(self):
        """A line of header each, for subjects()."""
        try:
            with open(os.path.join(self.dir, "log", "main.log"), "rb") as f:
                return [b"Subject: " + t for t in re.findall(rb' <= s@.* T="([^"]*)"', f.read())]
        except FileNotFoundError:
            return []

    def close(self):
        end_process(self.proc)
        self.work.remove()
