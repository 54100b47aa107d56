# SPDX-License-Identifier: ISC
"""Ten thousand domains, each with a list of its own at a web server: how long until
all are known, what a session beside waits meanwhile, and again in a reload, when
all of them are asked again. LISTS chooses how many."""
import os
import sys
import time

from lib.lists import Nginx
from lib.net import Workdir, certificate
from lib.noop import Noop
from lib.smtp import Raw
from lib.wait import wait_for

LISTS = int(os.environ.get("LISTS", "10000"))


def say(*text):
    print("sources:", *text, file=sys.stderr, flush=True)


def asked(n):
    """Of the server, for looking at 10,000 domains would be a load itself."""
    with open(os.path.join(n.dir, "access.log"), "rb") as f:
        return f.read().count(b"\n")


def test_ten_thousand_lists(stack):
    tls = certificate(stack.add(Workdir("tls"), lambda w: w.remove()).path, "localhost")
    n = stack.add(Nginx(*tls), lambda n: n.close())
    for i in range(LISTS):
        n.put("".join("u%d@d%d.test OK\n" % (k, i) for k in range(20)), "l%d" % i)
    d = stack.mxwatchd({"d%d.test" % i: 'primary = {"127.0.0.1:9"}\nrecipients = "%s"' %
                        n.url("/l%d" % i) for i in range(LISTS)},
                       start=False, defaults="probe { enabled = no }", smtpd="max_commands = 100000",
                       options='fetch { interval = "1d" ca_file = "%s" }\n' % tls[0])
    begin = time.monotonic()
    d.write().start()
    noop = Noop(d.port, 0.005)
    wait_for(lambda: asked(n) >= LISTS, 600, "all were asked", step=0.5)
    say("%d lists fetched after %.1f s; %s" % (LISTS, time.monotonic() - begin, noop.result()))
    begin, noop = time.monotonic(), Noop(d.port, 0.005)
    assert d.ctl("reload")[0] == 0
    took = time.monotonic() - begin
    wait_for(lambda: asked(n) >= 2 * LISTS, 600, "all are asked again", step=0.5)
    say("reload %.1f s, all asked again after %.1f s; %s; RSS %d MB" % (
        took, time.monotonic() - begin, noop.result(), d.rss() >> 20))
    m = d.metrics()
    assert m.sum("recipients_list_entries") == 20 * LISTS
    assert m.get("fetches_total", result="changed") == LISTS
    d.stop()
    begin = time.monotonic()
    d.start()
    say("restart: ready after %.1f s" % (time.monotonic() - begin))
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        assert c.cmd("RCPT TO:<u7@d7.test>").startswith("250")
        assert c.cmd("RCPT TO:<u77@d7.test>").startswith("550")
