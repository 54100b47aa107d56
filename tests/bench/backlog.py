# SPDX-License-Identifier: ISC
"""What a full queue costs: memory, a start, intake, and the answers to those
who watch it. `million` writes the spool with store_bench, for as mail it would
take too long; an empty daemon beside it is what its intake is compared with."""
import shutil
import statistics
import subprocess
import time

import cpu
import tools
from servers import DOMAIN, MANY, MORE, Mxwatchd, Sink, say, wait_for

SIZE = 4096
INTAKE = 5000  # messages to the full and to the empty one, in a round
# Messages of 1 KB that an empty one takes, for its memory: until it has all that it
# needs once, and then those that are counted.
WARM, GROWN = 40000, 60000
ROUNDS = 3  # of a start and of growth: they take long, and differ little
# What else a million may be: domains, recipients of each, octets of the sender.
SHAPES = (("%d domains", 1000, 1, 20), ("%d domains", 300000, 1, 20),
          ("%d domains, 5 recipients each, long senders", 1000, 5, 150))


def latency_ms(call, n=15):
    out = []
    for _ in range(n):
        start = time.monotonic()
        call()
        out.append((time.monotonic() - start) * 1000)
    return statistics.median(out)


def first_lines(cmd, n):
    """Seconds until a program has printed n lines; then it is ended."""
    start = time.monotonic()
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE)
    for _ in range(n):
        if not p.stdout.readline():
            raise SystemExit("bench: %s ended early" % " ".join(cmd))
    seconds = time.monotonic() - start
    p.stdout.close()
    p.terminate()
    p.wait()
    return seconds


def known_after(mx, n):
    """Seconds from the start to the greeting and until all is known, and the
    longest that a scrape took meanwhile."""
    queued = 'queue_messages{domain="%s",state="deferred"}' % DOMAIN
    worst, start = 0, time.monotonic()
    mx.start()
    greeted = time.monotonic() - start

    def loaded():
        nonlocal worst
        at = time.monotonic()
        count = mx.metric(queued)
        worst = max(worst, time.monotonic() - at)
        return count == n
    wait_for("the queue to be read", 300, loaded)
    return greeted, time.monotonic() - start, worst


def written_spool(a, mx, n, *shape):
    mx.reset()
    mx.stop()
    spool = mx.dir + "/spool"
    shutil.rmtree(spool)
    # of the daemon's own build: its spool is of its own format
    say(subprocess.run([a.build + "/tests/bench/store_bench", spool, str(n), "1024", "2000",
                        *map(str, shape)],
                       check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def starts(a, mx, n, value):
    for _ in a.results.rounds(min(ROUNDS, a.rounds)):
        mx.stop()
        greeted, known, worst = known_after(mx, n)
        value("start to 220, s", greeted)
        value("start to all known, s", known, 3)
        value("slowest scrape meanwhile, ms", worst * 1000)
        value("own memory after a start, MB", mx.rss("RssAnon"), 150)
        value("resident, MB", mx.rss())
        say("a start: 220 after %.2f s, known after %.2f s, %.0f MB" %
            (greeted, known, mx.rss("RssAnon")))


def shapes(a, mx, n, value):
    """Its domains are nobody's, and nothing is due: only what is kept of it."""
    for text, domains, *shape in SHAPES:
        domains = min(domains, n)
        name = text % domains
        written_spool(a, mx, n, domains, *shape)
        for r in a.results.rounds(min(ROUNDS, a.rounds)):
            mx.stop()
            start = time.monotonic()
            mx.start()
            wait_for("the queue to be read", 300,
                     lambda: mx.log().count("event=loaded messages=%d " % n) > r)
            value("start to all known, %s, s" % name, time.monotonic() - start, 3)
            value("own memory, %s, MB" % name, mx.rss("RssAnon"), 150)
            say("%s: %.0f MB" % (name, mx.rss("RssAnon")))


def grown(a, mx, value):
    """Not after a start, but as it came: the growth of some, told of a million."""
    for _ in a.results.rounds(min(ROUNDS, a.rounds)):
        mx.reset()
        tools.load(mx.port, WARM, 1024, 50, "-d")
        warm = mx.rss("RssAnon")
        tools.load(mx.port, GROWN, 1024, 50, "-d")
        value("own memory, a million taken in at run time, MB",
              warm + (mx.rss("RssAnon") - warm) * (1e6 - WARM) / GROWN, 150)


def answers(a, mx, value):
    for _ in a.results.rounds(a.rounds):
        value("mxwatchctl status, ms", latency_ms(lambda: mx.ctl("status")), 10)
        value("a scrape, ms", latency_ms(mx.metrics), 10)
        page = statistics.median(first_lines(
            [a.build + "/mxwatchctl", "-s", mx.dir + "/control.sock", "queue", DOMAIN], 100)
            for _ in range(5))
        value("mxwatchctl queue, 100 lines, ms", page * 1000, 10)


def intake_beside(a, full, row):
    """The two are running both; one of them at a time is loaded."""
    empty = Mxwatchd(a.work, a.build, a.config, "empty")
    empty.reset()
    try:
        for _ in a.results.rounds(a.rounds):
            for who, mx in (("empty", empty), ("full", full)):
                n = a.scaled(INTAKE)
                before = mx.used()
                got = tools.load(mx.port, n, SIZE, 50, "-d")
                a.results.timed(row, who, n, got["seconds"], cpu.minus(mx.used(), before))
            say(row, a.latest(row))
    finally:
        empty.stop()


def outage_ends(a, mx, value):
    """The age of a queue is no reason for a burst, and a stop does not wait."""
    attempts = 'delivery_attempts_total{domain="%s"}' % DOMAIN
    value("attempts while the primary is down", mx.metric(attempts), 0)
    primary = Sink(mx.primary).start()
    most, base = 0, mx.delivered()
    wait_for("the first delivery", 60, lambda: mx.delivered() > base)
    first = done = mx.delivered()
    start = time.monotonic()
    while time.monotonic() < start + 10 and done < 0.8 * a.million:  # not to its end
        most = max(most, mx.metric("delivery_connections"))
        time.sleep(0.05)
        done = mx.delivered()
    value("flush of it, messages/s", (done - first) / (time.monotonic() - start))
    value("most connections in its flush", most, 20)
    value("own memory then, MB", mx.rss("RssAnon"))
    start = time.monotonic()
    mx.stop()
    primary.stop()
    value("stop in the middle of it, s", time.monotonic() - start)


def million(a):
    mx, n = a.mxwatchd, a.million
    row = "%d queued" % n

    def value(what, got, most=None):
        a.results.goal("%s: %s" % (row, what), "value", (row, what), most=most)
        a.results.add(row, what, value=got)
    written_spool(a, mx, n)
    starts(a, mx, n, value)
    answers(a, mx, value)
    a.results.goal(row + ": intake over empty", "rate", (row, "full"), (row, "empty"), least=0.95)
    intake_beside(a, mx, row)
    value("own memory, MB", mx.rss("RssAnon"), 150)
    outage_ends(a, mx, value)
    shapes(a, mx, n, value)
    grown(a, mx, value)
    mx.reset()


def queue(a):
    """What a full queue costs: restart, memory, the answers to monitors."""
    mx = a.mxwatchd
    mx.reset()
    empty = (latency_ms(mx.metrics), latency_ms(lambda: mx.ctl("status")), mx.rss(),
             mx.rss("RssAnon"))
    tools.load(mx.port, a.messages, SIZE, 50, "-d")
    grown, own = mx.rss(), mx.rss("RssAnon")
    full = (latency_ms(mx.metrics), latency_ms(lambda: mx.ctl("status")))
    mx.stop()
    start = time.monotonic()
    mx.start()
    restart = time.monotonic() - start
    wait_for("the queue to be read", 60, lambda: mx.metric(
        'queue_messages{domain="%s",state="deferred"}' % DOMAIN) == a.messages)
    known = time.monotonic() - start
    return [
        ("messages queued", "0", "%d" % a.messages),
        ("/metrics, ms", "%.1f" % empty[0], "%.1f" % full[0]),
        ("mxwatchctl status, ms", "%.1f" % empty[1], "%.1f" % full[1]),
        ("resident, MB", "%.1f" % empty[2], "%.1f" % grown),
        ("own memory, MB", "%.1f" % empty[3], "%.1f" % own),
        ("resident after a restart, MB", "", "%.1f" % mx.rss()),
        ("own memory after a restart, MB", "", "%.1f" % mx.rss("RssAnon")),
        ("restart to 220, s", "", "%.2f" % restart),
        ("restart to whole queue, s", "", "%.2f" % known),
    ]


def scrape(a):
    """What Prometheus waits for, with many domains and an alert for each."""
    mx = a.mxwatchd
    mx.more = "".join(MORE % (i, i, i) for i in range(MANY - 1))
    mx.reset()
    text, small = mx.scrape(), mx.scrape("gzip")
    table = [
        ("domains, of two primaries each", "1", "%d" % MANY),
        ("series", "", "%d" % sum(not s.startswith(b"#") for s in text.splitlines())),
        ("a scrape, ms", "", "%.1f" % latency_ms(mx.scrape)),
        ("a scrape, KB", "", "%d" % (len(text) / 1000)),
        ("a scrape with gzip, ms", "", "%.1f" % latency_ms(lambda: mx.scrape("gzip"))),
        ("a scrape with gzip, KB", "", "%d" % (len(small) / 1000)),
    ]
    mx.more = ""
    return table
