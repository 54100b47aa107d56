# SPDX-License-Identifier: ISC
"""A wire between a client and a server that is long, and is cut once: the
connection on which the bytes of one side reach a place ends there; those
behind the place are never seen."""
import re
import socket
import struct
import threading
import time

from .net import accept_each, free_port

NOW = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset
RESET = "a reset for both"
CLOSE = "an end for both"
HALF = "an end for the client, whose bytes go on to the server"


class Cutter:
    """`cut`: (side, pattern, nth, shift): of the bytes that the "client" or the
    "server" sends, those before the nth occurrence of the pattern, counted over
    all connections, and `shift` more, are let pass (None: and all of the
    occurrence). `how` it ends. `delay`: seconds each way."""

    def __init__(self, to, cut=None, delay=0.0, how=RESET):
        self.to, self.delay = to, delay
        self.cut, self.how, self.done = cut, how, threading.Event()
        self.connections = self.passed = 0
        # messages at once: in chunks; whose commands were there before their turn
        self.deepest = self.behind = 0
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        accept_each(self.listener, self._serve)

    def _serve(self, sock):
        self.connections += 1
        Wire(self, sock).run()

    def close(self):
        self.listener.close()


class Wire:
    def __init__(self, cutter, sock):
        self.cutter, self.sock = cutter, sock
        self.seen = {"client": b"", "server": b""}
        self.lock = threading.Lock()
        self.gone = False
        self.found = 0

    def run(self):
        try:
            self.server = socket.create_connection(("127.0.0.1", self.cutter.to), 10)
        except OSError:
            self.sock.close()
            return
        for s in (self.sock, self.server):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self.pump, daemon=True,
                                args=("server", self.server, self.sock))
        back.start()
        self.pump("client", self.sock, self.server)
        back.join(30)
        for s in (self.sock, self.server):
            s.close()

    def pump(self, side, src, dst):
        try:
            while True:
                data = src.recv(65536)
                if not data:
                    break
                time.sleep(self.cutter.delay)
                if not self.forward(side, dst, data):
                    return
            dst.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def forward(self, side, dst, data):
        with self.lock:
            if self.gone:
                if self.cutter.how == HALF and side == "client":
                    dst.sendall(data)
                return self.cutter.how != RESET  # reads on: no reset by itself
            before = len(self.seen[side])
            self.seen[side] += data
            self.measure()
            at = self.place(side)
            if at is None:
                dst.sendall(data)
                return True
            if at > before:
                dst.sendall(data[:at - before])
            self.end(dst, data[max(at - before, 0):])
            return self.cutter.how != RESET

    def measure(self):
        c, sent = self.cutter, self.seen["client"]
        taken = len(re.findall(rb"(?m)^250 [^\r]*(?:queued as|OK id=)", self.seen["server"]))
        c.deepest = max(c.deepest, len(re.findall(rb"\r\nBDAT ", sent)) - taken)
        c.behind = max(c.behind, len(re.findall(rb"\r\nMAIL FROM:<s@", sent)) - taken)

    def place(self, side):
        c = self.cutter
        if c.cut is None or c.done.is_set() or c.cut[0] != side:
            return None
        _, pattern, nth, shift = c.cut
        found = list(re.finditer(pattern, self.seen[side]))
        c.passed += len(found) - self.found
        self.found = len(found)
        if c.passed < nth:
            return None
        m = found[nth - 1 - c.passed]
        at = m.end() if shift is None else m.start() + shift
        # a place that is reached by what comes later is waited for
        return at if len(self.seen[side]) > at or shift is None else None

    def end(self, dst, rest):
        self.gone = True
        self.cutter.done.set()
        if self.cutter.how == HALF and dst is self.server:
            dst.sendall(rest)
        if self.cutter.how != RESET:
            self.sock.shutdown(socket.SHUT_WR)
            if self.cutter.how == CLOSE:
                self.server.shutdown(socket.SHUT_WR)
            return
        for s in (self.sock, self.server):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
