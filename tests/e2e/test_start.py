# SPDX-License-Identifier: ISC
"""What may happen while a daemon starts."""
import os
import re
import signal

import pytest

from lib.wait import wait_for


def blocked(pid, *signals):
    with open("/proc/%d/status" % pid) as f:
        mask = int(re.search(r"^SigBlk:\t([0-9a-f]+)", f.read(), re.M).group(1), 16)
    return all(mask >> (s - 1) & 1 for s in signals)


@pytest.mark.parametrize("when", ["before main()", "while it starts"])
def test_signals_during_the_start_are_obeyed_after_it(stack, when):
    """SIGHUP and SIGUSR1 wait for the loop, whenever they come."""
    early = (signal.SIGHUP, signal.SIGUSR1)
    section = 'primary = {"127.0.0.1:9"}\nprobe { enabled = false }'
    d = stack.mxwatchd({"d%d.test" % i: section for i in range(3000)}, start=False)
    d.write(options='log = "%s"' % os.path.join(d.dir, "own.log"))
    if when == "before main()":
        before = signal.pthread_sigmask(signal.SIG_BLOCK, early)  # inherited
        try:
            d.spawn()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        d.spawn()
        wait_for(lambda: blocked(d.proc.pid, *early), 10, "main() has begun", step=0)
    own = os.path.join(d.dir, "own.log")
    for s in early:
        d.proc.send_signal(s)
    d.wait_ready()

    def obeyed():
        with open(own) as f:
            return "reload=ok" in f.read()
    wait_for(obeyed, 10, "the reload that was asked for")
    assert not blocked(d.proc.pid, *early)
    os.rename(own, own + ".1")
    d.proc.send_signal(signal.SIGUSR1)
    wait_for(lambda: os.path.exists(own), 10, "the log is opened anew")
