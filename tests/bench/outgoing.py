# SPDX-License-Identifier: ISC
"""A flush: to a sink on this machine, where the processor is the limit, and
over a long way, where the round trips are."""
import time

import cpu
import tools
from servers import Sink, say, wait_for

MX = "mxwatchd"
SIZE = 4096
CONNECTIONS = 20
RTT_MS = 50
FAR = 4000  # messages over the long way; of Postfix a tenth
DEPTHS = (2, 8)


def near_source(a, row, n):
    sink = Sink().start()
    seconds, used = tools.smtp_source(sink.port, n, SIZE, CONNECTIONS)
    sink.stop()
    a.results.timed(row, "smtp-source", n, seconds, used)


def near_server(a, row, s, n):
    s.reset()
    tools.load(s.port, n, SIZE, 50, "-d")
    if s.name == "Postfix":
        s.settle()
    before, used = (s.delivered(), s.flushed()), cpu.at_rest(s.used)
    sink = Sink(s.primary).start()
    a.instructions.start(s.proc.pid) if s.name == MX else None
    start = time.monotonic()
    s.flush()
    wait_for("the flush", 1200, lambda: s.delivered() >= before[0] + n or
             s.flushed() > before[1], 0.01)
    seconds = time.monotonic() - start
    used = cpu.minus(cpu.at_rest(s.used), used)
    counted = a.instructions.stop()
    sink.stop()
    a.results.timed(row, s.name, n, seconds, used,
                    **({"instructions": counted / n} if counted else {}))


def flush(a):
    row = "flush to smtp-sink"
    a.results.goal(row + ", over smtp-source", "rate", (row, MX), (row, "smtp-source"), least=1.0)
    a.results.goal(row + ", CPU over smtp-source's", "cpu", (row, MX), (row, "smtp-source"),
                   most=0.6)
    a.results.goal(row + ", over Postfix", "rate", (row, MX), (row, "Postfix"))
    for r in a.results.rounds(a.rounds):
        near_source(a, row, a.messages)
        for s in a.round(r):
            if s.name != "smtp-sink":
                near_server(a, row, s, a.few if s.name == "Postfix" else a.messages)
        say(row, a.latest(row))


def far_round(a, row, who, s, n, tls=None):
    """From the flush to the last message, with what a recovery begins with;
    `steady` is the rate between a tenth and nine tenths."""
    s.reset()
    tools.load(s.port, n, SIZE, 20, "-d")
    if s.name == "Postfix":
        s.settle()
    sink = tools.chunk_sink(tls=tls)
    used = cpu.at_rest(s.used)
    proxy = tools.delay_proxy(s.primary, sink.port, RTT_MS)
    at = []
    start = time.monotonic()
    s.flush()
    try:
        for share in (0.1, 0.9, 1):
            wait_for("the flush", 300, lambda: sink.count()["messages"] >= share * n, 0.01)
            at.append(time.monotonic())
        got = sink.count()
    finally:
        proxy.stop()
        sink.stop()
    a.results.timed(row, who, n, at[2] - start, cpu.minus(s.used(), used),
                    steady=0.8 * n / (at[1] - at[0]), chunks=got["chunks"] / n,
                    resumed=got["resumed"] / max(1, got["handshakes"]))


def depths(a):
    """(what is put behind the name, options of deliver { }); an old daemon has none."""
    if "pipeline_depth" in a.config or not a.mxwatchd.takes("pipeline_depth = 2"):
        return [("", "")]
    return [(", depth %d" % d, "pipeline_depth = %d" % d) for d in DEPTHS]


def far(a):
    clear = "flush over %d ms, %d connections" % (RTT_MS, CONNECTIONS)
    inside = clear + ", TLS"
    wire = "%d/RTT" % CONNECTIONS
    cases = depths(a)
    for i, (text, _) in enumerate(cases):
        for figure in ("rate", "steady"):
            how = "" if figure == "rate" else " (steady)"
            a.results.goal(clear + text + ", over " + wire + how, figure, (clear, MX + text),
                           (clear, wire), least=(2.0 if i else 1.0) if figure == "rate" else None)
            a.results.goal(inside + text + ", over clear" + how, figure, (inside, MX + text),
                           (clear, MX + text), least=0.9 if figure == "rate" else None)
        a.results.goal("chunks a message" + text, "chunks", (clear, MX + text))
    a.results.goal(clear + cases[0][0] + ", over Postfix", "rate", (clear, MX + cases[0][0]),
                   (clear, "Postfix"))
    n, mx = a.scaled(FAR), a.mxwatchd
    for r in a.results.rounds(a.rounds):
        rate = CONNECTIONS * 1000 / RTT_MS
        a.results.add(clear, wire, rate=rate, steady=rate)
        for text, options in cases:
            mx.deliver = options
            far_round(a, clear, MX + text, mx, n)
            far_round(a, inside, MX + text, mx, n, a.work)
        mx.deliver = ""
        for s in a.round(r):
            if s.name == "Postfix":
                far_round(a, clear, s.name, s, max(1, n // 10))
        say(clear, a.latest(clear), inside, a.latest(inside))
