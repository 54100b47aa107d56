# SPDX-License-Identifier: ISC
"""The dashboard as Grafana asks for it: variables in their places, steps and
ranges chosen, what comes back under the names of the legend."""
import json
import os
import re

from .prometheus import TOP

BOARD = os.path.join(TOP, "contrib", "grafana", "mxwatch.json")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SOURCE_INTERVAL = 15  # "scrape interval" of a data source that nobody configured
ALL = "$__all"


def seconds(text):
    return int(text[:-1]) * UNITS[text[-1]] if text else 0


def escaped(value):
    """Within the quotes of a regular expression of PromQL."""
    return re.sub(r"[\\^$*+?.()|\[\]{}]", r"\\\\\g<0>", value)


def legend(form, labels):
    """`__auto` is nothing where there is one series alone."""
    if form == "__auto":
        return ""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda m: labels.get(m[1], ""), form)


class Board:
    """`range_s` is the range shown, up to now."""

    def __init__(self, prometheus=None, range_s=900):
        with open(BOARD) as f:
            self.json = json.load(f)
        self.prometheus, self.range_s = prometheus, range_s
        self.chosen = {}
        self.options = {}

    def panels(self):
        """Those that show something, those of folded rows as well."""
        for p in self.json["panels"]:
            yield from [p] if p["type"] != "row" else p["panels"]

    def expressions(self):
        """(where, query) of all that is asked."""
        for p in self.panels():
            for t in p["targets"]:
                yield p["title"], t["expr"]
        for a in self.annotations():
            yield a["name"], a["target"]["expr"]

    def annotations(self):
        return [a for a in self.json["annotations"]["list"] if not a.get("builtIn")]

    def variables(self):
        return [v for v in self.json["templating"]["list"] if v["type"] == "query"]

    def choose(self, **chosen):
        """{variable: values}; All for what is not named. Loads the options of each,
        in order, for they depend on each other."""
        self.chosen = {}
        for v in self.variables():
            query = self.filled(v["query"]["query"])
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
            self.options[v["name"]] = self.prometheus.api(
                "label/%s/values" % label, **{"match[]": selector})
            self.chosen[v["name"]] = self._value(v, chosen.get(v["name"], ALL))
        return self

    def _value(self, variable, values):
        if values == ALL and "allValue" in variable:
            return variable["allValue"]
        if values == ALL:
            values = self.options[variable["name"]]
        values = [escaped(v) for v in values]
        return values[0] if len(values) == 1 else "(%s)" % "|".join(values)

    def filled(self, query, step=SOURCE_INTERVAL, least=SOURCE_INTERVAL):
        """`step` in seconds; `least`: that of the target."""
        def text(s):
            return "%dms" % round(s * 1000)
        known = {"__interval": text(step), "__range": text(self.range_s),
                 "__rate_interval": text(max(step + least, 4 * least)), **self.chosen}
        query = re.sub(r"\$(\w+)", lambda m: known[m[1]], query)
        assert "$" not in query, query
        return query

    def ask(self, target, now, points=300):
        """{legend: value at `now`}; of a table [(labels, value)]."""
        least = seconds(target["interval"])
        step = max(self.range_s / points, least, SOURCE_INTERVAL)
        q = self.filled(target["expr"], step, least)
        if target.get("instant"):
            got = self.prometheus.query(q, time=now)
        else:
            got = self.prometheus.api("query_range", query=q, start=now - self.range_s, end=now,
                                      step=step)["result"]
            for r in got:
                r["value"] = r["values"][-1]
            got = [r for r in got if abs(r["value"][0] - now) < 0.01]
        if target.get("format") == "table":
            return [(r["metric"], float(r["value"][1])) for r in got]
        shown = {legend(target["legendFormat"], r["metric"]): float(r["value"][1]) for r in got}
        assert len(shown) == len(got), "one name for several: %s: %s" % (q, got)
        return shown

    def show(self, panel, now):
        """{legend: value}; of a table {(heading, key): value}."""
        shown = {}
        for t in panel["targets"]:
            got = self.ask(t, now, panel["maxDataPoints"])
            if t.get("format") == "table":
                got = self._column(panel, t, got)
            assert not set(got) & set(shown), (panel["title"], got, shown)
            shown.update(got)
        return shown

    @staticmethod
    def _column(panel, target, got):
        """Under the heading that the panel gives it; the key is the one label left."""
        organize = [t for t in panel["transformations"] if t["id"] == "organize"][0]["options"]
        heading = organize["renameByName"]["Value #" + target["refId"]]
        column = {}
        for labels, value in got:
            (label, key), = labels.items()
            assert label in organize["renameByName"]
            column[heading, key] = value
        return column

    def events(self, annotation, now, step):
        """{(text, second)}: its query at each step, and what Grafana makes of that."""
        q = self.filled(annotation["target"]["expr"], step)
        got = self.prometheus.api("query_range", query=q, start=now - self.range_s, end=now,
                                  step=step)["result"]
        assert annotation["useValueForTime"] and annotation["expr"] == annotation["target"]["expr"]
        return {(legend(annotation["titleFormat"], r["metric"]), int(float(v) / 1000))
                for r in got for _, v in r["values"]}
