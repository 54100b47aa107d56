# SPDX-License-Identifier: ISC
"""A session that says NOOP, and what it waits for the answers: how long the loop was
held up by something else."""
import threading
import time

from .smtp import Raw


class Noop:
    def __init__(self, port, step=0.002):
        self.port, self.step, self.over, self.ms = port, step, threading.Event(), []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with Raw(self.port) as c:
            c.ok("EHLO client.test")
            while not self.over.wait(self.step):
                begin = time.monotonic()
                c.ok("NOOP")
                self.ms.append((time.monotonic() - begin) * 1000)

    def result(self):
        """In words; it is over then."""
        self.over.set()
        self.thread.join(30)
        self.ms.sort()
        return "%d NOOPs, median %.1f, p99.9 %.1f, max %.1f ms" % (
            len(self.ms), self.ms[len(self.ms) // 2], self.ms[int(len(self.ms) * 0.999)],
            self.ms[-1])
