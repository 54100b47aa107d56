# SPDX-License-Identifier: ISC
"""What was measured, by row and by who: rates, processor time a message and
single figures, a sample for each round; the ratios that are the goals; and how
all of it is printed. A sample with `loud` is of a round at whose beginning
others used that share of the processors."""
import json
import os
import platform
import statistics
from collections import namedtuple

import cpu
from servers import say

# A ratio of two samples of one round, or one figure (over: None). `figure` is
# "rate" (messages/s), "cpu" (us a message) or "value"; `of` and `over` are
# (row, who). `least` or `most` is the goal; neither: it is only told.
Goal = namedtuple("Goal", "text figure of over least most", defaults=(None, None, None))


def spread(values, digits=None):
    """median (min..max)"""
    mid = statistics.median(values)
    if digits is None:
        digits = 0 if mid >= 100 else 1 if mid >= 10 else 2
    text = "%.*f" % (digits, mid)
    if len(values) > 1:
        text += " (%.*f..%.*f)" % (digits, min(values), digits, max(values))
    return text


def rounds_text(loud):
    """How many, and how many of them were not quiet: a flag for each."""
    return "%d, %d loud" % (len(loud), sum(loud)) if any(loud) else "%d" % len(loud)


def machine():
    """What figures can be compared on."""
    model = "unknown"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"model": model, "kernel": platform.release(), "cores": os.cpu_count()}


class Results:
    def __init__(self):
        self.rows = {}  # row -> who -> [sample]
        self.goals = []
        self.loud = None  # of the round that runs

    def rounds(self, n):
        """The numbers of n rounds. Each begins with a look at what else the
        machine does: two figures of a loud round may be apart for that alone."""
        for r in range(n):
            used = cpu.others()
            self.loud = round(used, 2) if used > cpu.QUIET else None
            if self.loud is not None:
                say("bench: round %d: others use %.0f %% of the processors" % (r + 1, 100 * used))
            yield r
        self.loud = None

    def add(self, row, who, **sample):
        """One round of who in a row: rate=, user= and system= (s a message),
        value=, instructions= (a message)."""
        if self.loud is not None:
            sample["loud"] = self.loud
        self.rows.setdefault(row, {}).setdefault(who, []).append(sample)

    def timed(self, row, who, n, seconds, used=None, **more):
        if used is not None:
            more.update(user=used[0] / n, system=used[1] / n)
        self.add(row, who, rate=n / seconds, **more)

    def goal(self, *args, **kwargs):
        goal = Goal(*args, **kwargs)
        if goal not in self.goals:
            self.goals.append(goal)

    def values(self, at, figure):
        out = []
        for sample in self.rows.get(at[0], {}).get(at[1], []):
            if figure == "cpu":
                out.append(1e6 * (sample["user"] + sample["system"])
                           if "user" in sample else None)
            else:
                out.append(sample.get(figure))
        return out

    def of_goal(self, goal):
        """Its samples: a ratio for each round in which both are."""
        return [ratio for ratio, _ in self.goal_samples(goal)]

    def goal_samples(self, goal):
        """The same as (ratio, whether its round was loud)"""
        values = self.values(goal.of, goal.figure)
        loud = ["loud" in s for s in self.rows.get(goal.of[0], {}).get(goal.of[1], [])]
        if goal.over is None:
            return [(v, noise) for v, noise in zip(values, loud) if v is not None]
        return [(a / b, noise)
                for a, b, noise in zip(values, self.values(goal.over, goal.figure), loud)
                if a is not None and b]

    def goal_rounds(self, goal):
        return rounds_text([noise for _, noise in self.goal_samples(goal)])

    def goal_rows(self, before):
        """(what, before, its rounds, now, its rounds, goal, whether it is met)"""
        for goal in self.goals:
            now = self.of_goal(goal)
            was = before.of_goal(goal) if before is not None else []
            if not now and not was:
                continue
            bound = met = ""
            if goal.least is not None:
                bound = ">= %g" % goal.least
                met = now and statistics.median(now) >= goal.least
            elif goal.most is not None:
                bound = "<= %g" % goal.most
                met = now and statistics.median(now) <= goal.most
            digits = None if goal.over is None else 2
            yield (goal.text, spread(was, digits) if was else "-",
                   before.goal_rounds(goal) if was else "-",
                   spread(now, digits) if now else "-",
                   self.goal_rounds(goal) if now else "-", bound,
                   met if met == "" or not now else "met" if met else "missed")

    def sample_rows(self):
        """(row, who, rounds, messages/s, us a message, of that user + system)"""
        for row, by in self.rows.items():
            for who, samples in by.items():
                rates = [s["rate"] for s in samples if "rate" in s]
                if not rates:
                    continue
                used = [v for v in self.values((row, who), "cpu") if v is not None]
                parts = "" if not used else "%.0f + %.0f" % tuple(
                    1e6 * statistics.median(s[k] for s in samples if k in s)
                    for k in ("user", "system"))
                yield (row, who, rounds_text(["loud" in s for s in samples if "rate" in s]),
                       spread(rates),
                       spread(used) if used else "", parts)

    def tables(self, before=None):
        samples, goals = list(self.sample_rows()), list(self.goal_rows(before))
        out = []
        if goals:
            head = ("ratio or figure, median (min..max)", "before", "rounds", "now", "rounds",
                    "goal", "")
            if before is None:
                goals = [g[:1] + g[3:] for g in goals]
                head = head[:1] + head[3:]
            out.append([head, *goals])
        if samples:
            out.append([("measured", "who", "rounds", "messages/s", "us a message", "user + system"),
                        *samples])
        return out

    def save(self, path):
        """Beside the rows that are there of other runs: parts make a whole."""
        if os.path.exists(path):
            was = self.load(path)
            for goal in self.goals:
                was.goal(*goal)
            was.rows.update(self.rows)
            self.rows, self.goals = was.rows, was.goals
        with open(path, "w") as f:
            json.dump({"machine": machine(), "rows": self.rows, "goals": self.goals}, f, indent=1)
            f.write("\n")

    @classmethod
    def load(cls, path):
        got = cls()
        with open(path) as f:
            saved = json.load(f)
        got.rows = saved["rows"]
        for text, figure, of, over, least, most in saved["goals"]:
            got.goal(text, figure, tuple(of), over and tuple(over), least, most)
        return got


def print_table(rows, markdown):
    """The first row is the heading; the first column is as wide as it needs."""
    rows = [[str(v) for v in r] for r in rows]
    if markdown:
        print()
        for i, r in enumerate(rows):
            print("| " + " | ".join(r) + " |")
            if i == 0:
                print("|" + "---|" * len(r))
        return
    most = max(len(r) for r in rows)
    wide = [max((len(r[i]) for r in rows if i < len(r)), default=0) for i in range(most)]
    print()
    for r in rows:
        print("  ".join(v.ljust(w) if i == 0 else v.rjust(w)
                        for i, (v, w) in enumerate(zip(r, wide))).rstrip())
