# SPDX-License-Identifier: ISC
"""Many scenarios at once: each has a domain and a scripted primary of its own, all
share one daemon, and each runs in a thread, for most of their time is waiting.

    @scenario(listed=40)
    def it_turns_against_us(c): ...      # c is a Case

    @pytest.mark.parametrize("name", names(__name__))
    def test_a_scenario(crowd, name): crowd.outcome(name)

Where the daemon itself has to be another one, @scenario(apart=True) gets a stack."""
import concurrent.futures
import threading

from .smtp import send, subjects
from .wait import wait_for

THREADS = 16
_all = {}


def scenario(listed=0, up=True, options="", each=None, apart=False, real=None):
    """`listed`: so many boxes are in the recipients file (0: there is none). `up`:
    the primary is there when the scenario begins. `each`: once for each of these
    names, which are given to it. `real`: the primary is Postfix, with these
    arguments."""
    def register(f):
        for name in each or [None]:
            full = f.__name__ + ("" if name is None else "-" + name)
            _all.setdefault(f.__module__, {})[full] = dict(
                f=f, args=[] if name is None else [name], listed=listed, up=up,
                options=options, apart=apart, real=real)
        return f
    return register


def names(module):
    return list(_all[module])


class Case:
    """What a scenario sees of the daemon: its own domain."""

    def __init__(self, crowd, name, domain, mx):
        self.crowd, self.d = crowd, crowd.d
        self.name, self.domain, self.mx = name, domain, mx

    def box(self, i):
        return "u%d@%s" % (i, self.domain)

    def taken_alone(self, boxes):
        """The misbehaviour that leaves out these boxes, and the probe's."""
        return "except=postmaster@%s,%s" % (self.domain, ",".join(self.box(i) for i in boxes))

    def listed(self, n):
        """The recipients file."""
        return self.d.file(self.domain, "".join("%s ok\n" % self.box(i) for i in range(n)))

    def send(self, subject, rcpts=None, **kw):
        return send(self.d.port, subject, rcpts=rcpts or [self.box(0)], **kw)

    def mail(self, n, first=0):
        for i in range(first, first + n):
            self.send("m%d" % i, [self.box(i)], sender="s%d@sender.test" % i)

    def got(self):
        """The subjects of what was delivered."""
        return subjects(m.data for m in list(self.mx.messages))

    def get(self, name, **labels):
        return self.crowd.metrics().get(name, domain=self.domain, **labels)

    def sum(self, name, **labels):
        return self.crowd.metrics().sum(name, domain=self.domain, **labels)

    def state(self):
        return self.crowd.metrics().state(self.domain)

    def queued(self):
        return self.crowd.metrics().queued(self.domain)

    def bounced(self):
        return self.sum("delivery_recipients_bounced_total")

    def tripped(self):
        return self.get("breaker_tripped") == 1

    def trips(self):
        return self.get("breaker_trips_total")

    def downs(self):
        return self.get("watchdog_transitions_total", to="down")

    def alerts(self):
        """[(alert, severity)]"""
        return [(a["alert"], a["severity"]) for a in self.d.status()["alerts"]
                if a.get("domain") == self.domain]

    def log(self):
        return [line for line in self.d.log().splitlines()
                if "domain=%s " % self.domain in line]

    def wait_state(self, state, deadline=20):
        wait_for(lambda: self.state() == state, deadline, "%s is %s" % (self.domain, state))

    def wait_empty(self, deadline=20):
        wait_for(lambda: self.queued() == 0, deadline, "%s is empty" % self.domain, step=0.1)

    def mended(self, n, deadline=40):
        self.mx.misbehave[:] = []
        wait_for(lambda: len(set(self.got())) >= n, deadline, "all of it")
        self.wait_empty()
        self.wait_state("up")
        assert not self.tripped() and self.bounced() == 0


class Crowd:
    """`wanted`: the names of the scenarios that run, of that module."""

    def __init__(self, stack, module, wanted, **daemon):
        self.stack = stack
        self.d = stack.mxwatchd({}, start=False, **daemon)
        self.lock = threading.Condition()
        self.begun = self.done = 0
        self.last = None
        mine = {n: s for n, s in _all[module].items() if n in wanted}
        self.cases = {n: self._case(n, i, s) for i, (n, s) in enumerate(mine.items())
                      if not s["apart"]}
        self.d.write()
        if self.cases:
            self.d.start()
        for n, c in self.cases.items():
            c.wait_state("up" if mine[n]["up"] else "down")
        self.pool = concurrent.futures.ThreadPoolExecutor(THREADS)
        # What takes long goes first.
        order = sorted(mine, key=lambda n: not (mine[n]["real"] or mine[n]["apart"]))
        self.runs = {n: self.pool.submit(mine[n]["f"], stack if mine[n]["apart"] else
                                         self.cases[n], *mine[n]["args"]) for n in order}

    def _case(self, name, i, s):
        domain = "d%d.test" % i
        if s["real"] is None:
            mx = self.stack.fakemx(start=s["up"])
        else:
            kw = dict(s["real"])
            boxes = [b + "@" + domain for b in kw.pop("boxes")]
            mx = self.stack.primary([domain], start=s["up"], recipients=boxes, **kw)
        c = Case(self, name, domain, mx)
        text = 'primary = {"127.0.0.1:%d"}\n%s' % (mx.port, s["options"])
        if s["listed"]:
            text += '\nrecipients = "%s"' % c.listed(s["listed"])
        self.d.parts["domains"][domain] = text
        return c

    def metrics(self):
        """As of now; who asks at the same time shares the answer."""
        with self.lock:
            need = self.begun + 1
            while self.done < need:
                if self.begun > self.done:
                    self.lock.wait(30)
                    continue
                self.begun += 1
                self.lock.release()
                got = None
                try:
                    got = self.d.metrics()
                finally:
                    self.lock.acquire()
                    if got is None:
                        self.begun -= 1
                    else:
                        self.last, self.done = got, self.begun
                    self.lock.notify_all()
            return self.last

    def outcome(self, name):
        self.runs[name].result()

    def sections(self, name):
        """For the report of a scenario that failed."""
        c = self.cases.get(name)
        if c is None:
            return []
        out = [("log of mxwatchd about " + c.domain, "\n".join(c.log()[-60:]))]
        if hasattr(c.mx, "events"):
            out.append(("fakemx", "\n".join(str(e) for e in c.mx.events[-40:])))
        else:
            out.append(("Postfix", c.mx.log()[-3000:]))
        return out

    def close(self):
        self.pool.shutdown(wait=True, cancel_futures=True)
