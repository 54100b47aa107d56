# SPDX-License-Identifier: ISC
"""What a process and its threads have used of the processor, as (user, system)
in seconds, and instructions where the machine counts them."""
import os
import shutil
import signal
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
NONE = (0.0, 0.0)
QUIET = 0.1  # of all processors may be in use by others


def plus(*used):
    return (sum(u for u, _ in used), sum(s for _, s in used))


def minus(a, b):
    return (a[0] - b[0], a[1] - b[1])


def fields(pid):
    """Of /proc/PID/stat, those behind the name; None: it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def of_process(pid):
    """With all its threads, also those that have ended."""
    f = fields(pid)
    return NONE if f is None else (int(f[11]) / TICK, int(f[12]) / TICK)


def of_family(pid):
    """A process, the children that it has, and those that it has waited for."""
    f = fields(pid)
    if f is None:
        return NONE
    own = ((int(f[11]) + int(f[13])) / TICK, (int(f[12]) + int(f[14])) / TICK)
    return plus(own, *(of_process(c) for c in children(pid)))


def children(pid):
    out = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            f = fields(int(name))
            if f is not None and int(f[1]) == pid:
                out.append(int(name))
    return out


def at_rest(used, quiet=0.3, most=10):
    """What was used when nothing more is: what a program still does behind
    its last reply is a part of the cost."""
    end = time.monotonic() + most
    before = used()
    while time.monotonic() < end:
        time.sleep(quiet)
        now = used()
        if sum(minus(now, before)) < 0.1 * quiet:
            return now
        before = now
    return before


def run(cmd):
    """Runs a program to its end: (seconds, (user, system))."""
    start = time.monotonic()
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        raise SystemExit("bench: %s: exit %d" % (" ".join(cmd), p.returncode))
    return time.monotonic() - start, (usage.ru_utime, usage.ru_stime)


def in_use(seconds=0.25):
    """The share of all processors that somebody uses meanwhile, waits for a disk
    with or is not given by the host."""
    def read():
        with open("/proc/stat") as f:
            ticks = [int(v) for v in f.readline().split()[1:9]]
        return sum(ticks), ticks[3]
    (all_before, idle_before), _ = read(), time.sleep(seconds)
    all_after, idle_after = read()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def others(tries=4):
    """The same when nothing is measured, and so that of others; the least of
    some, for what is measured may have something to do behind its last round."""
    least = 1.0
    for _ in range(tries):
        least = min(least, in_use())
        if least <= QUIET:
            break
    return least


class Instructions:
    """Counts those of a process (perf); value is None where nobody can, as on
    most virtual machines."""

    def __init__(self):
        self.there = shutil.which("perf") is not None and \
            self.value(self.perf("true")) is not None
        self.proc = None

    def perf(self, *args):
        return subprocess.Popen(["perf", "stat", "-x,", "-e", "instructions", *args],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    @staticmethod
    def value(proc):
        first = proc.communicate()[1].partition(",")[0].strip()
        return int(first) if first.isdigit() else None

    def start(self, pid):
        if self.there:
            self.proc = self.perf("-p", str(pid))
            time.sleep(0.2)  # perf says nothing when it has begun

    def stop(self):
        if self.proc is None:
            return None
        self.proc.send_signal(signal.SIGINT)
        count, self.proc = self.value(self.proc), None
        return count
