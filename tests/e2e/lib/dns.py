# SPDX-License-Identifier: ISC
"""A name server on loopback: NSD, which answers for the zones it is given
and refuses everything else."""
import os
import signal
import subprocess

from .net import Workdir, end_process, free_port
from .wait import wait_for


def query(port, name, host="127.0.0.1"):
    """An SOA query over UDP; the answer's RCODE, or None."""
    import socket
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.rstrip(".").split(".") if p)
    packet = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\0\0\x06\0\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        try:
            s.sendto(packet, (host, port))
            return s.recv(4096)[3] & 15
        except OSError:
            return None


class Dns:
    """`zones`: {name: records without SOA and NS, one a line}. A zone whose
    text is None is not loadable: it gives SERVFAIL."""

    def __init__(self, zones, port=None):
        self.work = Workdir("nsd")
        self.dir = self.work.path
        self.port = port or free_port()
        self.zones = dict(zones)
        self.serial = 1
        self.proc = None

    def write(self):
        conf = """server:
    ip-address: 127.0.0.1@%d
    port: %d
    username: ""
    zonesdir: "%s"
    database: ""
    pidfile: "%s/nsd.pid"
    xfrdfile: "%s/xfrd.state"
    zonelistfile: "%s/zone.list"
    logfile: "%s/log"
    xfrdir: "%s"
    server-count: 1
    reuseport: no
    rrl-ratelimit: 0
remote-control:
    control-enable: no
""" % (self.port, self.port, *[self.dir] * 6)
        for name, text in self.zones.items():
            conf += 'zone:\n    name: "%s"\n    zonefile: "%s.zone"\n' % (name, name)
            path = os.path.join(self.dir, name + ".zone")
            with open(path, "w") as f:
                if text is None:
                    f.write("this is no zone file\n")
                    continue
                f.write("$ORIGIN %s.\n$TTL 1\n@ IN SOA ns.%s. root.%s. %d 60 60 600 1\n"
                        "@ IN NS ns.%s.\nns IN A 127.0.0.1\n" % (
                            name, name, name, self.serial, name))
                f.write(text.strip() + "\n")
        with open(os.path.join(self.dir, "nsd.conf"), "w") as f:
            f.write(conf)

    def start(self):
        self.write()
        with open(os.path.join(self.dir, "out"), "ab") as out:
            self.proc = subprocess.Popen(
                ["/usr/sbin/nsd", "-d", "-c", os.path.join(self.dir, "nsd.conf")],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        good = [z for z, t in self.zones.items() if t is not None] or [next(iter(self.zones))]

        def answers():
            assert self.proc.poll() is None, "NSD ended"
            return query(self.port, good[0]) is not None
        wait_for(answers, 15, "NSD answers")
        return self

    def stop(self):
        if self.proc is not None:
            end_process(self.proc, signal.SIGTERM)
            self.proc = None

    def set(self, **zones):
        """Replaces zones ("a_test" is a.test) and starts anew: at once and for
        sure, which a reload is not."""
        for name, text in zones.items():
            self.zones[name.replace("_", ".")] = text
        self.serial += 1
        self.stop()
        return self.start()

    def close(self):
        try:
            self.stop()
        finally:
            self.work.remove()
