# SPDX-License-Identifier: ISC
"""A line of the log, read by the one rule that it keeps: TIME LEVEL MODULE and then
key=value, the value plain or in quotes, and in quotes if and only if it has to be."""
import re

LEVELS = ("error", "warn", "notice", "info", "trace")
TIME = r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) "
HEAD = re.compile(r"(?:%s)?(?P<level>%s) (?P<module>[a-z0-9_-]+)" % (TIME, "|".join(LEVELS)))
PLAIN = r'[!#-<>-\[\]-~]+'  # printable ASCII but blank, ", = and backslash
FIELD = re.compile(r' (?P<key>[a-z0-9_]+)=(?:(?P<plain>%s)|"(?P<quoted>(?:[ !#-\[\]-~]|\\[nrt"\\]'
                   r'|\\x[0-9a-f]{2})*)")' % PLAIN)


CUT = 200  # bytes of a value; what is cut is in quotes and ends with dots


class Broken(AssertionError):
    pass


def unescape(s):
    names = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\(x..|.)", lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 3 else
                  names.get(m[1], m[1]), s)


def value(s):
    """As it stands behind the "="."""
    return unescape(s[1:-1]) if s.startswith('"') else s


def parse(line):
    """{"@level": ..., "@module": ..., key: value ...}; Broken: it is not by the rule."""
    m = HEAD.match(line)
    if not m:
        raise Broken("no level and module: " + line)
    out, at = {"@level": m["level"], "@module": m["module"]}, m.end()
    while at < len(line):
        f = FIELD.match(line, at)
        if not f:
            raise Broken("at %r: %s" % (line[at:at + 40], line))
        cut = f["plain"] is None and len(f["quoted"]) > CUT and f["quoted"].endswith("...")
        if f["plain"] is None and not cut and re.fullmatch(PLAIN, f["quoted"]):
            raise Broken("quoted for nothing at %r: %s" % (line[at:at + 40], line))
        if f["key"] in out:
            raise Broken("%s is there twice: %s" % (f["key"], line))
        out[f["key"]] = f["plain"] if f["plain"] is not None else unescape(f["quoted"])
        at = f.end()
    return out


def check(text):
    """Each line that is one of ours is by the rule. The last may be cut by a kill."""
    for line in text.splitlines()[:-1]:
        if HEAD.match(line):
            parse(line)


def lines(text, **want):
    """Those that have these fields, in their order."""
    got = [parse(x) for x in text.splitlines()]
    return [x for x in got if all(x.get(k) == v for k, v in want.items())]
