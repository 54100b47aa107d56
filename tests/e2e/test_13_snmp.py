# SPDX-License-Identifier: ISC
"""The SNMP subagent with a real snmpd: what it shows, and that whatever the
master agent does costs mail nothing."""
import calendar
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from lib.mxwatchd import BUILD
from lib.net import free_port
from lib.smtp import Raw, send
from lib.snmp import (APPL, BOUNCE, DOMAIN, EVENT, GROUP, LINK, MTA, PRIMARY, ROOT, SYSTEM,
                      Snmpd, Traps, key)
from lib.wait import STALL, stays, wait_for

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
AGENTX = os.path.join(BUILD, "mxwatch-agentx")
MIB = os.path.join(BUILD, "exporters/snmp/MXWATCH-MIB.txt")
CHECK_SNMP = "/usr/lib/nagios/plugins/check_snmp"
STATES = ["unknown", "up", "suspect", "down", "recovering", "disabled"]

pytestmark = [
    pytest.mark.skipif(not os.path.exists(AGENTX), reason="built --without-snmp"),
    pytest.mark.skipif(shutil.which("snmpd") is None, reason="snmpd is not installed"),
]


def section(snmpd, more=""):
    return '\nsnmp { agentx = "%s"  program = "%s"  %s }\n' % (snmpd.socket, AGENTX, more)


def connected(d):
    return d.metrics(False).get("agentx_connected") == 1


def wait_connected(d, is_=True, deadline=30):
    wait_for(lambda: connected(d) == is_, deadline, "agentx_connected is %d" % is_)


def wait_served(snmpd, deadline=30):
    wait_for(lambda: snmpd.get(SYSTEM + ".1.0"), deadline, "the objects are there")


def child(d):
    """The pid of the subagent that runs now."""
    return int(re.findall(r"agentx started=1 pid=(\d+)", d.log())[-1])


def by_name(snmpd, name):
    """The index of a domain."""
    for oid, value in snmpd.walk(DOMAIN + ".2"):
        if value == name:
            return key(oid)[-1]
    raise AssertionError(name + " has no row")


@pytest.fixture(scope="module")
def shown(module_stack):
    """A daemon with mail for a domain that is down, and one that is up."""
    s = module_stack
    traps = s.add(Traps(), lambda t: t.close())
    snmpd = s.add(Snmpd(traps.port), lambda p: p.close())
    mx = s.fakemx()
    d = s.mxwatchd({"down.test": 'primary = {"127.0.0.1:9", "[127.0.0.2]:9"}\nlifetime = "5d"',
                    "up.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                   options=section(snmpd, "mta_mib = yes  appl_index = 3"))
    wait_connected(d, False)          # no master at boot: no reason not to run
    d.wait_log("agentx connected=0")
    d.wait_state("down.test", "down")
    for i in range(3):
        send(d.port, "m%d" % i, rcpts=("u@down.test", "v@down.test"))
    snmpd.start()
    wait_connected(d)
    wait_served(snmpd)
    return d, snmpd, traps, mx


def test_01_master_that_comes_later_is_joined_and_told_once(shown):
    d, _, _, _ = shown
    assert d.log().count("agentx connected=1") == 1


# No list, no source, nobody evaluates alerts, nothing was refused.
NOT_HERE = {"mxwDomainListEntries", "mxwDomainListAge", "mxwDomainListTrouble",
            "mxwDomainsSourceDomains", "mxwDomainsSourceAge", "mxwDomainsSourceFailing",
            "mxwBounceDeferred", "mxwBounceBounced", "mxwDomainLearned"} | {
                "mxwDnsbl" + c for c in ("Zone", "State", "Trouble", "Queries", "Hits",
                                         "Failures", "Refusals")}


def test_02_walk_ascends_and_bulk_agrees(shown):
    _, snmpd, _, _ = shown
    got = snmpd.walk()
    names = [oid for oid, _ in got]
    columns = {oid[len(ROOT):] for oid in names}
    for name, end in of_objects().items():
        there = [c for c in columns if c.startswith(end + ".")]
        if name.startswith(("mxwCluster", "mxwNode", "mxwDomainOwner")):
            assert not there, name + " is in the walk, without a cluster"
            continue
        assert there or name in NOT_HERE, name + " is not in the walk"
    assert names == [oid for oid, _ in snmpd.walk(tool="snmpbulkwalk")]
    for oid, _ in got[::7]:
        assert snmpd.get(oid) is not None


def test_03_values_are_those_of_metrics(shown):
    d, snmpd, _, _ = shown
    i = by_name(snmpd, "down.test")

    def same():
        m = d.metrics()
        for column, value in {
                5: m.queued("down.test"), 6: m.get("queue_recipients", domain="down.test"),
                7: m.get("queue_bytes", domain="down.test") // 1024,
                9: m.get("queue_lifetime_seconds", domain="down.test"),
                11: m.get("smtpd_messages_accepted_total", domain="down.test"),
                12: m.get("delivery_recipients_delivered_total", domain="down.test"),
                3: STATES.index(m.state("down.test")) + 1}.items():
            assert snmpd.number("%s.%d.%d" % (DOMAIN, column, i)) == value, column
        age = m.get("queue_oldest_message_age_seconds", domain="down.test")
        assert abs(snmpd.number("%s.8.%d" % (DOMAIN, i)) - age) <= 2
        expiry = m.get("queue_next_expiry_timestamp_seconds", domain="down.test")
        assert abs(snmpd.number("%s.10.%d" % (DOMAIN, i)) - (expiry - time.time())) <= 3
        assert snmpd.number(SYSTEM + ".3.0") == m.sum("queue_messages")
        assert snmpd.number(SYSTEM + ".7.0") == 1
        assert snmpd.number(SYSTEM + ".8.0") == m.get("spool_accepting")
        assert snmpd.number(SYSTEM + ".11.0") == m.sum("smtpd_messages_accepted_total")
        return True
    wait_for(same, 15, "SNMP and /metrics agree")
    assert d.metrics().queued("down.test") == 3
    u = by_name(snmpd, "up.test")
    assert snmpd.number("%s.10.%d" % (DOMAIN, u)) == 2147483647  # nothing to lose
    assert snmpd.number("%s.8.%d" % (DOMAIN, u)) == 0


def of_primary(snmpd, host, port):
    """The index of a primary."""
    for oid, value in snmpd.walk(PRIMARY + ".2"):
        i = key(oid)[-1]
        if value == host and snmpd.number("%s.3.%d" % (PRIMARY, i)) == port:
            return i
    raise AssertionError("%s:%d has no row" % (host, port))


def test_04_primaries(shown):
    d, snmpd, _, mx = shown
    i = by_name(snmpd, "down.test")
    first, second = (of_primary(snmpd, host, 9) for host in ("127.0.0.1", "127.0.0.2"))
    assert snmpd.number("%s.2.%d.1" % (LINK, i)) == first
    assert snmpd.number("%s.2.%d.2" % (LINK, i)) == second
    wait_for(lambda: snmpd.number("%s.4.%d" % (PRIMARY, first)) == 4, 15, "it is down")
    assert snmpd.get("%s.6.%d" % (PRIMARY, first)) == "connect: connection refused"
    assert snmpd.number("%s.7.%d" % (PRIMARY, first)) == 1   # domains
    wait_for(lambda: snmpd.number("%s.8.%d" % (PRIMARY, second)) == 3, 15, "their messages")
    assert snmpd.number("%s.15.%d" % (PRIMARY, first)) == 2
    assert snmpd.number("%s.16.%d" % (PRIMARY, first)) == 2  # connect
    u = of_primary(snmpd, "127.0.0.1", mx.port)
    assert snmpd.number("%s.15.%d" % (PRIMARY, u)) == 1
    assert snmpd.number("%s.17.%d" % (PRIMARY, u)) // 100 == 2
    assert snmpd.number("%s.18.0" % SYSTEM) == 2             # primaries that are down
    before = snmpd.number("%s.20.%d" % (PRIMARY, u))
    wait_for(lambda: snmpd.number("%s.20.%d" % (PRIMARY, u)) > before, 10, "probes are counted")


def test_05_standard_mibs(shown):
    """What a manager sees that knows MTA-MIB only."""
    d, snmpd, _, _ = shown
    i = by_name(snmpd, "down.test")
    assert snmpd.get(APPL + ".2.3") == "mxwatch"
    assert snmpd.number(APPL + ".6.3") == 1
    assert snmpd.number(MTA + ".2.3") == 3
    assert snmpd.get("%s.25.3.%d" % (GROUP, i)) == "down.test"
    assert snmpd.get("%s.25.3.1" % GROUP) == "inbound-other"
    assert snmpd.number("%s.4.3.%d" % (GROUP, i)) == 3
    age = snmpd.number("%s.12.3.%d" % (GROUP, i))
    assert abs(age / 100 - d.metrics().get("queue_oldest_message_age_seconds",
                                           domain="down.test")) <= 2
    assert snmpd.get("%s.24.3.%d" % (GROUP, i)) == ".1.3.6.1.2.1.27.4.25"
    assert snmpd.get("%s.4.3.1" % GROUP) is None  # does not apply: no instance
    snmpd.walk(".1.3.6.1.2.1.27")
    snmpd.walk(".1.3.6.1.2.1.28")


def test_06_bounces_by_status(shown):
    d, snmpd, _, mx = shown
    assert snmpd.walk(BOUNCE) == []
    mx.misbehave = ["rcpt-550=nobody@up.test", "rcpt-451=later@up.test"]
    send(d.port, "bounce", rcpts=("nobody@up.test", "later@up.test"))
    u = by_name(snmpd, "up.test")
    wait_for(lambda: snmpd.get("%s.3.%d.5001" % (BOUNCE, u)) == "1", 20, "a bounce is counted")
    wait_for(lambda: snmpd.get("%s.2.%d.4003" % (BOUNCE, u)), 20, "a deferral is counted")
    assert snmpd.number("%s.14.%d" % (DOMAIN, u)) == 1
    assert snmpd.number(".1.3.6.1.2.1.28.5.1.3.3.%d.5001000" % u) == 1
    mx.misbehave = []
    d.wait_empty("up.test")


@pytest.mark.skipif(not os.path.exists(CHECK_SNMP), reason="check_snmp is not installed")
def test_07_check_snmp(shown):
    """The stock plugin, on a manager that has no module of ours."""
    d, snmpd, _, _ = shown

    def check(warn, crit):
        r = subprocess.run([CHECK_SNMP, "-H", "127.0.0.1", "-p", str(snmpd.port), "-P", "2c",
                            "-C", "public", "-o", SYSTEM + ".3.0", "-w", warn, "-c", crit,
                            "-l", "QUEUE"], env=snmpd.env, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=30)
        return r.returncode, r.stdout
    wait_for(lambda: snmpd.number(SYSTEM + ".3.0") == d.metrics().sum("queue_messages"), 15,
             "the snapshot is of now")
    n = snmpd.number(SYSTEM + ".3.0")
    assert n >= 3
    assert check(str(n), str(n + 1)) == (0, "SNMP OK - QUEUE %d | QUEUE=%d;%d;%d \n" % (
        n, n, n, n + 1))
    assert check(str(n - 1), str(n))[0] == 1
    assert check(str(n - 2), str(n - 1))[0] == 2


def test_08_traps(shown):
    d, snmpd, traps, mx = shown
    i, p = by_name(snmpd, "up.test"), of_primary(snmpd, "127.0.0.1", mx.port)
    mx.stop()
    got = traps.wait(1, ".3.%d = Gauge32: %d\t" % (p, mx.port))[0]
    assert "%s.2.%d = STRING: \"127.0.0.1\"" % (PRIMARY, p) in got
    assert "%s.7.%d = Gauge32: 1\t" % (PRIMARY, p) in got   # domains
    assert "%s.16.%d = INTEGER: 2" % (PRIMARY, p) in got
    assert ".1.3.6.1.2.1.1.3.0 = Timeticks:" in got
    traps.wait(3, "%s.3.%d = INTEGER: 4" % (DOMAIN, i))
    send(d.port, "late", rcpts=("u@up.test",))
    mx.start()
    traps.wait(2, ".3.%d = Gauge32: %d\t" % (p, mx.port))
    traps.wait(8, '"up.test"')
    traps.wait(9, '"up.test"')
    traps.wait(3, "%s.3.%d = INTEGER: 2" % (DOMAIN, i))
    assert d.metrics().get("agentx_notifications_dropped_total") == 0


def test_09_test_notification(shown):
    _, snmpd, traps, _ = shown
    r = subprocess.run([AGENTX, "-t", "-x", snmpd.socket], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=30)
    assert (r.returncode, r.stdout) == (0, "sent\n"), r.stderr
    traps.wait(12, ROOT + ".1.1.1.0")
    r = subprocess.run([AGENTX, "-t", "-x", "unix:/nonexistent/master"],
                       stderr=subprocess.PIPE, text=True, timeout=30)
    assert r.returncode == 1 and "no master agent" in r.stderr


def smtp_seconds(d, rcpt="u@down.test"):
    start = time.monotonic()
    with Raw(d.port) as c:
        c.begin(rcpt=rcpt)
    return time.monotonic() - start


def test_10_stopped_master_costs_mail_nothing(shown):
    """Longer than it takes the subagent to notice; its pings then block it."""
    d, snmpd, _, _ = shown
    usual = max(smtp_seconds(d) for _ in range(5))
    d.metrics()
    snmpd.freeze()
    try:
        end = time.monotonic() + 14
        lag, slow = 0, 0
        while time.monotonic() < end:
            slow = max(slow, smtp_seconds(d))
            lag = max(lag, d.metrics(False).get("event_loop_lag_seconds"))
            time.sleep(0.2)
        assert slow < max(STALL, usual * 3), "SMTP took %.3f s" % slow
        assert lag < STALL, "the loop was late by %.3f s" % lag
        wait_connected(d, False)
    finally:
        snmpd.thaw()
    wait_connected(d)
    wait_served(snmpd)


def served(stack):
    """A daemon and a master of a test's own: what is done to them disturbs no other."""
    snmpd = stack.add(Snmpd(), lambda p: p.close()).start()
    d = stack.mxwatchd({"down.test": 'primary = {"127.0.0.1:9"}',
                        "up.test": 'primary = {"127.0.0.1:%d"}' % stack.fakemx().port},
                       options=section(snmpd, "mta_mib = yes  appl_index = 3"))
    wait_connected(d)
    wait_served(snmpd)
    return d, snmpd


@pytest.mark.beside
def test_11_killed_master_is_rejoined(stack):
    d, snmpd = served(stack)
    lines = d.log().count("agentx connected=")
    snmpd.kill()
    wait_connected(d, False)
    start = time.monotonic()
    snmpd.start()
    wait_served(snmpd, 40)
    assert time.monotonic() - start < 30
    wait_connected(d)
    wait_for(lambda: d.log().count("agentx connected=") == lines + 2, 10)
    assert len(snmpd.walk()) > 50


@pytest.mark.beside
def test_12_killed_subagent_is_restarted(stack):
    d, snmpd = served(stack)
    asked = d.metrics().get("agentx_requests_total")
    os.kill(child(d), signal.SIGKILL)
    wait_connected(d, False, 5)
    wait_connected(d)
    wait_served(snmpd)
    # The counter goes on where it was.
    wait_for(lambda: d.metrics().get("agentx_requests_total") > asked, 10, "requests are counted")


@pytest.mark.beside
def test_13_hung_subagent_is_killed(stack):
    d, snmpd = served(stack)
    pid = child(d)
    os.kill(pid, signal.SIGSTOP)
    d.wait_log('problem="the subagent is stuck"', 45)
    wait_for(lambda: child(d) != pid, 10, "another one")
    wait_connected(d)
    wait_served(snmpd)
    assert d.metrics().get("event_loop_lag_seconds") < STALL


def test_14_numbers_survive_a_restart(shown):
    d, snmpd, _, _ = shown
    before = {n: by_name(snmpd, n) for n in ("down.test", "up.test")}
    domains = dict(d.parts["domains"])
    domains["a-new-one.test"] = 'primary = {"127.0.0.1:9"}'
    d.restart(domains=domains)
    wait_connected(d)
    wait_served(snmpd)
    for name, index in before.items():
        assert by_name(snmpd, name) == index
    assert by_name(snmpd, "a-new-one.test") == max(before.values()) + 1


def test_15_reload_ends_and_starts_it(shown):
    d, snmpd, _, _ = shown
    pid = child(d)
    options = d.parts["options"]
    rc, out = d.reload(options="")
    assert rc == 0, out
    wait_for(lambda: not os.path.exists("/proc/%d" % pid), 10, "it is gone")
    assert snmpd.get(SYSTEM + ".1.0") is None
    rc, out = d.reload(options=options)
    assert rc == 0, out
    wait_connected(d)
    wait_served(snmpd)


def many(n, port):
    return {"d%03d.test" % i: 'primary = {"127.0.0.1:%d"}' % port for i in range(n)}


def states_told(traps, state):
    """The domains of which a trap said that they are in that state, each as often as it did."""
    return sorted(re.findall(r'STRING: "(d\d+\.test)"\t.*\.3\.\d+ = INTEGER: %d\t' % state,
                             "\n".join(traps.of(3))))


@pytest.mark.beside
def test_16_storm_is_told_without_loss(stack):
    """300 domains lose their one primary while the master agent does not move: the
    primary is told of once, each domain once, and nothing is lost on the way."""
    traps = stack.add(Traps(), lambda t: t.close())
    snmpd = stack.add(Snmpd(traps.port), lambda p: p.close()).start()
    port = free_port()
    mx = stack.fakemx(port=port)
    names = many(300, port)
    d = stack.mxwatchd(names, options=section(snmpd))
    wait_connected(d)
    d.wait_state("d299.test", "up")
    wait_for(lambda: len(snmpd.walk(DOMAIN + ".2")) == 300, 15, "all have their rows")
    wait_for(lambda: d.metrics(False).get("agentx_notifications_waiting") == 0, 30)
    assert not traps.of(1)
    snmpd.freeze()
    try:
        mx.stop()
        d.wait_state("d299.test", "down")
        assert smtp_seconds(d, "u@d001.test") < STALL
        assert d.metrics(False).get("event_loop_lag_seconds") < STALL
        assert d.metrics(False).get("agentx_notifications_waiting") >= 300
    finally:
        snmpd.thaw()
    wait_for(lambda: set(states_told(traps, 4)) == set(names), 60, "each domain is told of")
    wait_for(lambda: d.metrics(False).get("agentx_notifications_waiting") == 0, 30)
    # One that the master took while it was thought to hang may come twice.
    assert len(states_told(traps, 4)) <= 302
    down = traps.wait(1)
    assert len(down) <= 2
    assert all("%s.7.2 = Gauge32: 300\t" % PRIMARY in t for t in down)
    assert d.metrics().get("agentx_notifications_dropped_total") == 0
    wait_served(snmpd, 40)
    # A row each, too.
    wait_for(lambda: [v for _, v in snmpd.walk(DOMAIN + ".3")] == ["4"] * 300, 20)


@pytest.mark.beside
def test_16_values_are_those_of_the_moment(stack):
    """What waited for the master says what was true when it happened."""
    traps = stack.add(Traps(), lambda t: t.close())
    snmpd = stack.add(Snmpd(traps.port), lambda p: p.close())
    mx = stack.fakemx(port=free_port())
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       options=section(snmpd))
    d.wait_state("a.test", "up")
    mx.stop()
    d.wait_state("a.test", "down")
    d.wait_log("state=suspect->down")
    down = time.time()
    for i in range(2):
        send(d.port, "m%d" % i, rcpts=("u@a.test",))
    mx.start()
    d.wait_empty("a.test")
    d.wait_state("a.test", "up")
    snmpd.start()                     # now only
    begun = traps.wait(8, '"a.test"', 30)[0]
    assert ".5.2 = Gauge32: 2\t" in begun + "\t", begun
    assert ".5.2 = Gauge32: 0\t" in traps.wait(9, '"a.test"')[0]
    assert ".12.2 = Counter64: 2" in traps.of(9)[0]          # delivered
    hexes = re.search(r"\.1\.8\.1\.0 = Hex-STRING: ([0-9A-F ]+)", traps.wait(1)[0]).group(1)
    year, month, day, h, m, s = [int(x, 16) for x in hexes.split()[1:7]]
    told = calendar.timegm((0x700 + year, month, day, h, m, s))
    assert abs(told - down) < 30
    assert d.metrics().get("agentx_notifications_dropped_total") == 0


@pytest.mark.beside
def test_16_what_has_no_room_is_counted_and_alerted(stack):
    traps = stack.add(Traps(), lambda t: t.close())
    snmpd = stack.add(Snmpd(traps.port), lambda p: p.close()).start()
    port = free_port()
    mx = stack.fakemx(port=port)
    d = stack.mxwatchd(many(60, port), options=section(snmpd, "trap_queue = 16  trap_rate = 5"))
    wait_connected(d)
    d.wait_state("d059.test", "up")
    wait_for(lambda: d.metrics(False).get("agentx_notifications_waiting") == 0, 30)
    dropped = d.metrics().get("agentx_notifications_dropped_total")
    assert dropped == 0               # that all is well at the start is a courtesy
    mx.stop()
    d.wait_state("d059.test", "down")
    wait_for(lambda: d.metrics(False).get("agentx_notifications_waiting") == 0, 30)
    dropped = d.metrics().get("agentx_notifications_dropped_total")
    assert dropped > 0
    assert len(traps.of(1)) == 1      # the primary goes first
    told = len(set(states_told(traps, 4)) | set(states_told(traps, 3)))
    assert told < 60 <= told + dropped
    d.wait_log('agentx problem="notifications were dropped"')
    wait_for(lambda: d.metrics().get("alerts_active", alert="traps_lost") == 1, 15)
    wait_for(lambda: snmpd.number(SYSTEM + ".20.0") == dropped, 15)


@pytest.mark.beside
def test_16_second_subagent_waits_for_its_turn(stack):
    """Two daemons at one master: the second one does not say that it is connected,
    and takes over when the first one is gone."""
    snmpd = stack.add(Snmpd(), lambda p: p.close()).start()
    domains = {"a.test": 'primary = {"127.0.0.1:9"}'}
    d = stack.mxwatchd(domains, options=section(snmpd))
    wait_connected(d)
    other = stack.mxwatchd(domains, options=section(snmpd))
    other.wait_log("module=MXWATCH-MIB", 30)
    other.wait_log("agentx connected=0")
    assert other.metrics().get("agentx_connected") == 0
    assert other.metrics().get("agentx_modules_taken") == 1
    assert d.metrics().get("agentx_connected") == 1
    assert "MXWATCH-MIB" in other.ctl("status")[1]
    d.stop()
    wait_connected(other, True, 60)
    wait_served(snmpd)
    assert other.metrics().get("agentx_modules_taken") == 0
    assert other.logged("module=MXWATCH-MIB taken=0")


@pytest.mark.beside
def test_16_own_module_of_the_master_is_named(stack):
    """A stock snmpd, whose module for Sendmail has MTA-MIB already."""
    snmpd = stack.add(Snmpd(without="-smux"), lambda p: p.close()).start()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'},
                       options=section(snmpd, "mta_mib = yes"))
    wait_connected(d)
    d.wait_log("module=MTA-MIB")
    assert d.logged("start snmpd with -I -mta_sendmail")
    assert "MTA-MIB" in d.ctl("status")[1]
    m = d.metrics()
    assert (m.get("agentx_connected"), m.get("agentx_modules_taken")) == (1, 1)
    wait_served(snmpd)
    assert snmpd.get(APPL + ".2.1") == "mxwatch"   # the rest is served
    snmpd.kill()
    wait_connected(d, False)
    snmpd.without = "-smux,mta_sendmail"           # what the log says
    snmpd.start()
    wait_for(lambda: snmpd.get(MTA + ".2.1") == "0", 40, "MTA-MIB is ours")
    wait_for(lambda: d.metrics().get("agentx_modules_taken") == 0, 15)


@pytest.mark.beside
def test_16_age_expiry_and_spool_are_told(stack):
    """The rest of the notifications: mail grows old, expires, and is gone; the
    spool has no room, and has again."""
    traps = stack.add(Traps(), lambda t: t.close())
    snmpd = stack.add(Snmpd(traps.port), lambda p: p.close()).start()
    options = section(snmpd, "age_warning = 25  age_critical = 60")
    d = stack.mxwatchd({"old.test": 'primary = {"127.0.0.1:9"}\nlifetime = "12s"'},
                       options=options)
    wait_connected(d)
    d.wait_state("old.test", "down")
    send(d.port, "old", rcpts=("u@old.test",), sender="")
    for event in (4, 5, 7, 6):  # warning, critical, expired, cleared
        assert len(traps.wait(event, '"old.test"', 30)) == 1
    order = [traps.log().index("OID: %s.%d\t" % (EVENT, e)) for e in (4, 5, 6)]
    assert order == sorted(order)
    i = by_name(snmpd, "old.test")
    wait_for(lambda: snmpd.number("%s.15.%d" % (DOMAIN, i)) == 1, 10, "the expiry is counted")

    rc, out = d.reload(reserve="1000T")
    assert rc == 0, out
    traps.wait(10, "%s.9.0 = " % SYSTEM)
    wait_for(lambda: snmpd.number(SYSTEM + ".8.0") == 2, 10, "no mail is taken")
    assert not traps.of(11)
    rc, out = d.reload(reserve="1M")
    assert rc == 0, out
    traps.wait(11, "%s.9.0 = " % SYSTEM)
    assert len(traps.of(10)) == len(traps.of(11)) == 1
    assert d.metrics().get("agentx_notifications_dropped_total") == 0


@pytest.mark.beside
def test_17_program_that_is_not_there(stack):
    snmpd = stack.add(Snmpd(), lambda p: p.close())
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, options=(
        '\nsnmp { agentx = "%s"  program = "/nonexistent/agentx" }\n' % snmpd.socket))
    d.wait_log('agentx problem="cannot start the subagent"')
    stays(lambda: d.log().count("cannot start the subagent") == 1, 2.5, "said once")
    assert not connected(d)


@pytest.fixture(scope="module")
def base_modules():
    """What MXWATCH-MIB imports: folders, with a colon between them."""
    r = subprocess.run([os.path.join(TOP, "tests/tools/mibs")], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode != 0:
        pytest.skip("the modules that all import cannot be had: " + r.stderr.strip())
    return r.stdout.strip() + ":/usr/share/snmp/mibs"  # here is NET-SNMP-MIB


def smilint(path, modules):
    r = subprocess.run(["smilint", "-l", "6", path], env=dict(os.environ, SMIPATH=modules),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return r.returncode, r.stdout


@pytest.mark.skipif(shutil.which("smilint") is None, reason="smilint is not installed (smitools)")
def test_18_smilint_has_nothing_to_say(base_modules, tmp_path):
    assert smilint(MIB, base_modules) == (0, "")
    with open(MIB, encoding="utf-8") as f:
        text = f.read()
    wrong = tmp_path / "MXWATCH-MIB"
    for old, new, says in [("read-only", "read-write", "must be `read-only'"),
                           ("FROM SNMP-FRAMEWORK-MIB", "FROM NOWHERE-MIB", "NOWHERE-MIB"),
                           ("{ mxwObjects 2 }", "{ mxwObjects 1 }", "mxwDomainTable")]:
        assert old in text
        wrong.write_text(text.replace(old, new, 1 if "mxw" in old else -1))
        assert says in smilint(str(wrong), base_modules)[1]


def test_18_managers_see_names(shown, base_modules):
    """With the module in its place everything we answer has a name of it."""
    _, snmpd, _, _ = shown
    env = dict(snmpd.env, MIBS="MXWATCH-MIB", MIBDIRS=base_modules + ":" + os.path.dirname(MIB))
    r = subprocess.run(["snmpwalk", "-v2c", "-c", "public", "127.0.0.1:%d" % snmpd.port,
                        "MXWATCH-MIB::mxwObjects"], env=env, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=60)
    assert (r.returncode, r.stderr) == (0, "")
    names = re.findall(r"^MXWATCH-MIB::(mxw\w+)\.[\d.]+ = ", r.stdout, re.M)
    assert len(names) == len(snmpd.walk()), r.stdout
    assert not re.search(r"^(iso|SNMPv2|\.1)", r.stdout, re.M)
    assert re.search(r"mxwDomainState\.\d+ = INTEGER: up\(2\)", r.stdout)
    assert re.search(r"mxwDomainLifetime\.\d+ = \w+: 432000 seconds", r.stdout), r.stdout


@pytest.mark.skipif(not os.path.exists(CHECK_SNMP), reason="check_snmp is not installed")
def test_18_command_of_nagios_works(shown):
    """That of contrib, on a manager without modules."""
    _, snmpd, _, _ = shown
    with open(os.path.join(TOP, "contrib/nagios/commands.cfg"), encoding="utf-8") as f:
        line = re.search(r"command_line\s+\$USER1\$/(check_snmp .*)", f.read()).group(1)
    line = line.replace("$HOSTADDRESS$", "mx2").replace("$ARG1$", "public")
    rc, out = run_as_typed(snmpd, line, "/nonexistent")
    assert rc == 0 and "SNMP OK - QUEUE_AGE" in out, out


def of_manual():
    """The commands of mxwatch-agentx(8), and its table of numbers and names."""
    with open(os.path.join(TOP, "doc/mxwatch-agentx.8"), encoding="utf-8") as f:
        page = f.read()
    blocks = "\n".join(re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page, re.M | re.S))
    blocks = blocks.replace("\\e\n", " ")
    commands = re.findall(r"^\$ ((?:check_)?snmp\w* -.*)", blocks, re.M)
    return commands, re.findall(r"^\.It Li (\.[\d.]+)\.([0A-Z]+) Ta Sy (\w+)", page, re.M)


def of_objects():
    """{name: end of its number} by objects.def."""
    arcs = {"SYSTEM": ".1.1", "DOMAIN": ".1.2.1", "BOUNCE": ".1.4.1", "PRIMARY": ".1.5.1",
            "LINK": ".1.6.1", "DNSBL": ".1.7.1", "CLUSTER": ".1.9", "NODE": ".1.10.1"}
    with open(os.path.join(TOP, "exporters/snmp/objects.def"), encoding="utf-8") as f:
        rows = re.findall(r"^OBJECT(?:_IF)?\((\w+), (\d+), (mxw\w+),", f.read(), re.M)
    return {name: "%s.%s" % (arcs[scope], arc) for scope, arc, name in rows if scope in arcs}


def run_as_typed(snmpd, command, mibdirs):
    """A command of a manual page, with our port instead of that of "mx2"."""
    command = command.replace("-H mx2", "-H 127.0.0.1 -p %d" % snmpd.port).replace(
        " mx2 ", " 127.0.0.1:%d " % snmpd.port)
    env = dict(snmpd.env, MIBDIRS=mibdirs,
               PATH=os.environ["PATH"] + ":" + os.path.dirname(CHECK_SNMP))
    del env["MIBS"]
    r = subprocess.run(command, shell=True, env=env, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=60)
    return r.returncode, r.stdout


def test_19_manual_works_without_the_modules_of_others(shown):
    """As on a stock Debian, which has MXWATCH-MIB at most; and its numbers are right."""
    _, snmpd, _, _ = shown
    commands, numbers = of_manual()
    assert len(numbers) > 10
    objects = of_objects()
    for arc, _, name in numbers:
        assert objects[name] == arc, name
    commands = [c for c in commands if "MXWATCH-MIB" not in c]
    assert len(commands) == 2 and {c.split()[0] for c in commands} == {"snmpwalk", "check_snmp"}
    for c in commands:
        if c.startswith("check_snmp") and not os.path.exists(CHECK_SNMP):
            continue
        rc, out = run_as_typed(snmpd, c, os.path.dirname(MIB))
        assert rc == 0, c + "\n" + out
        assert "No Such" not in out and "Cannot find" not in out, out
        if c.startswith("snmpwalk"):
            there = [line for line in out.splitlines() if line.startswith(ROOT)]
            assert len(there) == len(snmpd.walk()), out[-1000:]
        else:
            assert out.startswith("SNMP OK - "), out


def test_19_manual_works_with_them(shown, base_modules):
    _, snmpd, _, _ = shown
    commands = [c for c in of_manual()[0] if "MXWATCH-MIB" in c]
    assert {c.split()[0] for c in commands} == {"snmpwalk", "check_snmp", "snmptranslate"}
    for c in commands:
        if c.startswith("check_snmp") and not os.path.exists(CHECK_SNMP):
            continue
        rc, out = run_as_typed(snmpd, c, base_modules + ":" + os.path.dirname(MIB))
        assert rc == 0, c + "\n" + out
        assert "Cannot find" not in out, out


def test_19_every_object_has_its_name(base_modules):
    """snmptranslate of each, there and back."""
    env = dict(os.environ, MIBS="MXWATCH-MIB", MIBDIRS=base_modules + ":" + os.path.dirname(MIB))
    for name, end in of_objects().items():
        for option, what, gives in [("-On", "MXWATCH-MIB::" + name, ROOT + end),
                                    ("-OS", ROOT + end, "MXWATCH-MIB::" + name)]:
            r = subprocess.run(["snmptranslate", option, what], env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            assert (r.returncode, r.stdout.strip()) == (0, gives), r.stderr


def test_19_events_have_numbers_of_the_module(shown):
    assert EVENT.startswith(ROOT)
    with open(MIB, encoding="utf-8") as f:
        text = f.read()
    assert "{ netSnmpPlaypen 27828 }" in text
