# SPDX-License-Identifier: ISC
"""ETRN: a primary that is back asks for its mail."""
import smtplib

from lib.smtp import send

# Nobody would look again within the time of a test, but for being asked. Each
# request makes one probe of the primary that both domains share: the fourth good
# one would bring its verdict, and with that the mail of both.
SLOW = ('primary = {"127.0.0.1:%d"}\n'
        'probe { interval = "1h" timeout = "1s" fall = 1 rise = 4 depth = "ehlo" }')


def etrn(port, domain):
    with smtplib.SMTP("127.0.0.1", port, timeout=15) as s:
        s.ehlo("mx1.a.test")
        assert s.has_extn("etrn")
        return s.docmd("ETRN", domain)


def test_asked_for_by_its_primary(stack):
    """Nothing goes during the outage; after it exactly what was asked for."""
    mx = stack.fakemx(start=False)
    d = stack.mxwatchd({"a.test": SLOW % mx.port, "b.test": SLOW % mx.port},
                       smtpd='etrn = {"127.0.0.1"}')
    d.wait_state("a.test", "down")
    for i in range(3):
        send(d.port, "for a %d" % i, rcpts=["u@a.test"])
    send(d.port, "for b", rcpts=["u@b.test"])
    assert etrn(d.port, "c.test")[0] == 459
    code, text = etrn(d.port, "a.test")
    assert (code, text.startswith(b"2.0.0 3 pending")) == (253, True), text
    d.wait_log("flush domain=a.test event=flush_end ok=0")
    assert d.metrics().queued("a.test") == 3

    mx.start()
    assert etrn(d.port, "A.Test")[0] == 253
    d.wait_empty("a.test")
    assert [m.to for m in mx.messages] == [["u@a.test"]] * 3
    assert d.metrics().queued("b.test") == 1
    assert d.metrics().get("flush_runs_total", domain="a.test", trigger="etrn") == 2
    assert etrn(d.port, "a.test")[0] == 251

    assert d.ctl("hold", "b.test")[0] == 0
    assert etrn(d.port, "b.test")[0] == 458
    assert d.ctl("release", "b.test")[0] == 0
    assert etrn(d.port, "b.test")[0] == 253
    d.wait_empty("b.test")
