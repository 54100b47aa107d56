# SPDX-License-Identifier: ISC
"""An Exim as a primary, where there is one: MXWATCH_EXIM names the program (its
package and Postfix's exclude each other), or it is in the PATH. It takes mail
and keeps it in its queue; the log has the subject of each."""
import os
import pwd
import re
import shutil
import subprocess

from .net import Workdir, end_process, free_port, wait_port

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


def program():
    return os.environ.get("MXWATCH_EXIM") or shutil.which("exim4") or shutil.which("exim")


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
