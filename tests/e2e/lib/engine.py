# SPDX-License-Identifier: ISC
"""A PostgreSQL of one's own, with a synchronous standby if wanted, and the nodes of a
cluster over it. Sockets in a folder, no port; all of it goes with the test."""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time

from .mxwatchd import FAST, Mxwatchd
from .net import Workdir, accept_each
from .wait import wait_for

# Short times, so that a takeover takes seconds.
CLUSTER = 'cluster { engine = "%s" node = "%s" lease = "%s" wait = "1s" hold = "2s" %s }'


def bindir():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        import pytest
        pytest.skip("no PostgreSQL is installed")
    return found[-1]


class Postgres:
    """One server: "a", or "b" which follows it."""

    def __init__(self, top, name, options=""):
        self.name, self.dir = name, os.path.join(top, name)
        self.data = os.path.join(self.dir, "data")
        self.bin = bindir()
        self.options = options
        os.makedirs(self.dir)
        if os.getuid() == 0:
            shutil.chown(self.dir, "postgres", "postgres")

    def run(self, *argv, check=True):
        user = "postgres" if os.getuid() == 0 else None
        r = subprocess.run(argv, cwd="/", user=user, group=user,
                           extra_groups=[] if user else None, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert not check or r.returncode == 0, "%s: %s" % (argv, r.stdout)
        return r

    def ctl(self, *argv, check=True):
        # its output would be held open by the server
        return self.run(os.path.join(self.bin, "pg_ctl"), "-D", self.data, "-s", "-w",
                        "-l", os.path.join(self.dir, "log"), *argv, check=check)

    def settings(self, text):
        with open(os.path.join(self.data, "postgresql.conf"), "a") as f:
            f.write(text + "\n")

    def create(self):
        self.run(os.path.join(self.bin, "initdb"), "-D", self.data, "-U", "mxwatch",
                 "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
        self.settings("listen_addresses = ''\nunix_socket_directories = '%s'\nfsync = off\n"
                      "autovacuum_naptime = 5\n%s" % (self.dir, self.options))

    def follow(self, other, rewind=False):
        """A standby of the other from its next start on: with `rewind` one that was its
        primary; else anew. Promoted it waits for the other in turn, from its first commit."""
        source = "host=%s user=mxwatch dbname=postgres application_name=%s" % (
            other.dir, self.name)
        if rewind:
            # it goes by the other's control file, whose timeline is that of its last one
            other.sql("CHECKPOINT")
            self.run(os.path.join(self.bin, "pg_rewind"), "-D", self.data, "-R",
                     "--source-server", source)
        else:
            shutil.rmtree(self.data, ignore_errors=True)
            self.run(os.path.join(self.bin, "pg_basebackup"), "-D", self.data, "-R",
                     "-c", "fast", "-d", source)
        self.settings("unix_socket_directories = '%s'\nsynchronous_standby_names = '%s'" % (
            self.dir, other.name))

    def start(self):
        self.ctl("start")

    def stop(self):
        self.ctl("-m", "immediate", "stop", check=False)

    def pids(self):
        with open(os.path.join(self.data, "postmaster.pid")) as f:
            pid = int(f.readline())
        kids = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], text=True,
                              stdout=subprocess.PIPE).stdout.split()
        return [pid] + [int(k) for k in kids]

    def signal(self, signo):
        for pid in self.pids():
            try:
                os.kill(pid, signo)
            except ProcessLookupError:
                pass

    def kill(self):
        pid = self.pids()[0]
        self.signal(signal.SIGKILL)
        wait_for(lambda: not os.path.exists("/proc/%d" % pid), 10, "the engine is gone")

    def reload(self, text):
        self.settings(text)
        self.ctl("reload")

    def promote(self):
        self.ctl("promote")

    def sql(self, text):
        """Rows as lists of text."""
        r = subprocess.run([os.path.join(self.bin, "psql"), "-h", self.dir, "-U", "mxwatch",
                            "-d", "postgres", "-AtqX", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                            "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=60)
        assert r.returncode == 0, r.stderr
        return [line.split("\t") for line in r.stdout.splitlines()]

    def number(self, text):
        return int(self.sql(text)[0][0])


class Engine:
    """The servers of a cluster: a, and with `standby` b, which a waits for. `leader` is the
    one that is written to, which another is after a failover()."""

    def __init__(self, standby=False, options="", size=None):
        """`size`: of a small file system for it, "160m"."""
        self.work = Workdir("pg")
        if standby:  # as pg_rewind needs it; and its WAL is still there
            options += "\nwal_log_hints = on\nwal_keep_size = 256MB\n" \
                "wal_retrieve_retry_interval = 200"
        self.mounted = size is not None
        if size:
            r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%s,mode=0755" % size, "tmpfs",
                                self.work.path], stderr=subprocess.PIPE, text=True)
            if r.returncode != 0:
                self.work.remove()
                import pytest
                pytest.skip("cannot mount a tmpfs here: " + r.stderr.strip())
        self.a = Postgres(self.work.path, "a", options)
        self.b = Postgres(self.work.path, "b", options) if standby else None
        self.leader = self.a

    def start(self):
        self.a.create()
        self.a.start()
        if self.b:
            self.b.follow(self.a)
            self.b.start()
            self.a.reload("synchronous_standby_names = 'b'")
            self.wait_sync()
        return self

    @property
    def standby(self):
        return self.b if self.leader is self.a else self.a

    def wait_sync(self, deadline=20):
        def sync():
            return self.leader.sql("SELECT sync_state FROM pg_stat_replication") == [["sync"]]
        wait_for(sync, deadline, "the standby is synchronous", step=0.2)

    def failover(self):
        """The leader is killed, and the standby takes its place."""
        self.leader.kill()
        self.standby.promote()
        self.leader = self.standby

    def heal(self, rewind=False):
        """Who was the leader before a failover follows the one of now."""
        self.standby.follow(self.leader, rewind)
        self.standby.start()
        self.wait_sync()

    @property
    def conninfo(self):
        hosts = [s.dir for s in (self.a, self.b) if s]
        return "host=%s user=mxwatch dbname=postgres target_session_attrs=read-write " \
            "connect_timeout=2" % ",".join(hosts)

    def close(self):
        for s in (self.b, self.a):
            if s and os.path.exists(os.path.join(s.data, "postmaster.pid")):
                s.stop()
        if self.mounted:
            subprocess.run(["umount", "-l", self.work.path])
        self.work.remove()


class Link:
    """The way of one node to a server, which can be made bad: "drop" swallows what comes,
    "slow" lets it wait, "deaf" swallows the answers alone. cut() ends all connections,
    half() closes what the server has to say."""

    def __init__(self, server):
        self.server = server
        self.mode = "good"
        self.pairs = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        accept_each(self.listener, self._serve)

    def _serve(self, sock):
        there = socket.socket(socket.AF_UNIX)
        try:
            there.connect(os.path.join(self.server.dir, ".s.PGSQL.5432"))
        except OSError:
            sock.close()
            return
        with self.lock:
            self.pairs.append((sock, there))
        t = threading.Thread(target=self._pump, args=(there, sock, "deaf"), daemon=True)
        t.start()
        self._pump(sock, there, None)
        t.join()
        with self.lock:
            self.pairs.remove((sock, there))
        sock.close()
        there.close()

    def _pump(self, a, b, bad):
        try:
            while data := a.recv(65536):
                mode = self.mode
                if mode == "slow":
                    time.sleep(0.05)
                if mode != "drop" and mode != bad:
                    b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _each(self, do):
        with self.lock:
            for sock, there in self.pairs:
                try:
                    do(sock, there)
                except OSError:
                    pass

    def cut(self):
        self._each(lambda sock, there: sock.shutdown(socket.SHUT_RDWR))

    def half(self):
        self._each(lambda sock, there: sock.shutdown(socket.SHUT_WR))

    def close(self):
        self.listener.close()
        self.cut()


class Nodes:
    """Nodes of a cluster: n[0], n[1], ... are called mx1, mx2, ... With `links` each has
    a Link of its own to each server: links has those of the first node first."""

    def __init__(self, stack, engine, domains, count=2, cluster="", links=False, lease="3s", **kw):
        self.engine = engine
        self.n, self.links = [], []
        sync = "" if "require_sync" in cluster else "require_sync = %s " % (
            "yes" if engine.b else "no")
        options = kw.pop("options", "")
        kw.setdefault("defaults", FAST)
        for i in range(count):
            name = "mx%d" % (i + 1)
            conninfo = engine.conninfo
            if links:
                mine = [stack.add(Link(s), lambda link: link.close())
                        for s in (engine.a, engine.b) if s]
                self.links += mine
                conninfo = "host=%s port=%s user=mxwatch dbname=postgres " \
                    "target_session_attrs=read-write connect_timeout=2" % (
                        ",".join("127.0.0.1" for _ in mine),
                        ",".join(str(link.port) for link in mine))
            section = CLUSTER % (conninfo, name, lease, sync + cluster)
            self.n.append(stack.mxwatchd(
                domains, start=False, name=name,
                options='hostname = "%s.backup.test"\n%s\n%s\n' % (name, section, options) +
                'alerts { instance = "backup.test" }', **kw))
        r = self.n[0].schema("init")
        assert r.returncode == 0, r.stdout + r.stderr

    def start(self):
        for d in self.n:
            d.spawn()
        for d in self.n:
            d.wait_ready()
        return self

    def owners(self):
        """{domain: name of the node}"""
        return dict(self.engine.leader.sql(
            "SELECT u.name, n.name FROM mxwatch.unit u JOIN mxwatch.node n ON n.id = u.owner"))

    def node(self, name):
        return self.n[int(name[2:]) - 1]

    def owner(self, domain):
        return self.node(self.owners()[domain])

    def other(self, domain):
        """One that does not own it."""
        return next(d for d in self.n if d is not self.owner(domain))

    def wait_owned(self, domains, deadline=20):
        """All of them have an owner that runs."""
        def owned():
            owners = self.owners()
            for d in domains:
                assert d in owners, "%s has no owner" % d
                assert self.node(owners[d]).proc is not None, "%s: %s" % (d, owners[d])
            return owners
        return wait_for(owned, deadline, "all domains have an owner", step=0.1)
