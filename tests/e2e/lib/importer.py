# SPDX-License-Identifier: ISC
"""mxwatch-import as it was built, and what mxwatchd says of its results."""
import os
import subprocess

from .mxwatchd import BUILD

IMPORT = os.path.join(BUILD, "contrib/import/mxwatch-import")
ENV = dict(os.environ, PERL5LIB=os.path.abspath("contrib/import"))


def run(*args, env=None, stdout=subprocess.PIPE):
    return subprocess.run([IMPORT, *args], stdout=stdout, env=dict(ENV, **env or {}),
                          stderr=subprocess.PIPE, text=True, timeout=60)


def checks(text, where):
    """mxwatchd -n takes it; only what belongs to this machine is added."""
    conf = os.path.join(where, "checked.conf")
    with open(conf, "w") as f:
        f.write('user = "root"\nspool = "%s/spool"\nresolver = {"127.0.0.1"}\n' % where + text)
    r = subprocess.run([os.path.join(BUILD, "mxwatchd"), "-n", "-c", conf], text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert r.returncode == 0, text + r.stdout
    return r.stdout


def told(text):
    return [line[3:] for line in text.splitlines() if line.startswith("#! ")]
