# SPDX-License-Identifier: ISC
"""Ports, folders, certificates and processes."""
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from .wait import wait_for

# Below the range from which the kernel takes source ports: a probe of a port
# where nobody listens must not connect to itself.
_next = random.Random(os.getpid()).randrange(11000, 28000)
_lock = threading.Lock()


def accept_each(listener, serve):
    """serve(socket) in a thread for each that comes, until the listener is shut
    down or closed. The thread that accepts."""
    def loop():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()
    t = threading.Thread(target=loop, daemon=True)
    t.start()
    return t


def free_port(hosts=("127.0.0.1",)):
    """A port that is free on all of these addresses, never given out twice."""
    global _next
    while True:
        with _lock:
            _next = _next + 1 if _next < 29999 else 11000
            port = _next
        try:
            for host in hosts:
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind((host, port))
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.bind((host, port))
            return port
        except OSError:
            continue


def is_listening(port, host="127.0.0.1"):
    with socket.socket() as s:
        s.settimeout(2)
        return s.connect_ex((host, port)) == 0


class Workdir:
    """A folder that other users may enter (servers drop privileges), with a
    path short enough for the name of a socket. Kept when KEEP is set."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix="mx-%s-" % name, dir="/tmp")
        os.chmod(self.path, 0o755)

    def remove(self):
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)


def certificate(folder, name="mx.test", days=90, also=(), clock=()):
    """A self-signed certificate, for the names in `also`, too: (certificate, key).
    `clock`: a command that runs another one at a time of its own."""
    cert = os.path.join(folder, name + ".crt")
    key = os.path.join(folder, name + ".key")
    if not os.path.exists(cert):
        names = ",".join("DNS:" + n for n in (name, *also))
        subprocess.run([*clock, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days),
                        "-subj", "/CN=" + name, "-addext", "subjectAltName=" + names,
                        "-keyout", key, "-out", cert], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.chmod(key, 0o600)
    return cert, key


def end_process(p, sig=signal.SIGTERM, deadline=10):
    """Ends a process that we started; by its pid, for sure."""
    if p.poll() is None:
        p.send_signal(sig)
        try:
            p.wait(deadline)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait(5)
    return p.returncode


def wait_port(port, host="127.0.0.1", deadline=15):
    wait_for(lambda: is_listening(port, host), deadline, "%s:%d listens" % (host, port))


class LocalAddress:
    """An address of the documentation range on the loopback interface, for
    servers that MX records name: those are never followed to 127.0.0.0/8."""

    def __init__(self, address):
        self.address = address
        self.prefix = [address + "/128", "dev", "lo", "nodad"] if ":" in address else \
            [address + "/32", "dev", "lo"]
        r = subprocess.run(["ip", "addr", "add", *self.prefix],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.added = r.returncode == 0
        self.why = r.stdout.strip()
        # Twice in one test, or left by a run that was cut off.
        if "exists" in self.why or "already" in self.why:
            self.added = True
        if self.added:
            wait_for(self.is_ours, 10, address + " is local")

    def is_ours(self):
        """An IPv6 address is there before the route to it is."""
        r = subprocess.run(["ip", "route", "get", self.address],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return r.returncode == 0 and r.stdout.startswith("local ")

    def close(self):
        if self.added:
            subprocess.run(["ip", "addr", "del", *self.prefix[:3]],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Neighbour:
    """A host beside ours: a network namespace with an address and a wire to it. `why`: it
    cannot be made."""

    def __init__(self, ours, address):
        """`ours` is our address on the wire."""
        # waits until we are done, or gone
        self.keeper = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        self.address, self.why = address, None
        pid = str(self.keeper.pid)
        try:
            here = os.readlink("/proc/self/ns/net")
            wait_for(lambda: os.readlink("/proc/%s/ns/net" % pid) != here, 5, "a namespace")
            for argv in (["link", "add", "name", "wire0", "type", "veth", "peer", "name", "wire1",
                          "netns", pid],
                         ["addr", "add", ours + "/24", "dev", "wire0"],
                         ["link", "set", "wire0", "up"]):
                self._ip([], argv)
            for argv in (["addr", "add", address + "/24", "dev", "wire1"],
                         ["link", "set", "wire1", "up"], ["link", "set", "lo", "up"]):
                self._ip(self.inside(), argv)
        except AssertionError as e:
            self.why = str(e)

    def inside(self, *argv):
        """The command, to be run in there."""
        return ["nsenter", "--target", str(self.keeper.pid), "--net", *argv]

    @staticmethod
    def _ip(before, argv):
        r = subprocess.run([*before, "ip", *argv], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        assert r.returncode == 0, r.stdout.strip()

    def close(self):
        self.keeper.stdin.close()
        end_process(self.keeper)
