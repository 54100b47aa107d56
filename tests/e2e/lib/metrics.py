# SPDX-License-Identifier: ISC
"""The exposition of /metrics as numbers."""
import re

_LINE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """m.get("queue_messages", domain="a.test", state="held") -> 0.0; names
    without the prefix. sum() adds up all the series that match."""

    def __init__(self, text):
        self.text = text
        self.types, self.helps, self.series = {}, {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ", 3)
                assert name not in self.types, "family twice: " + name
                self.types[name] = kind
            elif line.startswith("# HELP "):
                _, _, name, text = line.split(" ", 3)
                self.helps[name] = text
            elif line and not line.startswith("#"):
                self._sample(line)

    def _sample(self, line):
        got = _LINE.match(line)
        assert got, "not a sample: " + line
        labels = tuple(sorted(_LABEL.findall(got.group(2) or "")))
        family = self.series.setdefault(got.group(1), {})
        assert labels not in family, "series twice: " + line
        family[labels] = float(got.group(3))

    @staticmethod
    def _name(name):
        return name if name.startswith("process_") else "mxwatch_" + name

    def match(self, name, **labels):
        want = set(labels.items())
        return {k: v for k, v in self.series.get(self._name(name), {}).items()
                if want <= set(k)}

    def get(self, name, **labels):
        got = self.match(name, **labels)
        assert len(got) == 1, "%s%s: %d series" % (name, labels, len(got))
        return next(iter(got.values()))

    def sum(self, name, **labels):
        return sum(self.match(name, **labels).values())

    def state(self, domain):
        on = [dict(k)["state"] for k, v in
              self.match("watchdog_state", domain=domain).items() if v == 1]
        assert len(on) == 1, "states: %s" % on
        return on[0]

    def queued(self, domain):
        return self.sum("queue_messages", domain=domain)
