# SPDX-License-Identifier: ISC
"""mxwatchctl on a real terminal, of 80 and of 120 columns: what tmux has on its screen.
No line wraps, the header is in its place, colour is used where it may be."""
import os
import re
import subprocess
import uuid

import pytest

from lib.smtp import send
from lib.wait import wait_for

NAME = "a-rather-long-name-of-a-domain.of-some-organisation"
DOWN = 'primary = {"127.0.0.1:9"}'
WIDTHS = (80, 120)


class Terminal:
    """Screens of so many columns, each of a server of tmux by itself: one that ends takes
    its socket along a moment later."""

    def __init__(self, d, columns):
        self.d, self.columns, self.socket = d, columns, None
        self.env = dict(d.environment(), TERM="xterm-256color", LC_ALL="C.UTF-8")
        self.env.pop("TMUX", None)

    def tmux(self, *words, check=True):
        return subprocess.run(["tmux", "-f", "/dev/null", "-S", self.socket, *words],
                              check=check, capture_output=True, text=True, env=self.env,
                              timeout=20)

    def capture(self, *how):
        return self.tmux("capture-pane", "-p", *how).stdout

    def begin(self, command):
        self.socket = os.path.join(self.d.dir, "tmux-" + uuid.uuid4().hex[:8])
        self.tmux("new-session", "-d", "-x", str(self.columns), "-y", "200", command)

    def show(self, *words, env="", how=()):
        """The screen behind that command, line by line; with -J, as they were written:
        what has wrapped is one."""
        self.begin("%s %s -s %s %s; echo =END=; sleep 60" % (
            env, os.path.join(self.d.build, "mxwatchctl"), self.d.socket,
            " ".join("'%s'" % w for w in words)))
        try:
            text = wait_for(lambda: (lambda t: t if "=END=" in t else None)(self.capture(*how)),
                            10, "the screen")
            return text.split("=END=")[0].rstrip("\n").splitlines()
        finally:
            self.tmux("kill-server", check=False)


@pytest.fixture(scope="module")
def d(module_stack):
    mx = module_stack.fakemx(misbehave=[
        "say-rcpt=452 4.2.2 The mailbox of this user is full, and has been for some weeks now",
        "except=postmaster@a.test"])
    d = module_stack.mxwatchd({
        "a.test": 'primary = {"127.0.0.1:%d"}' % mx.port, NAME + ".test": DOWN, "b.test": DOWN})
    d.wait_state("a.test", "up")
    d.wait_state("b.test", "down")
    d.wait_state(NAME + ".test", "down")
    send(d.port, "full", rcpts=["u@a.test"])
    send(d.port, "waits", sender="somebody.with.a.long.name@mailing-list.example.org",
         rcpts=["u@" + NAME + ".test", "v@b.test"])
    send(d.port, "gone", rcpts=["w@b.test"])
    assert d.ctl("remove", "b.test", "--recipient", "w@b.test")[0] == 0
    assert d.ctl("maintenance", "b.test", "--for", "2h", "--reason", "a long " * 20)[0] == 0
    assert d.ctl("redirect", NAME + ".test", NAME + ".example", "--reason", "a long " * 20)[0] == 0
    assert d.ctl("silence", "queue_age", "--for", "1h", "--reason", "because " * 15)[0] == 0
    wait_for(lambda: d.ctl_json("queue", "a.test")[0]["code"] == 452, 20, "it was refused")
    wait_for(lambda: d.ctl_json("vault")[-1]["messages"] == 1, 10, "one is in the vault")
    return d


VERBS = {  # and how the first line begins
    "status": "DOMAIN", "status --primaries": "PRIMARY", "status --problems": "DOMAIN",
    "status b.test": "domain", "queue": "ID", "queue --sort size": "ID", "ages": "DOMAIN",
    "mailq": "-Queue ID-", "vault": "ID", "why b.test": "", "alerts": "", "silence": "",
    "maintenance": "", "redirect": "DOMAIN", "redirect b.test 127.0.0.1:10 --dry-run": "b.test: ",
    "outages": "", "stats": "", "hold b.test --dry-run": "would hold",
    "bounce --all --dry-run": "would bounce", "flush --all --dry-run": "",
    "recipients a.test": None, "replay --all --dry-run": "ID", "help queue": "queue:",
    "cluster": None, "extend b.test +1h --dry-run": "would extend", "probe a.test": "",
    "hold b.test": "b.test is held", "release b.test": "b.test is released",
    "events": "", "events b.test": "", "drill a.test": "intake", "drill b.test": None,
    "export --all {dir}/{columns}": "", "reload": "", "forget a.test": None,
}


@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_wraps(d, columns):
    t = Terminal(d, columns)
    for verb, head in VERBS.items():
        words = verb.format(dir=d.dir, columns=columns).split()
        lines = t.show(*words, how=["-J"])
        assert lines, verb
        too_long = [line for line in lines if len(line) > columns]
        assert too_long == [], (verb, columns)
        if head:
            assert lines[0].startswith(head), (verb, lines[0])
    msg = d.ctl_json("queue", "a.test")[0]["id"]
    for words in (["show", msg], ["why", msg]):
        assert all(len(line) <= columns for line in t.show(*words, how=["-J"])), words


def test_columns_go_by_room(d):
    narrow, broad = (Terminal(d, c).show("queue")[0].split() for c in WIDTHS)
    assert {"ID", "STATE", "AGE", "DOMAIN", "SENDER"} <= set(narrow)
    assert "REPLY" not in narrow and "REPLY" in broad and set(narrow) < set(broad)
    row = [line for line in Terminal(d, 120).show("queue") if "452 4.2.2" in line]
    assert len(row) == 1
    # each column stands below its head
    lines = Terminal(d, 80).show("status")
    at = lines[0].index("STATE")
    rows = [line for line in lines[1:] if not line.startswith(" ")][:3] # not what is below one
    assert {line[at:].split()[0] for line in rows} == {"up", "down"}, lines
    assert re.search(r"^3 domains, 2 with a problem; \d+ messages, \S+; ", "\n".join(lines), re.M)
    problems = Terminal(d, 80).show("status", "--problems")
    assert not any(line.startswith("a.test") for line in problems)
    assert any(line.startswith("b.test") for line in problems)


def test_colour(d):
    t = Terminal(d, 80)
    assert any("\x1b[1m\x1b[31mdown" in s or "\x1b[1;31mdown" in s
               for s in t.show("status", how=["-e"]))
    assert not any("\x1b[" in s and "down" in s
                   for s in t.show("status", how=["-e"], env="NO_COLOR=1"))
    assert "\x1b" not in d.ctl("status")[1]


def test_watch(d):
    """The same again and again, until it is interrupted."""
    t = Terminal(d, 80)
    t.begin("%s -s %s status --watch" % (os.path.join(d.build, "mxwatchctl"), d.socket))
    try:
        def messages():
            m = re.search(r"; (\d+) messages", t.capture())
            return int(m.group(1)) if m else None
        before = wait_for(messages, 10, "the first screen")
        send(d.port, "one more", rcpts=["u@b.test"])
        wait_for(lambda: messages() == before + 1, 15, "it is there on the next screen")
        assert t.capture().count("DOMAIN") == 1
        t.tmux("send-keys", "C-c")
        wait_for(lambda: t.tmux("list-sessions", check=False).returncode != 0, 10,
                 "it has ended")
    finally:
        t.tmux("kill-server", check=False)


SHELLS = {
    "zsh": ("zsh -f -i", "PS1='%% '; LISTMAX=0; fpath=({build}/watchd/control $fpath); "
            "autoload -Uz compinit; compinit -u -D"),
    "bash": ("bash --norc --noprofile -i", "PS1='% '; bind 'set completion-query-items 0'; "
             "bind 'set page-completions off'; . {build}/watchd/control/mxwatchctl"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(d, shell):
    """What the shell itself shows behind a TAB, or two."""
    command, setup = SHELLS[shell]
    t = Terminal(d, 100)
    t.env["PATH"] = d.build + ":" + t.env["PATH"]
    t.begin(command)

    def cleared():
        t.tmux("send-keys", "clear", "Enter")
        wait_for(lambda: t.capture().split() == ["%"], 30, "an empty screen")

    def offered(line, *wanted):
        t.tmux("send-keys", line, "Tab", *(["Tab"] if shell == "bash" else []))

        def there():
            words = t.capture().split()
            assert set(wanted) <= set(words), (line, words)
            return words
        words = wait_for(there, 15, line)
        t.tmux("send-keys", "C-u")
        cleared()
        return words
    try:
        t.tmux("send-keys", setup.format(build=d.build), "Enter")
        cleared()
        ctl = "mxwatchctl -s %s " % d.socket
        verbs = [line.split()[0] for line in d.ctl("help")[1].splitlines()
                 if re.match(r"  [a-z]+ ", line)]
        assert len(verbs) > 30, verbs
        offered("mxwatchctl ", *verbs)
        offered("mxwatchctl help ", *[v for v in verbs if v != "help"])
        words = offered("mxwatchctl bounce --", "--sender", "--dry-run", "--all", "--json")
        assert "--purge" not in words and "a.test" not in words
        offered(ctl + "queue --state ", "deferred", "active", "held")
        offered("mxwatchctl cluster ", "join", "takeover")
        domains = ["a.test", "b.test", NAME + ".test"]
        assert d.ctl("status", "--names")[1].split() == sorted(domains)
        for verb in ("status", "extend --older 1d", "maintenance"):
            assert "--json" not in offered(ctl + verb + " ", *domains)
        words = offered(ctl + "hold a", "a.test", NAME + ".test")
        assert "b.test" not in words
    finally:
        t.tmux("kill-server", check=False)
