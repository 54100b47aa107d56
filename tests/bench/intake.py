# SPDX-License-Identifier: ISC
"""Intake, the primary being down: in clear by smtp-source, inside TLS by
tests/bench/load, which also resumes."""
import cpu
import tools
from servers import say

MX = "mxwatchd"
SESSIONS = 50
# (row, bytes, whether connections are kept, the share of --messages)
CLEAR = (("intake 4 KB, connections kept", 4096, True, 1),
         ("intake 4 KB, one message a connection", 4096, False, 0.25),
         ("intake 75 KB, connections kept", 75 << 10, True, 0.1))
# (row, options of load, the share)
TLS = (("load in clear, connections kept", "-d", 0.5),
       ("load in TLS 1.3, connections kept", "-dt", 0.5),
       ("load in clear, one message a connection", None, 0.15),
       ("load in TLS 1.3, resumed, one message a connection", "-rt", 0.15),
       ("load in TLS 1.3, full handshake, one message a connection", "-t", 0.05))
BESIDE = ("-dt", "-rt")


def count(a, s, share):
    return max(1, int((a.few if s.name == "Postfix" else a.messages) * share))


def clear_round(a, servers, row, size, keep, share):
    for s in servers:
        n = count(a, s, share)
        s.reset()
        a.instructions.start(s.proc.pid) if s.name == MX else None
        used = s.used()
        seconds, _ = tools.smtp_source(s.port, n, size, SESSIONS, keep)
        used = cpu.minus(cpu.at_rest(s.used), used)
        counted = a.instructions.stop()
        a.results.timed(row, s.name, n, seconds, used,
                        **({"instructions": counted / n} if counted else {}))
    say(row, a.latest(row))


def intake(a):
    for row, _, keep, _ in CLEAR:
        a.results.goal(row + ", CPU over smtp-sink's", "cpu", (row, MX), (row, "smtp-sink"),
                       most=0.8 if keep else None)
        a.results.goal(row + ", over smtp-sink", "rate", (row, MX), (row, "smtp-sink"))
        a.results.goal(row + ", over Postfix", "rate", (row, MX), (row, "Postfix"))
    for r in a.results.rounds(a.rounds):
        for case in CLEAR:
            clear_round(a, a.round(r), *case)


def tls_round(a, servers, row, flags, share):
    for s in servers:
        if s.name == "smtp-sink" or (s.name == "Postfix" and flags not in BESIDE):
            continue  # it has no TLS; and Postfix is compared in two rows
        n = count(a, s, share)
        s.reset()
        a.instructions.start(s.proc.pid) if s.name == MX else None
        used = s.used()
        got = tools.load(s.port, n, 4096, SESSIONS, *([flags] if flags else []))
        used = cpu.minus(cpu.at_rest(s.used), used)
        counted = a.instructions.stop()
        a.results.timed(row, s.name, n, got["seconds"], used,
                        resumed=got["resumed"] / max(1, got["handshakes"]),
                        **({"instructions": counted / n} if counted else {}))
        # what the client itself cost: on a small machine it is part of the rate
        a.results.timed(row, "load, to " + s.name, n, got["seconds"],
                        (got["user"], got["system"]))
    say(row, a.latest(row))


def tls(a):
    kept, once = (TLS[0][0], TLS[1][0]), (TLS[2][0], TLS[3][0])
    for clear, inside in (kept, once, (once[0], TLS[4][0])):
        a.results.goal(inside + ", over clear", "rate", (inside, MX), (clear, MX),
                       least=None if inside == TLS[4][0] else 0.6)
        a.results.goal(inside + ", clear's CPU over its", "cpu", (clear, MX), (inside, MX))
        a.results.goal(inside + ", over Postfix", "rate", (inside, MX), (inside, "Postfix"))
    a.results.goal("handshakes that were resumed", "resumed", (TLS[3][0], MX))
    for r in a.results.rounds(a.rounds):
        for case in TLS:
            tls_round(a, a.round(r), *case)
