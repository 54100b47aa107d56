# SPDX-License-Identifier: ISC
"""Tests that run side by side, for most of their time is waiting: those of a module
with `@pytest.mark.beside` begin together, after the others of the module are over,
which have the machine to themselves (they measure, or meddle with all of it). Each
is in a thread and has a `stack` of its own; what else it asks for are parameters and
fixtures of the module. MXWATCH_THREADS=1 runs them one after the other."""
import concurrent.futures
import inspect
import os

THREADS = int(os.environ.get("MXWATCH_THREADS", "4"))


def is_beside(item):
    return item.get_closest_marker("beside") is not None


def _is_skipped(item):
    return any(m.args and m.args[0] for m in item.iter_markers("skipif"))


def last(items):
    """Those that run side by side behind the others of their module."""
    modules = {}
    for i in items:
        modules.setdefault(i.nodeid.split("::")[0], len(modules))
    items.sort(key=lambda i: (modules[i.nodeid.split("::")[0]], is_beside(i)))


class Beside:
    """`new_stack` makes a stack, `tell` says what its servers logged."""

    def __init__(self, request, new_stack, tell):
        self.new_stack, self.tell = new_stack, tell
        self.told = {}
        self.pool = concurrent.futures.ThreadPoolExecutor(THREADS)
        mine = [i for i in request.session.items if i.module is request.module and
                is_beside(i) and not _is_skipped(i)]
        # Fixtures are made here, for pytest knows of no threads.
        given = [(i, self._given(request, i)) for i in mine]
        self.runs = {i.nodeid: self.pool.submit(self._run, i, g) for i, g in given}

    @staticmethod
    def _given(request, item):
        own = item.callspec.params if hasattr(item, "callspec") else {}
        return {n: own[n] if n in own else request.getfixturevalue(n)
                for n in inspect.signature(item.function).parameters if n != "stack"}

    def _run(self, item, given):
        stack = self.new_stack()
        if "stack" in inspect.signature(item.function).parameters:
            given["stack"] = stack
        try:
            item.function(**given)
        except BaseException:
            self.told[item.nodeid] = self.tell(stack)
            raise
        finally:
            stack.close()

    def outcome(self, item):
        self.runs[item.nodeid].result()

    def sections(self, item):
        """For the report of a test that failed."""
        return self.told.get(item.nodeid, [])

    def close(self):
        self.pool.shutdown(wait=True, cancel_futures=True)
