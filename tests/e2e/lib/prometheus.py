# SPDX-License-Identifier: ISC
"""A real Prometheus that scrapes each second, with the rules of contrib."""
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request

from .net import Workdir, end_process, free_port
from .wait import wait_for

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
RULES = os.path.join(TOP, "contrib", "prometheus")


def _rules(name):
    """The rules as they are, but a test cannot wait for minutes."""
    with open(os.path.join(RULES, name)) as f:
        text = f.read()
    text = re.sub(r"\b(keep_firing_)?for: \d+[mh]", r"\1for: 1s", text)
    text = text.replace("process_start_time_seconds > 300", "process_start_time_seconds > 3")
    return text.replace('state="down"}[5m]', 'state="down"}[2s]')


class Prometheus:
    """`targets`: addresses of the job mxwatch, or {job: addresses}."""

    def __init__(self, targets, scheme="http", extra="", rules=("mxwatch-alerts.yml",)):
        self.work = Workdir("prom")
        self.port = free_port()
        for name in rules:
            self.file(name, _rules(name))
        jobs = targets if isinstance(targets, dict) else {"mxwatch": targets}
        conf = self.file(
            "prometheus.yml",
            "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
            "rule_files: [%s]\nscrape_configs:\n" % ", ".join(rules) +
            "".join("- job_name: %s\n  scheme: %s\n%s"
                    "  static_configs: [{targets: [%s]}]\n" % (
                        job, scheme, extra, ", ".join('"%s"' % t for t in at))
                    for job, at in jobs.items()))
        self.log = open(os.path.join(self.work.path, "log"), "w")
        self.proc = subprocess.Popen(
            ["prometheus", "--config.file=" + conf,
             "--storage.tsdb.path=" + os.path.join(self.work.path, "data"),
             "--web.listen-address=127.0.0.1:%d" % self.port],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for(lambda: self.get("/-/ready") is not None, 30, "Prometheus is ready")

    def file(self, name, text):
        path = os.path.join(self.work.path, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def get(self, path):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.port, path), timeout=10) as r:
            return r.read()

    def api(self, path, **parameters):
        """`data` of an answer of the HTTP API."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        return json.loads(self.get("/api/v1/%s?%s" % (path, query)))["data"]

    def query(self, q, **parameters):
        return self.api("query", query=q, **parameters)["result"]

    def value(self, q):
        got = self.query(q)
        assert len(got) == 1, "%s: %s" % (q, got)
        return float(got[0]["value"][1])

    def firing(self):
        return {(a["labels"]["alertname"], a["labels"].get("domain"))
                for a in self.api("alerts")["alerts"] if a["state"] == "firing"}

    def close(self):
        end_process(self.proc)
        self.log.close()
        self.work.remove()
