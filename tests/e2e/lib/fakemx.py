# SPDX-License-Identifier: ISC
"""Loads tests/tools/fakemx, which is a program, as a module."""
import importlib.machinery
import importlib.util
import os

PATH = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "fakemx")
_loader = importlib.machinery.SourceFileLoader("fakemx_tool", os.path.abspath(PATH))
_spec = importlib.util.spec_from_loader("fakemx_tool", _loader)
_module = importlib.util.module_from_spec(_spec)
_loader.exec_module(_module)
FakeMx = _module.FakeMx


def deliveries_at_once(mx, since=0):
    """The most connections over which messages came at one time."""
    sessions, most = {}, 0
    for e in mx.events[since:]:
        if e["event"] in ("connect", "disconnect"):
            sessions.setdefault(e["peer"], {})[e["event"]] = e
    used = [s for s in sessions.values()
            if "connect" in s and s.get("disconnect", {}).get("messages", 0) > 0]
    for s in used:
        most = max(most, sum(o["connect"]["time"] <= s["connect"]["time"] <
                             o["disconnect"]["time"] for o in used))
    return most
