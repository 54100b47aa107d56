# SPDX-License-Identifier: ISC
"""The demonstration of a cluster does what it says it does, and leaves nothing."""
import os
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.mark.beside
def test_two_nodes(tmp_path):
    build = os.path.abspath(os.environ.get("MXWATCH_BUILD_PLAIN") or os.environ["MXWATCH_BUILD"])
    tmp = tmp_path / "demo"
    tmp.mkdir(mode=0o755)
    for p in tmp.parents:
        if p.owner() == "root" and p.stat().st_mode & 0o777 == 0o700:
            p.chmod(0o711)  # the engine is another user
    env = dict(os.environ, PATH=build + ":" + os.environ["PATH"], TMPDIR=str(tmp))
    r = subprocess.run([os.path.join(TOP, "contrib", "demo-cluster")], env=env, text=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=240)
    if r.returncode == 77:
        pytest.skip(r.stdout.strip())
    assert r.returncode == 0, r.stdout
    assert "6 of 6 messages, each once" in r.stdout, r.stdout
    assert os.listdir(tmp) == [], "it leaves something"
    left = subprocess.run(["ps", "-eo", "args"], text=True, stdout=subprocess.PIPE).stdout
    assert str(tmp) not in left, "it leaves a process"
