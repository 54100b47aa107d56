# SPDX-License-Identifier: ISC
"""What one client waits for its NOOP while others are hostile: mxwatchd beside a
server that replies and does nothing else, under the same load, in turn. Run by
itself it is one of the processes of the bench: the echo server or the crowd."""
import os
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import time

from servers import DOMAIN, Mxwatchd, Sink, free_port, greets, say, wait_for

SECONDS = 8  # for a thousand NOOPs and more
EACH = 49  # sessions from one address
KINDS = ("rcpt", "hello", "outage")

TEXT = """\
hostname = "mx2.example.net"
spool = "{dir}/spool"
control = "{dir}/control.sock"
user = "root"
log = "{dir}/log"
smtpd {{
    listen = {{"127.0.0.1:{port}"}}
    tls_cert = "{dir}/cert.pem"
    tls_key = "{dir}/key.pem"
    max_commands = 100000
}}
web {{ listen = {{"127.0.0.1:{web}"}} }}
domain "example.org" {{
    primary = {{"[127.0.0.1]:{primary}"}}
    probe {{ interval = "1s" timeout = "1s" fall = 2 rise = 2 hold = "0s" }}
}}
domain "outage.example.org" {{
    primary = {{"[127.0.0.1]:{primary}"}}
    admission = "outage"
    probe {{ interval = "1s" timeout = "1s" fall = 2 rise = 2 hold = "0s" }}
}}
"""


def hello():
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    try:
        ctx.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Hostile:
    """One session: says what it has to say, as fast as it is taken, and again."""

    def __init__(self, crowd, port, source):
        self.crowd, self.port, self.source = crowd, port, source
        self.connect()

    def connect(self):
        self.s = socket.socket()
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.s.bind((self.source, 0))
        self.s.setblocking(False)
        self.s.connect_ex(("127.0.0.1", self.port))
        self.left = memoryview(self.crowd.begin)
        self.greeted = self.asked = False
        self.crowd.sel.register(self.s, selectors.EVENT_READ, self)

    def again(self):
        self.crowd.sel.unregister(self.s)
        self.s.close()
        self.connect()

    def ready(self, what):
        try:
            if what & selectors.EVENT_READ:
                got = self.s.recv(262144)
                if not got:
                    return self.again()
                if not self.greeted:
                    self.greeted = True
                    self.crowd.sel.modify(
                        self.s, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
                elif self.crowd.hello is not None and self.asked:
                    return self.again()
                elif self.crowd.hello is not None and b"220 " in got[-200:]:
                    self.asked = True
                    self.s.send(self.crowd.hello)
            if what & selectors.EVENT_WRITE:
                self.left = self.left[self.s.send(self.left):]
                if not self.left and self.crowd.more:
                    self.left = memoryview(self.crowd.more)
                elif not self.left:
                    self.crowd.sel.modify(self.s, selectors.EVENT_READ, self)
        except BlockingIOError:
            pass
        except OSError:
            self.again()


class Crowd:
    def __init__(self, port, kind, n):
        self.sel = selectors.DefaultSelector()
        self.more, self.hello = b"", None
        self.begin = b"EHLO c.example.net\r\n"
        if kind == "hello":
            self.hello = hello()
            self.begin += b"STARTTLS\r\n"
        else:
            domain = DOMAIN if kind == "rcpt" else "outage." + DOMAIN
            self.begin += b"MAIL FROM:<s@example.net>\r\n"
            self.more = b"RCPT TO:<ada@%s>\r\n" % domain.encode() * 2000
        for i in range(n):
            Hostile(self, port, "127.0.%d.%d" % (1 + i // EACH // 250, 2 + i // EACH % 250))

    def run(self):
        while True:
            for key, what in self.sel.select():
                key.data.ready(what)


def echo(port):
    """Replies to each line with the same words, and knows nothing."""
    sel = selectors.DefaultSelector()
    listening = socket.create_server(("127.0.0.1", port), backlog=512)
    listening.setblocking(False)
    sel.register(listening, selectors.EVENT_READ)

    def close(s):
        sel.unregister(s)
        s.close()

    while True:
        for key, _ in sel.select():
            s = key.fileobj
            if s is listening:
                for _ in range(64):
                    try:
                        c = listening.accept()[0]
                    except OSError:
                        break
                    c.setblocking(False)
                    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    c.send(b"220 echo\r\n")
                    sel.register(c, selectors.EVENT_READ)
                continue
            try:
                got = s.recv(32768)
                if not got:
                    close(s)
                    continue
                s.send(b"220 Ok\r\n" * got.count(b"\n") or b"x")
            except BlockingIOError:
                pass  # who takes no replies gets none
            except OSError:
                close(s)


def child(*args):
    return subprocess.Popen([sys.executable, os.path.abspath(__file__), *map(str, args)])


def end(p):
    p.kill()
    p.wait()


def waits(port):
    """Milliseconds for each NOOP of a session of its own."""
    out = []
    with socket.create_connection(("127.0.0.1", port), 10, source_address=("127.9.9.9", 0)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(30)
        s.recv(500)
        stop = time.monotonic() + SECONDS
        while time.monotonic() < stop:
            start = time.monotonic()
            s.sendall(b"NOOP\r\n")
            if not s.recv(500):
                raise SystemExit("bench: closed")
            out.append((time.monotonic() - start) * 1000)
            time.sleep(0.003)
    return sorted(out)


def under(port, kind, n):
    crowd = child("crowd", port, kind, n)
    time.sleep(1.5)  # until the sessions are there
    try:
        return waits(port)
    finally:
        end(crowd)
        time.sleep(0.5)


def figures(ms):
    return ["%.1f" % statistics.median(ms), "%.1f" % ms[min(len(ms) - 1, len(ms) * 999 // 1000)],
            "%.1f" % ms[-1]]


def changes(mx):
    return sum(float(line.split()[-1]) for line in mx.metrics().splitlines()
               if line.startswith("mxwatch_watchdog_transitions_total"))


def stall(work, build, counts=(49, 800)):
    mx, primary, port = Mxwatchd(work, build), Sink(), free_port()
    mx.text, mx.primary = TEXT, primary.port
    os.makedirs(mx.dir, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                    "/CN=mx2.example.net", "-keyout", mx.dir + "/key.pem", "-out",
                    mx.dir + "/cert.pem"], check=True, stderr=subprocess.DEVNULL)
    rows = [("NOOP of another session, ms", "median", "p99.9", "max", "changes", "log MB/min")]
    server = child("echo", port)
    primary.start()
    try:
        mx.start()
        wait_for("the echo server", 10, lambda: greets(port))
        wait_for("the primary to be up", 20, lambda: mx.metric(
            'watchdog_state{domain="%s",state="up"}' % DOMAIN) == 1)
        for kind in KINDS:
            for n in counts:
                was, log = changes(mx), os.path.getsize(mx.dir + "/log")
                start = time.monotonic()
                rows.append(("mxwatchd, %d sessions, %s" % (n, kind),
                             *figures(under(mx.port, kind, n)), "%d" % (changes(mx) - was),
                             "%.2f" % ((os.path.getsize(mx.dir + "/log") - log) * 60e-6
                                       / (time.monotonic() - start))))
                say(*rows[-1])
                rows.append(("echo server", *figures(under(port, kind, n)), "", ""))
                say(*rows[-1])
    finally:
        end(server)
        mx.stop()
        primary.stop()
    return rows


if __name__ == "__main__":
    if sys.argv[1] == "echo":
        echo(int(sys.argv[2]))
    else:
        Crowd(int(sys.argv[2]), sys.argv[3], int(sys.argv[4])).run()
