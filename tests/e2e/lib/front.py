# SPDX-License-Identifier: ISC
"""What stands between a client and a good server: an address that answers no
SYN, and a STARTTLS behind which something goes wrong."""
import os
import socket
import ssl
import struct
import subprocess
import threading
import time

from .net import accept_each, end_process, free_port, wait_port


class BlackHole:
    """An address and port whose SYNs get no answer: a listener that never
    accepts and whose queue is full drops them, as a firewall does."""

    def __init__(self, host, port):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(0)
        self.fill = []
        while not self.is_full():
            assert len(self.fill) < 20, "the kernel takes them all"
            s = socket.socket(family, socket.SOCK_STREAM)
            self.fill.append(s)
            s.settimeout(10)
            s.connect((host, port))

    def is_full(self):
        """Of a listener TCP_INFO tells how many wait (tcpi_unacked), and how
        many may (tcpi_sacked); one more than that makes it full."""
        info = self.listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        waiting, may = struct.unpack_from("=II", info, 24)
        return waiting > may

    def close(self):
        for s in self.fill + [self.listener]:
            s.close()


class SServer:
    """openssl s_server with these arguments: TLS and nothing in it."""

    def __init__(self, cert, key, *args):
        self.port = free_port()
        self.proc = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:%d" % self.port, "-quiet",
             "-cert", cert, "-key", key, *args],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port(self.port)

    def __call__(self, sock):
        with socket.create_connection(("127.0.0.1", self.port), 30) as s:
            t = threading.Thread(target=pump, args=(s, sock), daemon=True)
            t.start()
            pump(sock, s)
            t.join(5)

    def close(self):
        end_process(self.proc)
        self.proc.stdin.close()


def handshake(cert, key):
    """A handshake, and `then` with the connection inside TLS."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert, key)
    return lambda then: lambda sock: then(ctx.wrap_socket(sock, server_side=True))


def close_now(sock):
    sock.close()


def reset_now(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def talk_rubbish(sock):
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)


def pump(src, dst, taken=None):
    """Bytes from one to the other until either ends; then both do, unless dst
    was taken for something else."""
    try:
        while True:
            data = src.recv(65536)
            if not data:
                break
            dst.sendall(data)
    except OSError:
        pass
    if taken is not None and taken.is_set():
        return
    for s in (src, dst):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class StartTls:
    """Passes everything to the server at `backend`, but for what follows a
    STARTTLS while `hijack` is set: that gets the connection, after the 220.
    `hijacked` are the times at which it did."""

    def __init__(self, backend, hijack=None, host="127.0.0.1", port=None):
        self.backend, self.hijack, self.host = backend, hijack, host
        self.hijacked = []
        self.port = port or free_port((host,))
        self.listener = socket.create_server((host, self.port), backlog=256)
        self.thread = accept_each(self.listener, self._serve)

    def _serve(self, sock):
        with sock:
            try:
                back = socket.create_connection(("127.0.0.1", self.backend), 20)
            except OSError:
                return
            back.settimeout(None)
            with back:
                self._lines(sock, back)

    def _lines(self, sock, back):
        """A STARTTLS comes in a segment of its own: nothing may follow it."""
        taken = threading.Event()
        reader = threading.Thread(target=pump, args=(back, sock, taken), daemon=True)
        reader.start()
        try:
            while True:
                data = sock.recv(65536)
                if not data:
                    break
                if self.hijack is not None and data.upper() == b"STARTTLS\r\n":
                    taken.set()
                    back.shutdown(socket.SHUT_RDWR)
                    reader.join(5)
                    self.hijacked.append(time.time())
                    sock.sendall(b"220 2.0.0 Ready to start TLS\r\n")
                    self.hijack(sock)
                    return
                back.sendall(data)
        except OSError:
            pass
        finally:
            try:
                back.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            reader.join(5)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.thread.join(5)


def expired_certificate(folder, name):
    """One that ended years ago: (certificate, key)."""
    cert, key = os.path.join(folder, "expired.crt"), os.path.join(folder, "expired.key")
    subprocess.run(["faketime", "2020-01-01 00:00:00", "openssl", "req", "-x509", "-newkey", "ec",
                    "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name,
                    "-keyout", key, "-out", cert], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(key, 0o644)
    return cert, key
