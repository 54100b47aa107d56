# SPDX-License-Identifier: ISC
"""A name server that says what a test wants, well-formed or not. `answer`
gets the question as (name, type) and the packet, and returns the datagrams to
send; over TCP the last of them is sent, with its length in front."""
import socket
import struct
import threading

from .net import free_port

A, MX, AAAA = 1, 15, 28


def dname(text):
    return b"".join(bytes([len(p)]) + p.encode() for p in text.split(".")) + b"\0"


def record(kind, data, owner=b"\xc0\x0c", ttl=1):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def reply(query, records=(), **kw):
    """An answer to that packet. `id`, `question`, `flags`, `count`: instead of
    what they should be."""
    head = struct.pack(">HHHHHH", kw.get("id", struct.unpack(">H", query[:2])[0]),
                       kw.get("flags", 0x8180), 1, kw.get("count", len(records)), 0, 0)
    end = query.index(b"\0", 12) + 5
    return head + kw.get("question", query[12:end]) + b"".join(records)


class BadDns:
    def __init__(self, answer, host="127.0.0.1"):
        self.answer, self.asked = answer, []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = free_port((host,))  # for both; one of the kernel's may be used by TCP
        self.udp.bind((host, self.port))
        self.tcp = socket.create_server((host, self.port))
        self.stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stranger.bind((host, 0))
        self.threads = [threading.Thread(target=f, daemon=True)
                        for f in (self._udp, self._tcp)]
        for t in self.threads:
            t.start()

    def _answers(self, query, tcp):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = (".".join(labels), struct.unpack(">H", query[at + 1:at + 3])[0])
        self.asked.append(question)
        return self.answer(question, query, tcp)

    def _udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
                if not query:  # close()
                    return
                for data in self._answers(query, False):
                    self.udp.sendto(data, peer)
                self.stranger.sendto(reply(query, flags=0x8183), peer)
            except OSError:
                return

    def _tcp(self):
        while True:
            try:
                c, _ = self.tcp.accept()
            except OSError:
                return
            with c:
                c.settimeout(2)
                try:
                    size = struct.unpack(">H", c.recv(2, socket.MSG_WAITALL))[0]
                    data = self._answers(c.recv(size, socket.MSG_WAITALL), True)[-1]
                    c.sendall(struct.pack(">H", len(data)) + data)
                except (OSError, struct.error):
                    pass

    def close(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits
            except OSError:
                pass
        for t in self.threads:
            t.join(5)
        for s in (self.udp, self.tcp, self.stranger):
            s.close()
