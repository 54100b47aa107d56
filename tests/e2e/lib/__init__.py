# SPDX-License-Identifier: ISC
"""The harness of the end-to-end tests: servers on loopback, each with its
own ports and a folder of its own, and clients. See conftest.py."""
