# SPDX-License-Identifier: ISC
"""A Postfix of our own: a primary, or the MX of a sender's domain. It keeps
what it gets in a Maildir for each recipient, so that bytes can be compared."""
import glob
import os
import pwd
import re
import subprocess

from .net import Workdir, certificate, free_port, is_listening
from .wait import wait_for

MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log/maillog
maillog_file_prefixes = {dir}
myhostname = {name}
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_bind_address = 127.0.0.1
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = {boxes}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
message_size_limit = 104857600
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = {checks}, reject_unauth_destination
local_header_rewrite_clients =
smtpd_client_connection_count_limit = 0
smtpd_peername_lookup = no
enable_long_queue_ids = yes
{extra}
"""

MASTER = """\
{host}:{port} inet n - n - 200 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Primary:
    """`recipients`: the only ones that exist (None: all). `tls`: STARTTLS with
    a self-signed certificate. `access`: {recipient: "450 4.2.0 full"}.
    `services`: {(host, port): {option: value}}, further ports on which it is
    otherwise."""

    def __init__(self, domains=("a.test",), host="127.0.0.1", port=None, name="primary.test",
                 recipients=None, tls=False, access=None, extra="", services=None):
        self.work = Workdir("pf")
        self.dir = self.work.path
        self.host, self.port = host, port or free_port((host,))
        self.name, self.domains = name, list(domains)
        self.running = False
        for d in ("log", "queue", "data", "mail"):
            os.mkdir(os.path.join(self.dir, d))
        user = pwd.getpwnam("postfix")
        # what of it runs without postlogd writes to the log as its owner: at a start,
        # of what a stop in the middle of a message has left
        log = self._file("log/maillog", "")
        for p in ("data", "mail", log):
            os.chown(os.path.join(self.dir, p), user.pw_uid, user.pw_gid)
        if tls:
            cert, key = certificate(self.dir, name)
            extra += ("\nsmtpd_tls_security_level = may\nsmtpd_tls_cert_file = %s\n"
                      "smtpd_tls_key_file = %s\nsmtpd_tls_received_header = yes\n" % (cert, key))
        self.box_map = "static:all/"
        if recipients is not None:
            self.box_map = "texthash:" + self._file(
                "boxes", "".join("%s %s/\n" % (r, r) for r in recipients))
        self.conf = dict(dir=self.dir, host=host, port=self.port, name=name, uid=user.pw_uid,
                         gid=user.pw_gid, domains=", ".join(self.domains), boxes=self.box_map,
                         extra=extra, checks="")
        self.write_access(access or {})
        self.services = dict(services or {})
        self.write_master()

    def _file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def write_master(self):
        text = MASTER.format(**self.conf)
        for at, options in self.services.items():
            text += "%s:%d inet n - n - 50 smtpd\n" % at
            text += "".join("  -o { %s = %s }\n" % o for o in options.items())
        self._file("master.cf", text)

    def set_service(self, at, **options):
        """Other options of one of the services, from now on."""
        self.set_services({at: options})

    def set_services(self, services):
        """The same of several at once: a reload takes a second."""
        self.services.update(services)
        self.write_master()
        if self.running:
            self._postfix("reload")

    def map(self, name, entries):
        """A table of Postfix with these entries."""
        return "texthash:" + self._file(name, "".join("%s %s\n" % e for e in entries.items()))

    def write_access(self, access):
        path = self._file("access", "".join("%s %s\n" % a for a in access.items()))
        self.conf["checks"] = "check_recipient_access texthash:" + path
        self._file("main.cf", MAIN.format(**self.conf))

    def set_access(self, access):
        """New answers for recipients, from the next connection on."""
        self.write_access(access)
        if self.running:
            self._postfix("reload")

    def _postfix(self, verb, check=True):
        r = subprocess.run(["postfix", "-c", self.dir, verb], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and r.returncode != 0:
            raise RuntimeError("postfix %s: %s" % (verb, r.stdout + self.log()[-2000:]))

    def start(self):
        self._postfix("start")
        self.running = True
        wait_for(lambda: is_listening(self.port, self.host), 15, "Postfix listens")
        return self

    def stop(self):
        """Down, at once: nothing answers on the port any more."""
        if not self.running:
            return
        self.running = False
        self._postfix("stop", check=False)
        wait_for(lambda: not is_listening(self.port, self.host), 15, "Postfix is gone")

    def close(self):
        try:
            self.stop()
        finally:
            self.work.remove()

    def log(self):
        try:
            with open(os.path.join(self.dir, "log", "maillog"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def count_log(self, pattern):
        return len(re.findall(pattern, self.log()))

    # ---- mail

    def messages(self, box="*"):
        """The stored messages as bytes with LF line ends, by time."""
        where = "all" if self.box_map.startswith("static") else box
        found = glob.glob(os.path.join(self.dir, "mail", where, "new", "*"))
        out = []
        for path in sorted(found, key=os.path.getmtime):
            with open(path, "rb") as f:
                out.append(f.read())
        return out

    def wait_messages(self, n, deadline=20, box="*"):
        def there():
            got = self.messages(box)
            assert len(got) >= n, "%d of %d messages" % (len(got), n)
            return got
        return wait_for(there, deadline, "%d messages arrived" % n, step=0.1)


RECEIVED_BY_US = re.compile(rb"(?m)^Received: from [^\n]*(?:\n[ \t][^\n]*)*\n")


def split_trace(message, our_name):
    """(the trace lines above, our Received line, the original content): what
    Postfix and we put on top of a message that came with LF line ends."""
    for got in RECEIVED_BY_US.finditer(message):
        if b"by " + our_name.encode() in got.group(0):
            return message[:got.start()], got.group(0), message[got.end():]
    raise AssertionError("no Received line of ours in %r" % message[:600])
