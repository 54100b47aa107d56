# SPDX-License-Identifier: ISC
"""A kernel without IPv6 is a smaller network, not a reason not to start."""
import os
import subprocess

import pytest

from lib.mxwatchd import PLAIN
from lib.smtp import send

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib")


@pytest.fixture
def without(stack):
    """A daemon there: the sanitizers want to be the first that is loaded, so without them."""
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False, build=PLAIN)
    so = os.path.join(d.dir, "no_ipv6.so")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC",
                    "-o", so, os.path.join(LIB, "no_ipv6.c")], check=True)
    d.env["LD_PRELOAD"] = so
    return d


def listens(d, line):
    """The configuration with this line for the addresses that mail comes in by."""
    with open(d.write().conf, encoding="utf-8") as f:
        text = f.read()
    ours = 'listen = {"127.0.0.1:%d"}' % d.port
    assert text.count(ours) == 1
    with open(d.conf, "w", encoding="utf-8") as f:
        f.write(text.replace(ours, line))


def test_default_addresses(stack, without):
    """Where nobody asked for it, IPv6 is left out, and that is said."""
    d = without
    listens(d, "")
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 0 and "configuration OK" in r.stdout, r.stdout + r.stderr
    d.spawn()
    d.wait_ready()
    assert d.logged('listen=[::]:25 problem="the kernel has no IPv6"')
    assert send(25)
    listens(d, "")
    assert d.ctl_run("reload").returncode == 0
    assert send(25)


def test_address_that_was_asked_for(without):
    d = without
    listens(d, 'listen = {"127.0.0.1:%d", "[::]:%d"}' % (d.port, d.port))
    why = "cannot listen on [::]:%d: Address family not supported by protocol" % d.port
    r = d.run("-n", "-c", d.conf)
    assert r.returncode == 2 and why in r.stderr, r.stderr
    d.spawn()
    assert d.wait_exit() != 0
    assert d.logged(why)


def test_primary_with_an_address_of_each(stack, without):
    """Mail goes by the one that can be used, without a penalty for the other."""
    d = without
    mx = stack.fakemx(host=stack.address("192.0.2.40"))
    dns = stack.dns({"p.test": "mx A 192.0.2.40\nmx AAAA 2001:db8::40"})
    listens(d.write(options='resolver = {"127.0.0.1@%d"}' % dns.port,
                    domains={"a.test": 'primary = {"mx.p.test:%d"}' % mx.port}),
            'listen = {"127.0.0.1:%d"}' % d.port)
    d.start(wait="ready")
    d.wait_state("a.test", "up")
    send(d.port)
    d.wait_empty("a.test")
    assert len(mx.messages) == 1
