# SPDX-License-Identifier: ISC
"""A disk that forgets. disktrace.c, preloaded into a daemon, notes what it does to
a directory; Trace reads the notes and builds the directory as it may look when the
power fails at any of them. What stands before a sync of the file (or was written
through O_DSYNC) is there; of the rest each write, each sector of 512 octets of it,
each change of a size and each name may be there or not, by one of LUCK. A name, new,
gone or changed, is there for sure when its directory has been synced, whatever the
file: that is what POSIX promises, and less than most file systems keep."""
import os
import random
import subprocess

SECTOR = 512
NAMES = "CDUR"
LUCK = ["loses", "keeps", "tears", "picks", "forgets names", "forgets data"]
# A map that is written, and of no account after a restart.
UNSEEN = ("lock.mdb",)


def preload(folder, root, trace):
    """The environment of a daemon that is watched."""
    so = os.path.join(folder, "disktrace.so")
    lib = os.path.dirname(os.path.abspath(__file__))
    top = os.path.join(lib, "..", "..", "..")
    sources = [os.path.join(lib, "disktrace.c"),
               os.path.join(top, "tests", "fault", "disk_calls.c")]
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC",
                    "-I", top, "-o", so, *sources, "-ldl", "-lpthread"], check=True)
    return {"LD_PRELOAD": so, "DISKTRACE": trace, "DISKTRACE_ROOT": root}


class Op:
    __slots__ = ("kind", "node", "off", "len", "durable", "name", "to", "child", "data", "start")


class Trace:
    """`ops` in their order; `start` of each is how long the file of notes was then."""

    def __init__(self, path, root):
        self.root = root
        self.ops, self.is_dir = [], [True]
        self.inodes = {os.stat(root).st_ino: 0}
        self.paths = {root: 0}
        with open(path, "rb") as f:
            while True:
                start, line = f.tell(), f.readline()
                if not line:
                    break
                self._add(start, line.decode().split(), f)

    def _new(self, path, inode, is_dir):
        self.is_dir.append(is_dir)
        self.inodes[inode] = self.paths[path] = len(self.is_dir) - 1
        return self.paths[path]

    def _add(self, start, words, f):
        o = Op()
        o.kind, o.start, o.durable = words[0], start, words[4] == "1"
        inode, o.off, o.len = map(int, words[1:4])
        path = words[5]
        o.data = f.read(o.len) if o.kind == "W" else b""
        o.child = o.to = None
        if o.kind in NAMES:
            folder, o.name = os.path.split(path)
            o.node = self.paths[folder]
            if o.kind in "CD":
                o.child = self._new(path, inode, o.kind == "D")
            elif o.kind == "U":
                del self.paths[path]
            else:
                folder, o.to = os.path.split(words[6])
                assert self.paths[folder] == o.node, "a rename into another directory"
                self.paths[words[6]] = self.paths.pop(path)
        else:
            o.node, o.name = self.inodes[inode], None
        self.ops.append(o)

    def at(self, position):
        """How many operations had returned when the notes were so long."""
        return sum(o.start < position for o in self.ops)

    def rebuild(self, to, now, luck, seed):
        """The directory `to`, when the first `now` operations had returned and the
        next one was under way."""
        rnd = random.Random(seed)
        synced = [-1] * len(self.is_dir)
        for i, o in enumerate(self.ops[:now]):
            if o.kind == "S":
                synced[o.node] = i
        nodes = [{} if d else bytearray() for d in self.is_dir]
        for i, o in enumerate(self.ops[:now + 1]):
            safe = i < synced[o.node] or (o.durable and i < now)
            self._apply(nodes, o, None if safe else luck, rnd)
        self._write(nodes, 0, to)

    @staticmethod
    def _keeps(luck, o, rnd):
        if luck in (None, "keeps"):
            return True
        if luck == "forgets names":
            return o.kind not in NAMES
        if luck == "forgets data":
            return o.kind in NAMES or o.kind == "T"
        return luck != "loses" and rnd.random() < 0.5

    def _apply(self, nodes, o, luck, rnd):
        node = nodes[o.node]
        if o.kind == "W":
            self._apply_write(node, o, luck, rnd)
        elif o.kind == "S" or not self._keeps(luck, o, rnd):
            return
        elif o.kind == "T":
            grow(node, o.off)
            del node[o.off:]
        elif o.kind == "P":
            end = min(o.off + o.len, len(node))
            node[o.off:end] = bytes(max(0, end - o.off))
        elif o.kind in "CD":
            node[o.name] = o.child
        elif o.kind == "U":
            node.pop(o.name, None)
        elif o.name in node:  # else it never had its first name
            node[o.to] = node.pop(o.name)

    def _apply_write(self, node, o, luck, rnd):
        end = o.off + o.len
        # The size may be there although the octets are not.
        if luck == "forgets data" or (luck == "tears" and rnd.random() < 0.5):
            grow(node, end)
        if luck != "tears":
            if self._keeps(luck, o, rnd):
                grow(node, end)
                node[o.off:end] = o.data
            return
        at = o.off
        while at < end:
            to = min((at // SECTOR + 1) * SECTOR, end)
            if rnd.random() < 0.5:
                grow(node, to)
                node[at:to] = o.data[at - o.off:to - o.off]
            at = to

    def _write(self, nodes, number, path):
        node = nodes[number]
        if self.is_dir[number]:
            os.mkdir(path, 0o700)
            for name, child in node.items():
                self._write(nodes, child, os.path.join(path, name))
            return
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
            if node.strip(b"\0"):
                f.write(node)
            f.truncate(len(node))

    def differs(self, scratch):
        """Where the real directory is not what the notes say: [] when all was seen."""
        self.rebuild(scratch, len(self.ops), "keeps", 0)
        return sorted(set(files(self.root).items()) ^ set(files(scratch).items()))


def grow(node, size):
    if len(node) < size:
        node.extend(bytes(size - len(node)))


def files(root):
    """{path below root: content}"""
    out = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if name not in UNSEEN:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    out[os.path.relpath(path, root)] = f.read()
    return out
