# SPDX-License-Identifier: ISC
"""A regression bound: what a message costs now, beside what it cost when a base
was recorded on the same machine. Instructions where they are counted, else
processor time, which other work on the machine makes larger.

What is judged and what was measured are apart: test_figures.py judges
costs that nobody measured."""
import json
import math
import statistics
import sys

import cluster
import intake
import outgoing
from results import machine, print_table
from servers import say

BOUND = 15  # % that a message may cost more
MX = "mxwatchd"
UNITS = ("instructions", "cpu_us")  # the first that both have


def unusable(*why):
    """There is nothing to be judged: not 1, which says that a message costs more."""
    say("bench:", *why)
    sys.exit(2)


def measure_spool(a):
    for _ in a.results.rounds(a.rounds):
        for case in intake.CLEAR:
            intake.clear_round(a, a.servers, *case)
        for case in (intake.TLS[1], intake.TLS[3]):
            intake.tls_round(a, a.servers, *case)
        outgoing.near_server(a, "flush to smtp-sink", a.mxwatchd, a.messages)


def costs(a, rows=()):
    """{row: {"cpu_us": of a message, "instructions": of a message}}: the rows of the
    spool or of the cluster, or both, if they have those of a base to be compared with."""
    of_cluster = [row.startswith(cluster.ROW) for row in rows]
    if not all(of_cluster) or not rows:
        measure_spool(a)
    if any(of_cluster):
        cluster.measure_costs(a)
    out = {}
    for row, by in a.results.rows.items():
        for who in by if row.startswith(cluster.ROW) else (MX,):
            name = row if who == MX else "%s, %s" % (row, who)
            out[name] = {"cpu_us": statistics.median(a.results.values((row, who), "cpu"))}
            counted = [v for v in a.results.values((row, who), "instructions") if v]
            if counted:
                out[name]["instructions"] = statistics.median(counted)
    return out


def record(a, path, rows=()):
    base = {"machine": machine(), "messages": a.messages, "costs": costs(a, rows)}
    base["loud"] = max(s.get("loud", 0) for by in a.results.rows.values()
                       for samples in by.values() for s in samples)
    with open(path, "w") as f:
        json.dump(base, f, indent=1)
        f.write("\n")


def is_cost(value):
    return not isinstance(value, bool) and isinstance(value, (int, float)) and \
        math.isfinite(value) and value > 0


def load_base(path):
    """(messages, costs) that were recorded here, or the end of the program with
    why they cannot be used."""
    try:
        with open(path) as f:
            base = json.load(f)
        there, messages, then = base["machine"], int(base["messages"]), dict(base["costs"])
        whole = messages > 0 and then and isinstance(there, dict) and all(
            "cpu_us" in was and all(u in UNITS and is_cost(v) for u, v in was.items())
            for was in then.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        unusable("%s: no base that --record has written: %s" % (path, e))
    if not whole:
        unusable("%s: no base that --record has written: costs are missing" % path)
    here = machine()
    if there != here:
        unusable("%s is the base of another machine: %s; this one: %s" % (
            path, *(", ".join("%s %s" % kv for kv in m.items()) for m in (there, here))))
    if base.get("loud"):
        say("bench: %s was recorded while others used the processors, too" % path)
    return messages, then


def judge(then, now, bound):
    """(rows of a table, whether no message costs more than the bound allows). What
    was recorded and is not measured any more is nothing that fits."""
    rows = [("a message costs", "then", "now", "", "")]
    good = True
    for row, was in then.items():
        if row not in now:
            good = False
            rows.append((row, "%.0f" % was["cpu_us"], "-", "us", "not measured any more"))
            continue
        unit = next(u for u in UNITS if u in was and u in now[row])
        percent = 100 * (now[row][unit] / was[unit] - 1)
        fits = percent <= bound
        good = good and fits
        rows.append((row, "%.0f" % was[unit], "%.0f" % now[row][unit],
                     unit if unit != "cpu_us" else "us",
                     "%+.0f %%%s" % (percent, "" if fits else ", more than %g %%" % bound)))
    for row in now:
        if row not in then:
            rows.append((row, "-", "%.0f" % now[row]["cpu_us"], "us", "not in the base"))
    return rows, good


def told(then, now, bound):
    rows, good = judge(then, now, bound)
    print_table(rows, False)
    return good


def check(a, path, bound):
    a.messages, then = load_base(path)
    return told(then, costs(a, list(then)), bound)


def compare(path, later, bound):
    """Two that were recorded here, in the order of time; nothing is measured."""
    (n, then), (m, now) = load_base(path), load_base(later)
    if n != m:
        unusable("%s is of %d messages and %s of %d" % (path, n, later, m))
    return told(then, now, bound)
