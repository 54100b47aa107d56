# SPDX-License-Identifier: ISC
"""50,000 domains from a folder (DOMAINS): the first time, one added, one changed, one
gone, and a restart; and what a session that says NOOP waits meanwhile at most."""
import json
import os
import subprocess
import sys
import time

from lib.net import Workdir
from lib.noop import Noop
from lib.smtp import Raw
from lib.wait import wait_for

DOMAINS = int(os.environ.get("DOMAINS", "50000"))
NETWORK = "198.51.100.0/24"


def say(*text):
    print("domains:", *text, file=sys.stderr, flush=True)


def write(path, domains):
    file = os.path.join(path, "domains.json")
    with open(file + ".new", "w") as f:
        json.dump({"domains": domains}, f)
    return file


def put(path, domains):
    file = write(path, domains)
    os.rename(file + ".new", file)


def test_fifty_thousand_domains(stack):
    subprocess.run(["ip", "route", "replace", "local", NETWORK, "dev", "lo"], check=False)
    path = stack.add(Workdir("from"), lambda w: w.remove()).path
    domains = [{"name": "d%05d.test" % i, "primary": ["198.51.100.%d:2525" % (i % 200 + 1)],
                "lifetime": "9d"} for i in range(DOMAINS)]
    put(path, domains[:1])
    d = stack.mxwatchd({"own.test": 'primary = {"127.0.0.1:9"}'}, defaults="probe { enabled = no }",
                       smtpd="max_commands = 100000",
                       options='domains_from = "%s"\ndomains_from_networks = "%s"\n'
                       % (path, NETWORK))
    d.wait_log("new=1 changed=0 gone=0")

    def change(what, done):
        file = write(path, domains)  # not what is measured
        noop, begin = Noop(d.port), time.monotonic()
        os.rename(file + ".new", file)
        # By the log, for a status of 50,000 domains would be a load itself.
        wait_for(lambda: done in d.log(), 120, what, step=0.5)
        time.sleep(2)  # what is done behind it, too: the old one goes, the copy is kept
        say("%s after %.1f s; %s" % (what, time.monotonic() - begin - 2, noop.result()))

    change("%d added" % (DOMAINS - 1), "new=%d changed=0 gone=0" % (DOMAINS - 1))
    domains.append(dict(domains[0], name="one.test"))
    domains[77] = dict(domains[77], lifetime="8d")
    del domains[99]
    change("one added, one changed, one gone", "new=1 changed=1 gone=1")
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        assert c.cmd("RCPT TO:<u@one.test>").startswith("250")
        assert c.cmd("RCPT TO:<u@d00099.test>").startswith("554")
    domains[5] = dict(domains[5], primary=["127.0.0.1"])
    change("refused", "is the loopback")
    say("RSS %d MB, the text %d MB" % (
        d.rss() >> 20, os.path.getsize(os.path.join(path, "domains.json")) >> 20))
    d.stop()
    begin = time.monotonic()
    d.start()
    say("restart: ready after %.1f s" % (time.monotonic() - begin))
    with Raw(d.port) as c:
        c.ok("EHLO client.test")
        c.ok("MAIL FROM:<s@sender.test>")
        assert c.cmd("RCPT TO:<u@one.test>").startswith("250")
