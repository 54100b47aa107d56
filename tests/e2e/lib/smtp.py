# SPDX-License-Identifier: ISC
"""SMTP clients: one that sends exactly the bytes it is given, and one that
sends messages."""
import re
import smtplib
import socket
import ssl
import threading

from .wait import wait_for


class Raw:
    """A connection that says what it is told, byte for byte."""

    def __init__(self, port, host="127.0.0.1", timeout=15, greet=True, source=None):
        self.sock = socket.create_connection(
            (host, port), timeout, source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""
        self.greeting = self.reply() if greet else None

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("utf-8"))

    def _line(self):
        while b"\n" not in self.buf:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("closed; rest: %r" % self.buf)
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        assert line.endswith(b"\r"), "a reply without CRLF: %r" % line
        return line[:-1].decode("ascii")

    def reply(self):
        """A whole reply as text, lines joined with \\n."""
        lines = []
        while True:
            line = self._line()
            assert re.match(r"[2-5]\d\d([ -]|$)", line), "not a reply: %r" % line
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def cmd(self, line):
        self.send(line + "\r\n" if isinstance(line, str) else line + b"\r\n")
        return self.reply()

    def ok(self, line, code="2"):
        got = self.cmd(line)
        assert got.startswith(code), "%r -> %r" % (line, got)
        return got

    def begin(self, sender="s@sender.test", rcpt=("u@a.test",), args=""):
        """EHLO, MAIL and RCPTs that have to work."""
        self.ok("EHLO client.test")
        self.ok("MAIL FROM:<%s>%s" % (sender, args))
        for r in [rcpt] if isinstance(rcpt, str) else rcpt:
            self.ok("RCPT TO:<%s>" % r)
        return self

    def starttls(self, before=None):
        """With the session of `before`, a connection that had one."""
        self.ok("STARTTLS")
        if before is None:
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            ctx.check_hostname = False
            ctx.verify_mode = ssl.CERT_NONE
            self.sock = ctx.wrap_socket(self.sock)
        else:
            self.sock = before.sock.context.wrap_socket(self.sock, session=before.sock.session)

    def at_end(self, timeout=10):
        """True when the server has closed and sent nothing more."""
        self.sock.settimeout(timeout)
        try:
            return self.buf == b"" and self.sock.recv(1) == b""
        except (ConnectionResetError, ssl.SSLError):
            return True
        except socket.timeout:
            return False

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def stuff(data):
    """The bytes of a message as they go over the wire, final dot included."""
    data = re.sub(rb"(?m)^\.", b"..", data)
    return data + b".\r\n" if data.endswith(b"\r\n") or not data else data + b"\r\n.\r\n"


def send_bytes(port, data, sender="s@sender.test", rcpts=("u@a.test",), args="",
               rcpt_args="", source=None):
    """Sends those bytes (CRLF line ends) as a message; the queue id."""
    with Raw(port, timeout=60, source=source) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<%s>%s" % (sender, args))
        for r in [rcpts] if isinstance(rcpts, str) else rcpts:
            c.ok("RCPT TO:<%s>%s" % (r, rcpt_args))
        c.ok("DATA", "354")
        c.send(stuff(data))
        reply = c.reply()
        assert reply.startswith("250"), reply
        c.cmd("QUIT")
    return queue_id(reply)


def queue_id(reply):
    """The id in the 250 to a message, None when there is none."""
    got = re.search(r"\b([0-9A-F]{6,16}(?:\.\d+)?)\b", reply[4:])
    return got.group(1) if got else None


def text(subject="test", body="hello\n", extra=""):
    """A small message as bytes with CRLF."""
    m = "From: s@sender.test\nTo: u@a.test\nSubject: %s\n%s\n%s" % (subject, extra, body)
    return m.replace("\n", "\r\n").encode("utf-8")


def send(port, subject="test", sender="s@sender.test", rcpts=("u@a.test",), **kw):
    return send_bytes(port, text(subject), sender, rcpts, **kw)


class Flood:
    """Threads that send numbered messages until they are told to stop or have
    sent `count`; `acked` holds the subjects that got a 250. `pause`: of each thread between
    two, where what is taken in a while has to be delivered as well."""

    def __init__(self, port, rcpt="u@a.test", threads=8, count=None, size=1000, tag="m",
                 pause=0):
        self.port, self.rcpt, self.size, self.tag = port, rcpt, size, tag
        self.pause = pause
        self.left = count
        self.acked, self.codes = set(), {}
        self.lock = threading.Lock()
        self.halt = threading.Event()
        self.next = 0
        self.threads = [threading.Thread(target=self._run, daemon=True)
                        for _ in range(threads)]
        for t in self.threads:
            t.start()

    def _number(self):
        with self.lock:
            if self.halt.is_set() or (self.left is not None and self.next >= self.left):
                return None
            self.next += 1
            return self.next

    def _note(self, code):
        with self.lock:
            self.codes[code] = self.codes.get(code, 0) + 1

    def _run(self):
        while not self.halt.is_set():
            try:
                c = smtplib.SMTP("127.0.0.1", self.port, "load.test", timeout=20)
            except (OSError, smtplib.SMTPException) as e:
                self._note(getattr(e, "smtp_code", "connect"))
                if self.halt.wait(0.05):
                    return
                continue
            try:
                while self._one(c):
                    if self.pause:
                        self.halt.wait(self.pause)
                return
            except (OSError, smtplib.SMTPException) as e:
                self._note(getattr(e, "smtp_code", "lost"))
            finally:
                c.close()

    def _one(self, c):
        n = self._number()
        if n is None:
            return False
        subject = "%s-%06d" % (self.tag, n)
        body = "Subject: %s\r\n\r\n%s\r\n" % (subject, "x" * 70 + "\r\n") + "y" * 60 + "\r\n" * 2
        c.sendmail("load@sender.test", [self.rcpt], body + "z" * max(0, self.size - len(body)))
        with self.lock:
            self.acked.add(subject)
        return True

    def wait_acked(self, n, deadline=30):
        wait_for(lambda: len(self.acked) >= n, deadline, "%d messages taken" % n)

    def stop(self):
        self.halt.set()
        self.join()

    def join(self, deadline=60):
        for t in self.threads:
            t.join(deadline)
            assert not t.is_alive(), "a sender hangs"


def subjects(messages):
    """The subjects of stored messages (bytes each)."""
    out = []
    for m in messages:
        got = re.search(rb"(?im)^subject: *([^\r\n]*)", m)
        out.append(got.group(1).decode("utf-8", "replace").strip() if got else "")
    return out
