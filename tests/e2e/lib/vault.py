# SPDX-License-Identifier: ISC
"""A primary that refuses, a daemon that keeps what it gives back, and what was
delivered after a replay: how often, and why more than once."""
from .mxwatchd import FAST
from .smtp import subjects

UNKNOWN = "550 5.1.1 no such user here"
RCPT = FAST.replace('depth = "ehlo"', 'depth = "rcpt"')
# A second is what a commit may take where others use the disk, too.
COMMIT = 1.0
IN_FLIGHT = 100  # ten connections, and what waits for one commit
LATE = 0.3  # a primary may read what a killed daemon wrote


def pair(stack, size="10M", taken=("good@a.test",)):
    """(a primary that takes what is for `taken` alone, a daemon)"""
    mx = stack.fakemx(misbehave=["say-rcpt=" + UNKNOWN,
                                 "except=" + ",".join(("postmaster@a.test", *taken))])
    sender = stack.fakemx()
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:%d"}' % mx.port,
                        "none.test": 'primary = {"127.0.0.1:%d"}\nvault { keep = "0s" }' % mx.port},
                       defaults=RCPT, options='vault { keep = "1h" size = "%s" }' % size,
                       dsn='smarthost = "127.0.0.1:%d"\nrate = 1000000' % sender.port)
    d.wait_state("a.test", "up")
    return mx, d


def kept(d):
    return d.metrics().get("vault_messages")


def listed(d, *domain):
    """What `mxwatchctl vault` lists now: it may be less than a moment ago."""
    return [m for m in d.ctl_json("vault", *domain) if "id" in m]


def more_than_once(messages, kills):
    """{subject: copies} of what was delivered again, having made sure that a kill
    came behind each copy but the last, too soon for its record: what was in flight
    then, some a connection and what one commit holds."""
    at = {}
    for m in messages:
        at.setdefault(subjects([m.data])[0], []).append(m.time)
    again = {s: len(t) for s, t in at.items() if len(t) > 1}
    for s in again:
        for first, second in zip(sorted(at[s]), sorted(at[s])[1:]):
            assert any(first - LATE < k < first + COMMIT and k < second for k in kills), \
                "%s was delivered at %.3f and %.3f, kills at %s" % (s, first, second, kills)
    assert sum(again.values()) - len(again) <= len(kills) * IN_FLIGHT, again
    return again
