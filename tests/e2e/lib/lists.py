# SPDX-License-Identifier: ISC
"""Where lists are kept: nginx with TLS, and a server that does everything wrong."""
import collections
import os
import socket
import ssl
import subprocess
import threading

from .net import Workdir, end_process, free_port, wait_port
from .wait import wait_for

NGINX = """\
daemon off; worker_processes 1; pid %(dir)s/pid; error_log %(dir)s/error.log;
%(user)s
events { worker_connections 64; }
http {
    access_log %(dir)s/access.log;
    client_body_temp_path %(dir)s/t1; proxy_temp_path %(dir)s/t2; fastcgi_temp_path %(dir)s/t3;
    uwsgi_temp_path %(dir)s/t4; scgi_temp_path %(dir)s/t5;
    server {
        listen 127.0.0.1:%(port)d ssl;
        ssl_certificate %(cert)s; ssl_certificate_key %(key)s;
        root %(dir)s/www;
        location /moved { return 302 https://localhost:%(port)d/list; }
        location /broken { return 500; }
        location /private {
            if ($http_authorization != "Bearer %(token)s") { return 401; }
            alias %(dir)s/www/list;
        }
    }
}
"""


class Nginx:
    """Serves its folder www with ETag and Last-Modified; /private wants the token."""

    def __init__(self, cert, key, token="sesame"):
        self.work = Workdir("nginx")
        self.dir, self.port, self.proc = self.work.path, free_port(), None
        os.mkdir(os.path.join(self.dir, "www"))
        self.conf = os.path.join(self.dir, "nginx.conf")
        with open(self.conf, "w") as f:
            f.write(NGINX % dict(dir=self.dir, port=self.port, cert=cert, key=key, token=token,
                                 user="user root;" if os.getuid() == 0 else ""))
        self.start()

    def start(self):
        self.proc = subprocess.Popen(["/usr/sbin/nginx", "-c", self.conf, "-e",
                                      os.path.join(self.dir, "error.log")],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        wait_port(self.port)

    def stop(self):
        end_process(self.proc)

    def put(self, text, name="list"):
        path = os.path.join(self.dir, "www", name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def log(self):
        with open(os.path.join(self.dir, "access.log")) as f:
            return f.read()

    def url(self, path="/list"):
        return "https://localhost:%d%s" % (self.port, path)

    def close(self):
        self.stop()
        self.work.remove()


class Liar:
    """A TLS server: `answer[path]` is what it writes to a request, as bytes; it closes
    then, or with `hold` says nothing more until the end. `asked[path]` counts."""

    def __init__(self, cert, key):
        self.ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ctx.load_cert_chain(cert, key)
        self.answer, self.hold, self.asked = {}, False, collections.Counter()
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.serve)]
        self.threads[0].start()

    def url(self, path="/list"):
        return "https://localhost:%d%s" % (self.port, path)

    def serve(self):
        while not self.over.is_set():
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            t = threading.Thread(target=self.one, args=(c,))
            t.start()
            self.threads.append(t)

    def one(self, c):
        c.settimeout(10)
        try:
            with self.ctx.wrap_socket(c, server_side=True) as s:
                text = b""
                while b"\r\n\r\n" not in text:
                    more = s.recv(4096)
                    if not more:
                        return
                    text += more
                path = text.split()[1].decode()
                self.asked[path] += 1
                s.sendall(self.answer[path])
                if self.hold:
                    self.over.wait(20)
                else:
                    s.unwrap()
        except OSError:
            pass

    def close(self):
        self.over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for t in self.threads:
            t.join(15)


def wait_fetched(d, result, n=1, deadline=15):
    """So many requests ended like that since now."""
    def count():
        return d.metrics().get("fetches_total", result=result)
    before = count()
    wait_for(lambda: count() >= before + n, deadline, "%d fetches %s" % (n, result))
