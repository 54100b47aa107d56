# SPDX-License-Identifier: ISC
"""The everyday ways in which a real Postfix refuses for good what it should take:
by its client restrictions, a milter that died, lost tables, a domain that it no longer
knows, a restriction behind the final dot, a smaller size. Nothing goes back, and all
of it is delivered when it is mended."""
import re

import pytest

from lib.mxwatchd import FAST
from lib.net import free_port
from lib.smtp import send_bytes, text
from lib.wait import wait_for

BROKEN = {
    "client": dict(smtpd_client_restrictions="reject"),
    "helo": dict(smtpd_helo_restrictions="reject"),
    "milter": dict(smtpd_milters="inet:127.0.0.1:9", milter_default_action="reject"),
    "users": dict(virtual_mailbox_maps="inline:{ nobody@users.test=x }"),
    "relay": dict(smtpd_relay_restrictions="check_recipient_access "
                  "static:{554 5.7.1 Relay access denied}"),
    "dot": dict(smtpd_end_of_data_restrictions="reject"),
    "size": dict(message_size_limit="600"),
}
KNOWN, NEW = 3, 12


@pytest.fixture(scope="module")
def world(module_stack):
    """Each has a port of one Postfix: first well, then broken."""
    at = {name: ("127.0.0.1", free_port()) for name in BROKEN}
    domains = [name + ".test" for name in BROKEN]
    boxes = ["u%d@%s" % (i, x) for x in domains for i in range(KNOWN + NEW)]
    pf = module_stack.primary(domains=domains, services={a: {} for a in at.values()},
                              extra="smtpd_error_sleep_time = 0",
                              recipients=boxes + ["postmaster@" + x for x in domains])
    sink = module_stack.fakemx()
    d = module_stack.mxwatchd({}, start=False, defaults=FAST.replace('"ehlo"', '"rcpt"'),
                              dsn='smarthost = "127.0.0.1:%d"' % sink.port)
    conf = {}
    for name in BROKEN:
        users = d.file(name, "".join("u%d@%s.test ok\n" % (i, name) for i in range(KNOWN + NEW)))
        conf[name + ".test"] = 'primary = {"127.0.0.1:%d"}\nrecipients = "%s"' % (
            at[name][1], users)
    d.write(domains=conf).start()
    for name in BROKEN:
        d.wait_state(name + ".test", "up")
        mail(d, name, range(KNOWN))
    wait_for(lambda: all(d.metrics().queued(x) == 0 for x in domains), 20, "known by deliveries")
    pf.stop()  # a reload lets those go on who serve already
    pf.set_services({at[name]: BROKEN[name] for name in BROKEN})
    pf.start()
    for name in BROKEN:
        mail(d, name, range(KNOWN, KNOWN + NEW))
    return pf, d, at, sink


def mail(d, name, boxes):
    for i in boxes:
        send_bytes(d.port, text("m%d" % i, body=500 * "x" + "\n"), "s%d@sender.test" % i,
                   "u%d@%s.test" % (i, name))


@pytest.mark.parametrize("name", list(BROKEN))
def test_nothing_goes_back_and_all_goes_when_mended(world, name):
    pf, d, at, sink = world
    domain = name + ".test"

    def refused():
        m = d.metrics()
        assert m.queued(domain) == NEW and m.sum("delivery_recipients_bounced_total",
                                                 domain=domain) == 0
        return m.get("breaker_tripped", domain=domain) == 1 or \
            m.state(domain) == "down" or \
            m.sum("delivery_refusals_put_off_total", domain=domain) >= NEW
    wait_for(refused, 30, "held, or all of it put off")
    pf.set_service(at[name])
    d.wait_state(domain, ("up", "down"))
    d.ctl("release", domain)

    def delivered():
        d.ctl("flush", domain, "--no-wait")
        assert sum(len(pf.messages("u%d@%s" % (i, domain)))
                   for i in range(KNOWN + NEW)) == KNOWN + NEW
        return True
    wait_for(delivered, 40, "all of it", step=0.5)
    m = d.metrics()
    assert m.sum("delivery_recipients_bounced_total", domain=domain) == 0
    assert not [x for x in sink.messages if domain.encode() in x.data]
    assert not re.search(r"id=\S+ domain=%s .*failed=[1-9]" % re.escape(domain), d.log())
