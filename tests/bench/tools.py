# SPDX-License-Identifier: ISC
"""The programs that load, receive and stand in between: smtp-source, and those
that `make bench-tools` builds."""
import os
import re
import subprocess

import cpu
from servers import DOMAIN, free_port, wait_for, greets

FROM, TO = "carol@example.net", "ada@" + DOMAIN
FOLDER = None  # where the tools were built; run sets it


def tool(name):
    return os.path.join(FOLDER, "tests", "bench", name)


def numbers(text):
    return {k: float(v) for k, v in re.findall(r"(\w+)=([\d.]+)", text)}


def smtp_source(port, messages, size, sessions, keep=True):
    """(seconds, processor), from the first connection to the last reply."""
    return cpu.run(["smtp-source", "-l", str(size), "-s", str(sessions), "-m", str(messages),
                    "-f", FROM, "-t", TO] + (["-d"] if keep else []) + ["127.0.0.1:%d" % port])


def load(port, messages, size, sessions, *flags):
    """What tests/bench/load prints, as numbers."""
    text = subprocess.run([tool("load"), "-l", str(size), "-s", str(sessions), "-m",
                           str(messages), "-f", FROM, "-T", TO, *flags, str(port)],
                          check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True).stdout
    return numbers(text)


def slow_sync(us):
    """The environment of a program whose syncs take so much longer."""
    return {"LD_PRELOAD": tool("slow_sync.so"), "SLOW_SYNC_US": str(us)} if us else {}


def raw_disk(*args, slow_us=0):
    text = subprocess.run([tool("raw_disk"), *map(str, args)], check=True,
                          env={**os.environ, **slow_sync(slow_us)},
                          stdout=subprocess.PIPE, text=True).stdout
    return numbers(text)


class Helper:
    """A program of ours that ends with its standard input."""

    def __init__(self, port, *command):
        self.port = port
        self.proc = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)

    def count(self):
        """The counters of a sink: connections, messages, chunks, resumed ..."""
        self.proc.stdin.write("\n")
        self.proc.stdin.flush()
        return numbers(self.proc.stdout.readline())

    def stop(self):
        self.proc.stdin.close()
        self.proc.wait()


def chunk_sink(port=None, tls=None):
    """A primary with PIPELINING and CHUNKING; tls: the folder of its certificate."""
    port = port or free_port()
    args = ["-c", tls + "/cert.pem", "-k", tls + "/key.pem"] if tls else []
    sink = Helper(port, tool("sink"), *args, port)
    wait_for("the sink", 10, lambda: greets(port))
    return sink


def delay_proxy(port, to, rtt_ms):
    proxy = Helper(port, tool("delay_proxy"), port, to, rtt_ms / 2)
    wait_for("the proxy", 10, lambda: greets(port))
    return proxy


def uncached(folder):
    """The pages of these files are not in memory: a read goes to the disk."""
    for where, _, names in os.walk(folder):
        for name in names:
            fd = os.open(os.path.join(where, name), os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
