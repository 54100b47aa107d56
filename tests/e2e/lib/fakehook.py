# SPDX-License-Identifier: ISC
"""Loads tests/tools/fakehook, which is a program, as a module."""
import importlib.machinery
import importlib.util
import os

PATH = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "fakehook")
_loader = importlib.machinery.SourceFileLoader("fakehook_tool", os.path.abspath(PATH))
_spec = importlib.util.spec_from_loader("fakehook_tool", _loader)
_module = importlib.util.module_from_spec(_spec)
_loader.exec_module(_module)
FakeHook = _module.FakeHook
