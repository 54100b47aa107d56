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
