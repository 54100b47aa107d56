# SPDX-License-Identifier: ISC
"""The door is full: what has to go on behind it, and what a client may hold."""
import resource

from lib.smtp import Raw, send
from lib.wait import wait_for


def test_few_descriptors(stack):
    """With 256 of them idle sessions leave enough to probes, deliveries, the
    control socket and scrapes; the limit is stricter from its edge on, and back."""
    mx = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port},
                       smtpd="per_client = 1000")
    d.wait_state("a.test", "up")
    resource.prlimit(d.proc.pid, resource.RLIMIT_NOFILE, (256, 256))
    assert d.reload()[0] == 0
    assert d.logged("descriptors=256")
    most = int(d.metrics().get("smtpd_sessions_max"))
    assert 16 < most < 128
    held = [Raw(d.port) for _ in range(most)]
    assert all(c.greeting.startswith("220") for c in held)
    for _ in range(300):  # whoever else comes is told so, and holds nothing
        with Raw(d.port) as c:
            assert c.greeting.startswith("421 4.3.2")
    m = d.metrics()
    assert m.get("smtpd_sessions") == most and m.get("smtpd_stress") == 1
    assert "STRESS: %d of %d sessions in" % (most, most) in d.ctl("status")[1]
    assert d.status()["smtpd"]["stress"] is True
    assert d.http("/-/healthy")[0] == 200
    probes = m.sum("probe_attempts_total")
    wait_for(lambda: d.metrics().sum("probe_attempts_total") > probes + 2, 10, "probes")
    held[0].begin()
    held[0].ok("DATA", "354")
    held[0].send(b"Subject: full\r\n\r\nx\r\n.\r\n")
    assert held[0].reply().startswith("250")
    wait_for(lambda: mx.messages, 10, "a delivery")
    assert d.metrics().state("a.test") == "up"
    for c in held:
        c.close()
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0)
    assert d.metrics().get("smtpd_stress") == 0
    send(d.port, "after")


def test_deliveries_that_hang_leave_descriptors(stack):
    """Primaries that are silent at the final dot, more of them than there may be
    deliveries with 256 descriptors, and all sessions taken: probes, the control
    socket and scrapes go on."""
    mx = stack.fakemx(host="0.0.0.0")
    names = ["d%d.test" % i for i in range(45)]
    d = stack.mxwatchd({n: 'primary = {"127.0.1.%d:%d"}' % (i + 1, mx.port)
                        for i, n in enumerate(names)},
                       defaults='probe { interval = "1s" timeout = "2s" rise = 1 depth = "ehlo" }',
                       options='drain = "1s"', smtpd="per_client = 1000")
    for n in names:
        d.wait_state(n, "up")
    resource.prlimit(d.proc.pid, resource.RLIMIT_NOFILE, (256, 256))
    assert d.reload()[0] == 0
    most = int(d.metrics().get("delivery_connections_max"))
    assert 16 < most < len(names) and d.logged("deliveries=%d deliver_connections=200" % most)
    assert d.status()["delivery"]["connections_max"] == most
    mx.misbehave.append("silent-at-dot")
    for n in names:
        send(d.port, rcpts=("u@" + n,))
    wait_for(lambda: d.metrics().get("delivery_connections") >= most, 15, "deliveries")
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0)
    held = [Raw(d.port) for _ in range(int(d.metrics().get("smtpd_sessions_max")))]
    probes = d.metrics().sum("probe_attempts_total")
    wait_for(lambda: d.metrics().sum("probe_attempts_total") > probes + 3 * len(names), 15, "probes")
    m = d.metrics()
    assert m.get("delivery_connections") == most
    assert all(m.state(n) == "up" for n in names)
    assert d.ctl("status")[0] == 0 and d.http("/-/healthy")[0] == 200
    mx.misbehave.clear()
    for c in held:
        c.close()


def test_who_says_quit_and_stays_counts(stack):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, smtpd="per_client = 4 trusted = {}")
    held = []
    for _ in range(4):
        c = Raw(d.port)
        c.send(b"QUIT\r\nNOOP\r\n")
        assert c.reply().startswith("221")
        held.append(c)
    with Raw(d.port) as c:
        assert c.greeting.startswith("421 4.7.0")
    for c in held:
        c.close()
    wait_for(lambda: d.metrics().get("smtpd_sessions") == 0)
    send(d.port, "after")
