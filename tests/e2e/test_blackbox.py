# SPDX-License-Identifier: ISC
"""contrib/blackbox/mxwatch.yml, by blackbox_exporter: what a client sees of us."""
import re
import shutil
import subprocess
import urllib.request

import pytest

from lib.net import certificate, end_process, free_port, wait_port
from lib.prometheus import TOP

NAME = "mx2.example.net"


@pytest.fixture
def exporter(stack, tmp_path):
    """start(ca): asks with the module, which trusts that certificate."""
    def start(ca):
        with open(TOP + "/contrib/blackbox/mxwatch.yml", encoding="utf-8") as f:
            text = f.read()
        (tmp_path / "blackbox.yml").write_text(
            text.replace("server_name: " + NAME, "server_name: %s\n        ca_file: %s" % (NAME, ca)))
        port = free_port()
        p = subprocess.Popen(["prometheus-blackbox-exporter", "--config.file",
                              tmp_path / "blackbox.yml", "--web.listen-address",
                              "127.0.0.1:%d" % port], stderr=subprocess.DEVNULL)
        stack.add(p, end_process)
        wait_port(port)

        def ask(target):
            url = "http://127.0.0.1:%d/probe?module=smtp_mx2&target=127.0.0.1:%d" % (port, target)
            with urllib.request.urlopen(url, timeout=20) as r:
                return float(re.search(r"^probe_success (\S+)", r.read().decode(), re.M)[1])
        return ask
    return start


def test_what_a_client_sees(stack, exporter):
    d = stack.mxwatchd({"a.test": 'primary = {"127.0.0.1:9"}'}, start=False,
                       options='hostname = "%s"' % NAME)
    cert, key = certificate(d.dir, NAME)
    shutil.copy(cert, d.dir + "/trusted.crt")
    ask = exporter(d.dir + "/trusted.crt")
    d.write(smtpd='tls_cert = "%s"\ntls_key = "%s"' % (cert, key))
    d.start()
    assert ask(d.port) == 1
    other, key = certificate(d.dir, "other.example.net")  # not what it trusts
    assert d.reload(smtpd='tls_cert = "%s"\ntls_key = "%s"' % (other, key))[0] == 0
    assert ask(d.port) == 0
    assert d.reload(smtpd="")[0] == 0  # no STARTTLS
    assert ask(d.port) == 0
    d.stop()
    assert ask(d.port) == 0
