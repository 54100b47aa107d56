# SPDX-License-Identifier: ISC
"""Signed zones and who believes in them: NSD with what ldns-signzone made, and
a validating Unbound in front of it that knows the key of each signed zone."""
import glob
import os
import re
import signal
import subprocess

from .dns import Dns, query
from .net import Workdir, end_process, free_port
from .wait import wait_for


class SignedDns(Dns):
    """`zones` as for Dns; those in `signed` are signed. `spoil` is a list of
    (owner, type) whose signatures do not hold."""

    def __init__(self, zones, signed, spoil=(), port=None):
        super().__init__(zones, port)
        self.signed, self.spoil = list(signed), list(spoil)
        self.keys = {}
        for zone in self.signed:
            r = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone], check=True,
                               cwd=self.dir, stdout=subprocess.PIPE, text=True)
            self.keys[zone] = os.path.join(self.dir, r.stdout.strip())
        self.resolver = Resolver(self)

    def anchors(self):
        return [self.keys[z] + ".key" for z in self.signed]

    def write(self):
        super().write()
        for zone in self.signed:
            path = os.path.join(self.dir, zone + ".zone")
            subprocess.run(["ldns-signzone", "-f", path + ".signed", path, self.keys[zone]],
                           check=True, cwd=self.dir, stdout=subprocess.DEVNULL)
            with open(path + ".signed") as f:
                text = f.read()
            for owner, rtype in self.spoil:
                text = self.spoiled(text, owner, rtype)
            with open(path, "w") as f:
                f.write(text)

    @staticmethod
    def spoiled(text, owner, rtype):
        """The middle of the signature says something else."""
        def turn(m):
            at = len(m.group(2)) // 2
            other = "A" if m.group(2)[at] != "A" else "B"
            return m.group(1) + m.group(2)[:at] + other + m.group(2)[at + 1:]
        pattern = r"(?m)^(%s\.\s.*\sRRSIG\s+%s\s.*\s)(\S+)\s*$" % (re.escape(owner), rtype)
        return re.sub(pattern, turn, text)

    def start(self):
        super().start()
        self.resolver.start()
        return self

    def stop(self):
        self.resolver.stop()
        super().stop()

    def close(self):
        try:
            super().close()
        finally:
            self.resolver.work.remove()


class Resolver:
    """Remembers nothing for longer than a second. Without an anchor above
    them, zones that it has no key for are not signed."""

    def __init__(self, dns):
        self.dns = dns
        self.work = Workdir("unbound")
        self.port = free_port()
        self.proc = None

    def start(self):
        path = os.path.join(self.work.path, "unbound.conf")
        conf = """server:
    interface: 127.0.0.1@%d
    do-daemonize: no
    use-syslog: no
    logfile: "%s/log"
    username: ""
    chroot: ""
    directory: "%s"
    pidfile: ""
    num-threads: 1
    do-ip6: no
    do-not-query-localhost: no
    module-config: "validator iterator"
    trust-anchor-signaling: no
    root-key-sentinel: no
    ede: yes
    cache-max-ttl: 1
    cache-max-negative-ttl: 1
    val-bogus-ttl: 1
    infra-host-ttl: 1
    local-zone: "test." nodefault
""" % (self.port, self.work.path, self.work.path)
        for anchor in self.dns.anchors():
            conf += '    trust-anchor-file: "%s"\n' % anchor
        conf += "remote-control:\n    control-enable: no\n"
        for zone in self.dns.zones:
            conf += 'stub-zone:\n    name: "%s"\n    stub-addr: 127.0.0.1@%d\n' % (
                zone, self.dns.port)
        with open(path, "w") as f:
            f.write(conf)
        with open(os.path.join(self.work.path, "out"), "ab") as out:
            self.proc = subprocess.Popen(["/usr/sbin/unbound", "-d", "-c", path],
                                         stdin=subprocess.DEVNULL, stdout=out, stderr=out)

        def answers():
            assert self.proc.poll() is None, "Unbound ended: " + self.log()
            return query(self.port, next(iter(self.dns.zones))) == 0
        wait_for(answers, 15, "Unbound answers")
        return self

    def log(self):
        text = ""
        for path in glob.glob(os.path.join(self.work.path, "[lo]*")):
            with open(path, errors="replace") as f:
                text += f.read()[-2000:]
        return text

    def stop(self):
        if self.proc is not None:
            end_process(self.proc, signal.SIGTERM)
            self.proc = None


def tlsa(cert, usage=3, selector=1, matching=1):
    """The record that fits a certificate in PEM: 3 1 1 and the digest of its
    key, or 3 0 1 and that of itself."""
    import hashlib
    if selector == 1:
        pem = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"], check=True,
                             stdout=subprocess.PIPE).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem,
                             check=True, stdout=subprocess.PIPE).stdout
    else:
        der = subprocess.run(["openssl", "x509", "-in", cert, "-outform", "DER"], check=True,
                             stdout=subprocess.PIPE).stdout
    data = {0: der.hex(), 1: hashlib.sha256(der).hexdigest(),
            2: hashlib.sha512(der).hexdigest()}[matching]
    return "%d %d %d %s" % (usage, selector, matching, data)
