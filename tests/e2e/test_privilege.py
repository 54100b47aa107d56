# SPDX-License-Identifier: ISC
"""What the user of the daemon may do: secrets and keys that it can read, what
`-n` says of a start that would fail."""
import os
import signal
import socket
import subprocess

import pytest

from lib.mxwatchd import PLAIN
from lib.net import certificate, free_port
from lib.wait import wait_for

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="not root")
DOMAIN = {"a.test": 'primary = {"127.0.0.1:9"}'}
HOOK = 'receiver "r" { type = "webhook" url = {"http://127.0.0.1:9/"} token_file = "%s" }'


def put(d, name, mode, owner="root", group="root"):
    path = d.file(name, "secret\n")
    subprocess.run(["chown", "%s:%s" % (owner, group), path], check=True)
    os.chmod(path, mode)
    return path


def check(d, **parts):
    d.write(**parts)
    r = d.run("-n", "-c", d.conf)
    return r.returncode, r.stdout + r.stderr


def test_secrets(stack):
    """One rule for all: its owner, or the group of the daemon, and nobody else;
    and the user really has to be able to read it."""
    d = stack.mxwatchd(DOMAIN, user="nobody", start=False)
    cert, key = certificate(d.dir, "mx2.backup.test")
    places = [lambda p: {"options": HOOK % p},
              lambda p: {"smtpd": 'tls_cert = "%s" tls_key = "%s"' % (cert, p)},
              lambda p: {"web": 'tls_cert = "%s" tls_key = "%s"' % (cert, p)},
              lambda p: {"web": 'basic_auth_file = "%s"' % p}]
    plain = dict(options="", smtpd="", web="")
    pem = open(key).read()
    users = "ada:$2y$05$abcdefghijklmnopqrstuuKQnUeHvmJnUPDVnA0mNnqUQ0m5bS5y.\n"
    for n, place in enumerate(places):
        for mode, owner, group, says in [
                (0o600, "nobody", "root", None),
                (0o640, "root", "nogroup", None),
                (0o600, "root", "root", "Permission denied"),
                (0o640, "root", "root", "Permission denied"),
                (0o640, "nobody", "root", "its group, which is not the daemon's"),
                (0o604, "nobody", "root", "accessible to users other"),
                (0o644, "nobody", "nogroup", "accessible to users other")]:
            path = put(d, "secret", mode, owner, group)
            with open(path, "w") as f:
                f.write(["x", pem, pem, users][n])
            rc, out = check(d, **{**plain, **place(path)})
            assert (rc == 0) == (says is None), (n, oct(mode), owner, group, out)
            assert (says or "configuration OK") in out, (n, oct(mode), out)
    # The start and a reload judge as -n does.
    bad = put(d, "secret", 0o600)
    d.write(**{**plain, "options": HOOK % bad})
    d.spawn()
    assert d.wait_exit() == 2 and "Permission denied" in d.log()
    d.write(**plain)
    d.start()
    rc, out = d.reload(options=HOOK % bad)
    assert rc == 2 and "Permission denied" in out
    os.chown(bad, 65534, -1)
    assert d.reload()[0] == 0
    # mxwatchctl finds the socket whoever may read the secrets.
    key = put(d, "key", 0o640, "root", "nogroup")
    d.write(**{**plain, "options": HOOK % key})
    outer = d.file("outer.conf", 'include "%s"\n' % d.conf)
    r = subprocess.run([os.path.join(d.build, "mxwatchctl"), "-c", outer, "status"],
                       capture_output=True, text=True, env=d.environment())
    assert r.returncode == 0, r.stderr


def test_start_that_would_fail(stack):
    d = stack.mxwatchd(DOMAIN, user="nobody", start=False)
    cert, key = certificate(d.dir, "mx2.backup.test")
    other = certificate(d.dir, "other.test")[1]
    for path in (key, other):
        os.chown(path, 65534, -1)
    plain = dict(options="", smtpd="", web="", domains=DOMAIN, user="nobody")

    def wrong(says, **parts):
        rc, out = check(d, **{**plain, **parts})
        assert rc == 2 and says in out and "configuration OK" not in out, out
        d.spawn()
        assert d.wait_exit() != 0, says

    assert check(d, **plain)[0] == 0
    wrong("smtpd: ", smtpd='tls_cert = "%s" tls_key = "%s"' % (cert, other))
    wrong("web: ", web='tls_cert = "%s" tls_key = "%s"' % (cert, other))
    wrong("does not exist", user="nosuchuser")
    wrong("Permission denied", domains={"a.test": 'primary = {"127.0.0.1:9"} recipients = "%s"'
                                        % put(d, "list", 0o600)})
    with socket.socket() as s:
        port = free_port()
        s.bind(("127.0.0.1", port))
        s.listen()
        wrong("web: listen 127.0.0.1:%d is in use by another program, " % port,
              web='listen = {"127.0.0.1:%d"}' % port)
    # Its own ports are no fault while it runs.
    d.write(**plain)
    d.start()
    rc, out = check(d, **plain)
    assert rc == 0, out
    # Who is not root says what he cannot see.
    r = subprocess.run(["setpriv", "--reuid=daemon", "--clear-groups",
                        os.path.join(d.build, "mxwatchd"), "-n", "-c", d.conf],
                       capture_output=True, text=True, env=d.environment())
    assert 'files were checked as user "daemon", but the daemon will run as "nobody"' in r.stderr, r.stderr


def test_no_new_privileges(stack):
    """A set-user-ID program of a receiver runs as the user of the daemon."""
    d = stack.mxwatchd(DOMAIN, user="nobody", start=False)
    program, out = os.path.join(d.dir, "id"), os.path.join(d.dir, "out")
    subprocess.run(["cp", "/usr/bin/tee", program], check=True)
    os.chmod(program, 0o4755)
    exec_r = 'receiver "x" { type = "exec" command = {%s} }'
    rc, said = check(d, options=exec_r % ('"%s", "%s"' % (program, out)))
    assert rc == 0 and "is set-user-ID" in said, said
    assert "set-group-ID program" in check(d, options=exec_r % '"/usr/sbin/sendmail"')[1]
    d.write(options=exec_r % ('"%s", "%s"' % (program, out))).start()
    with open("/proc/%d/status" % d.proc.pid) as f:
        assert "NoNewPrivs:\t1\n" in f.read()
    rc, said = d.ctl("alert", "test", "x")
    assert os.stat(out).st_uid == 65534, "what it made: " + said


def status(pid, name):
    with open("/proc/%d/status" % pid) as f:
        return dict(x.rstrip("\n").split(":\t", 1) for x in f).get(name)


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(x) for x in f.read().split()]


def plain(stack, **kw):
    """The build without sanitizers, which have no filter."""
    return stack.mxwatchd(DOMAIN, user="nobody", build=PLAIN, **kw)


def exec_receiver(d, name, script):
    path = d.file(name, "#!/bin/sh\n" + script)
    os.chmod(path, 0o755)
    return 'receiver "%s" { type = "exec" command = {"%s"} }' % (name, path)


def test_filter_and_spawner(stack):
    """The daemon starts nothing; who does starts only what the file names."""
    d = plain(stack, start=False)
    out = os.path.join(d.dir, "out")
    d.write(options=exec_receiver(d, "one", "grep -E '^(Seccomp|NoNewPrivs|Uid):' "
                                  "/proc/$$/status >%s\n" % out)).start()
    os.chmod(d.dir, 0o777)
    assert d.logged("seccomp=yes")
    assert status(d.proc.pid, "Seccomp") == "2"
    spawner, = children(d.proc.pid)
    assert status(spawner, "Name") == "mxwatchd-spawn"
    assert [status(spawner, x) for x in ("Seccomp", "NoNewPrivs", "Uid")] == [
        "0", "1", "65534\t65534\t65534\t65534"]
    assert sorted(os.listdir("/proc/%d/fd" % spawner)) == ["0", "1", "2", "3"]
    rc, said = d.ctl("alert", "test", "one")
    assert rc == 0, said
    with open(out) as f:
        assert "Seccomp:\t0\n" in f.read()
    # The spawner learns of a new one by itself, and of one that is gone.
    rc, said = d.reload(options=exec_receiver(d, "two", "exit 0\n"))
    assert rc == 0, said
    assert d.ctl("alert", "test", "two")[0] == 0
    with open(d.conf) as f:
        text = f.read()
    with open(d.conf, "w") as f:
        f.write(text.replace("/two", "/three"))
    exec_receiver(d, "three", "exit 0\n")
    assert d.ctl("alert", "test", "two")[0] == 0, "it is in force"
    d.ctl("reload")
    assert d.ctl("alert", "test", "two")[0] == 0
    # Without a spawner nothing is started, and it is said; mail goes on.
    os.kill(spawner, signal.SIGKILL)
    rc, said = d.ctl("alert", "test", "two")
    assert rc != 0 and "restart mxwatchd" in said, said
    d.stop()
    # It ends with the daemon, however that ends, and so do the programs.
    life = os.path.join(d.dir, "life")
    d.write(options=exec_receiver(d, "slow", "echo $$ >%s\nexec sleep 600\n" % life)).start()
    spawner, = children(d.proc.pid)
    test = subprocess.Popen([os.path.join(d.build, "mxwatchctl"), "-s", d.socket, "alert",
                             "test", "slow"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: os.path.exists(life) and open(life).read().strip(), 10, "it runs")
    d.kill9()
    test.wait()
    for pid in (spawner, int(open(life).read())):
        wait_for(lambda: not os.path.exists("/proc/%d" % pid)
                 or status(pid, "State").startswith("Z"), 10, "%d ends" % pid)


def test_no_filter(stack):
    d = plain(stack, options="seccomp = no", start=False)
    d.start()
    assert d.logged("seccomp=no") and status(d.proc.pid, "Seccomp") == "0"
