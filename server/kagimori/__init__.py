# SPDX-License-Identifier: Apache-2.0
"""Kagimori (鍵守): an OTP token authority for banks.

The rooms, from the inside out: ``domain`` (pure rules), ``application`` (use
cases and the ports they need), ``adapters`` (database, PSKC, HSM) and
``transport`` (gRPC) around them, ``bootstrap`` to wire one process together,
``processes`` and ``cli`` to start it. ``custody`` is the administrator's room
and never shares a process with the rest.
"""

__version__ = "0.1.0"
