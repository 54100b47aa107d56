# SPDX-License-Identifier: ISC
"""Fixtures. `stack` and `module_stack` make servers and end them, newest
first, when the test or the module is over; every mxwatchd is asked to stop
and has to do so with exit code 0 and without a word from a sanitizer."""
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from lib.beside import Beside, is_beside, last  # noqa: E402
from lib.browser import Browser         # noqa: E402
from lib.cases import cases, note       # noqa: E402
from lib.dns import Dns                 # noqa: E402
from lib.engine import Engine, Nodes    # noqa: E402
from lib.fakehook import FakeHook       # noqa: E402
from lib.fakemx import FakeMx           # noqa: E402
from lib.mxwatchd import BUILD, Mxwatchd  # noqa: E402
from lib.net import LocalAddress, Workdir, free_port  # noqa: E402
from lib.primary import Primary         # noqa: E402


class Stack:
    def __init__(self):
        self.open = []

    def add(self, thing, close):
        self.open.append((thing, close))
        return thing

    def mxwatchd(self, domains, start=True, **kw):
        d = self.add(Mxwatchd(domains, **kw), lambda d: d.close())
        d.write()
        return d.start() if start else d

    def primary(self, domains=("a.test",), start=True, **kw):
        p = self.add(Primary(domains, **kw), lambda p: p.close())
        return p.start() if start else p

    def fakemx(self, start=True, **kw):
        kw.setdefault("port", 0)
        kw["port"] = kw["port"] or free_port((kw.get("host", "127.0.0.1"),))
        m = self.add(FakeMx(**kw), lambda m: m.stop())
        return m.start() if start else m

    def fakehook(self, **kw):
        return self.add(FakeHook(**kw), lambda h: h.stop()).start()

    def address(self, address):
        a = self.add(LocalAddress(address), lambda a: a.close())
        if not a.added:
            pytest.skip("cannot add %s to the loopback interface: %s" % (address, a.why))
        return address

    def engine(self, **kw):
        return self.add(Engine(**kw), lambda e: e.close()).start()

    def nodes(self, domains, count=2, engine=None, start=True, **kw):
        n = Nodes(self, engine or self.engine(), domains, count, **kw)
        return n.start() if start else n

    def dns(self, zones, **kw):
        return self.add(Dns(zones, **kw), lambda d: d.close()).start()

    def close(self):
        errors = []
        while self.open:
            thing, close = self.open.pop()
            try:
                close(thing)
            except Exception as e:  # the others have to be ended, too
                errors.append(e)
        if errors:
            raise errors[0]


@pytest.fixture
def stack():
    s = Stack()
    yield s
    s.close()


@pytest.fixture(scope="module")
def module_stack():
    s = Stack()
    yield s
    s.close()


@pytest.fixture(scope="module")
def chrome():
    b = Browser()
    yield b
    b.close()


@pytest.fixture
def tmpfs():
    """A small file system, 24 MB."""
    w = Workdir("tmpfs")
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0755", "tmpfs", w.path],
                       stderr=subprocess.PIPE, text=True)
    if r.returncode != 0:
        w.remove()
        pytest.skip("cannot mount a tmpfs here: " + r.stderr.strip())
    yield w.path
    subprocess.run(["umount", "-l", w.path])
    w.remove()


def told(stack):
    """What its servers logged, for the report of a test that failed."""
    sections = []
    for thing, _ in stack.open:
        if isinstance(thing, Mxwatchd) and os.path.exists(thing.log_path):
            sections.append(("log of mxwatchd", thing.log()[-6000:]))
        elif isinstance(thing, FakeMx):
            sections.append(("fakemx", "\n".join(str(e) for e in thing.events[-40:])))
        elif isinstance(thing, Primary):
            sections.append(("Postfix", thing.log()[-3000:]))
    return sections


@pytest.fixture(scope="module")
def beside(request):
    """The tests of the module that run side by side, under way."""
    b = Beside(request, Stack, told)
    yield b
    b.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "beside: runs side by side with others (lib/beside.py)")


def pytest_collection_modifyitems(items):
    for item in items:
        if is_beside(item) and "beside" not in item.fixturenames:
            item.fixturenames.append("beside")
    last(items)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not is_beside(pyfuncitem):
        return None
    pyfuncitem.funcargs["beside"].outcome(pyfuncitem)
    return True


def pytest_report_header(config):
    return "mxwatchd: " + BUILD


def pytest_itemcollected(item):
    """-k case_C5_ finds test_case_C4_C5_full_disk."""
    item.extra_keyword_matches.update("case_%s_" % c for c in cases(item.name))


def pytest_runtest_logreport(report):
    note(report)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of what its daemons logged."""
    report = (yield).get_result()
    if not report.failed:
        return
    if "crowd" in item.funcargs and call.when == "call":  # of thirty scenarios one failed
        report.sections += item.funcargs["crowd"].sections(item.callspec.params["name"])
    if "crowd" in item.funcargs:
        return
    if "beside" in item.funcargs:
        report.sections += item.funcargs["beside"].sections(item)
    for name in ("stack", "module_stack"):
        if name in item.funcargs:
            report.sections += told(item.funcargs[name])
