# SPDX-License-Identifier: ISC
"""The demonstrations do what they say they do, and leave nothing."""
import os
import subprocess

import pytest

from lib.net import Workdir

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.mark.beside
@pytest.mark.parametrize("show, proof", [
    ("outage", "attempts: 5, delivered: 5, refused by mxwatchd: 2"),
    ("cluster", "6 of 6 messages were delivered, each once")])
def test_it_does_what_it_says(stack, show, proof):
    build = os.path.abspath(os.environ.get("MXWATCH_BUILD_PLAIN") or os.environ["MXWATCH_BUILD"])
    # not tmp_path: the engine is another user, and each start of a pytest shuts that
    tmp = stack.add(Workdir("demo"), lambda w: w.remove()).path
    env = dict(os.environ, PATH=build + ":" + os.environ["PATH"], TMPDIR=tmp)
    r = subprocess.run([os.path.join(TOP, "contrib", "demo-" + show)], env=env, text=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=240)
    if r.returncode == 77:
        pytest.skip(r.stdout.strip())
    assert r.returncode == 0, r.stdout
    assert proof in r.stdout, r.stdout
    assert os.listdir(tmp) == [], "it leaves something"
    left = subprocess.run(["ps", "-eo", "args"], text=True, stdout=subprocess.PIPE).stdout
    assert tmp not in left, "it leaves a process"
