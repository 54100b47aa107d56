# SPDX-License-Identifier: ISC
"""A regression bound: what a message costs now, beside what it cost when a base
was recorded on the same machine. Instructions where they are counted, else
processor time, which other work on the machine makes larger."""
import json
import statistics

import intake
import outgoing
from results import machine, print_table

BOUND = 15  # % that a message may cost more
MX = "mxwatchd"


def costs(a):
    """{row: {"cpu_us": of a message, "instructions": of a message}}"""
    for _ in a.results.rounds(a.rounds):
        for case in intake.CLEAR:
            intake.clear_round(a, a.servers, *case)
        for case in (intake.TLS[1], intake.TLS[3]):
            intake.tls_round(a, a.servers, *case)
        outgoing.near_server(a, "flush to smtp-sink", a.mxwatchd, a.messages)
    out = {}
    for row in a.results.rows:
        out[row] = {"cpu_us": statistics.median(a.results.values((row, MX), "cpu"))}
        counted = [v for v in a.results.values((row, MX), "instructions") if v]
        if counted:
            out[row]["instructions"] = statistics.median(counted)
    return out


def record(a, path):
    base = {"machine": machine(), "messages": a.messages, "costs": costs(a)}
    with open(path, "w") as f:
        json.dump(base, f, indent=1)
        f.write("\n")


def load_base(path):
    """(messages, costs) that were recorded here, or the end of the program with
    why they cannot be used."""
    try:
        with open(path) as f:
            base = json.load(f)
        there, got = base["machine"], (int(base["messages"]), base["costs"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise SystemExit("bench: %s: no base that --record has written: %s" % (path, e))
    here = machine()
    if there != here:
        raise SystemExit("bench: %s is the base of another machine: %s; this one: %s" % (
            path, *(", ".join("%s %s" % kv for kv in m.items()) for m in (there, here))))
    return got


def check(a, path, bound):
    """True: no message costs more than the bound allows."""
    a.messages, then = load_base(path)
    now = costs(a)
    rows = [("a message costs", "then", "now", "", "")]
    good = True
    for row, was in then.items():
        if row not in now:
            raise SystemExit("bench: %s: %s is not measured any more" % (path, row))
        unit = "instructions" if "instructions" in was and "instructions" in now[row] \
            else "cpu_us"
        percent = 100 * (now[row][unit] / was[unit] - 1)
        fits = percent <= bound
        good = good and fits
        rows.append((row, "%.0f" % was[unit], "%.0f" % now[row][unit],
                     "instructions" if unit != "cpu_us" else "us", "%+.0f %%%s" % (
                         percent, "" if fits else ", more than %g %%" % bound)))
    print_table(rows, False)
    return good
