# SPDX-License-Identifier: ISC
"""A PostgreSQL that Patroni keeps: some members over one etcd, with a synchronous standby. In
place of an Engine for Nodes."""
import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

from .engine import Postgres, bindir
from .net import Workdir, free_port
from .wait import wait_for

CONF = """\
scope: mxwatch
name: %(name)s
restapi: {listen: "127.0.0.1:%(rest)d", connect_address: "127.0.0.1:%(rest)d"}
etcd3: {host: "127.0.0.1:%(etcd)d"}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql: {use_pg_rewind: true}
  initdb: [{encoding: UTF8}, {locale: C}]
postgresql:
  listen: "127.0.0.1:%(port)d"
  connect_address: "127.0.0.1:%(port)d"
  data_dir: "%(dir)s/data"
  bin_dir: "%(bin)s"
  pgpass: "%(dir)s/pgpass"
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust",
           "host replication all 127.0.0.1/32 trust"]
  authentication:
    superuser: {username: mxwatch, password: x}
    replication: {username: replicator, password: x}
  parameters: {unix_socket_directories: "%(dir)s", fsync: "off", wal_log_hints: "on"}
"""


class Member(Postgres):
    """Patroni, and the server that it keeps."""

    def __init__(self, top, name, etcd):
        super().__init__(top, name)
        self.port, self.rest = free_port(), free_port()
        self.conf = os.path.join(self.dir, "patroni.yml")
        with open(self.conf, "w") as f:
            f.write(CONF % dict(name=name, rest=self.rest, etcd=etcd, port=self.port,
                                dir=self.dir, bin=self.bin))
        self.proc = None

    def start(self):
        user = "postgres" if os.getuid() == 0 else None
        with open(os.path.join(self.dir, "patroni.log"), "ab") as log:
            self.proc = subprocess.Popen(["patroni", self.conf], cwd="/", user=user, group=user,
                                         extra_groups=[] if user else None, stdout=log,
                                         stderr=log, stdin=subprocess.DEVNULL)
        return self

    def kill(self):
        """The machine is gone: Patroni and the server."""
        self.proc.kill()
        self.proc.wait()
        self.proc = None
        super().kill()

    def close(self):
        if self.proc:
            self.proc.terminate()
            try:
                self.proc.wait(20)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            self.signal(signal.SIGKILL)

    def ask(self, path, data=None):
        req = urllib.request.Request("http://127.0.0.1:%d%s" % (self.rest, path),
                                     data=data and json.dumps(data).encode())
        try:
            with urllib.request.urlopen(req, timeout=60) as r:
                return r.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.read().decode()

    def sql(self, text):
        r = subprocess.run([os.path.join(self.bin, "psql"), "-h", self.dir, "-p", str(self.port),
                            "-U", "mxwatch", "-d", "postgres", "-AtqX", "-F", "\t", "-c", text],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        assert r.returncode == 0, r.stderr
        return [line.split("\t") for line in r.stdout.splitlines()]


class Patroni:
    b = True  # there is a standby

    def __init__(self, members=3):
        for tool in ("patroni", "etcd"):
            if shutil.which(tool) is None:
                import pytest
                pytest.skip("no %s is installed" % tool)
        bindir()
        self.work = Workdir("patroni")
        os.chmod(self.work.path, 0o755)
        self.etcd, self.peer = free_port(), free_port()
        self.store = None
        self.m = [Member(self.work.path, "p%d" % i, self.etcd) for i in range(members)]

    def start(self):
        url = "http://127.0.0.1:%d"
        with open(os.path.join(self.work.path, "etcd.log"), "wb") as log:
            self.store = subprocess.Popen(
                ["etcd", "--data-dir", os.path.join(self.work.path, "etcd"),
                 "--listen-client-urls", url % self.etcd, "--advertise-client-urls",
                 url % self.etcd, "--listen-peer-urls", url % self.peer,
                 "--initial-advertise-peer-urls", url % self.peer,
                 "--initial-cluster", "default=" + url % self.peer],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for m in self.m:
            m.start()
        self.wait_whole()
        return self

    def cluster(self):
        """[{"name", "role", "state"}] as a member that runs says it."""
        m = next(m for m in self.m if m.proc)
        return json.loads(m.ask("/cluster"))["members"]

    def find_leader(self):
        name = [x["name"] for x in self.cluster() if x["role"] == "leader"]
        assert len(name) == 1, name
        m = next(m for m in self.m if m.name == name[0])
        assert m.proc, "it is dead"
        return m

    @property
    def leader(self):
        return wait_for(self.find_leader, 60, "there is a leader", step=0.3)

    def wait_whole(self, deadline=90):
        """All members are there, one as a synchronous standby."""
        def whole():
            got = self.cluster()
            roles = [x["role"] for x in got]
            assert len(got) == sum(m.proc is not None for m in self.m), got
            assert all(x["state"] in ("running", "streaming") for x in got), got
            assert "leader" in roles and "sync_standby" in roles, got
            assert self.find_leader().sql("SELECT pg_is_in_recovery()") == [["f"]]
            return True
        wait_for(whole, deadline, "Patroni's members are there", step=0.5)

    def switchover(self):
        leader = self.leader
        to = next(x["name"] for x in self.cluster() if x["role"] == "sync_standby")
        return leader.ask("/switchover", {"leader": leader.name, "candidate": to})

    @property
    def conninfo(self):
        return "host=%s port=%s user=mxwatch dbname=postgres target_session_attrs=read-write " \
            "connect_timeout=2" % (",".join("127.0.0.1" for _ in self.m),
                                   ",".join(str(m.port) for m in self.m))

    def close(self):
        for m in self.m:
            m.close()
        if self.store:
            self.store.kill()
            self.store.wait()
        self.work.remove()
