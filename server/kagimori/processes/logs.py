# SPDX-License-Identifier: Apache-2.0
"""Structured logs on standard error: one line an event, never a secret in it."""

from __future__ import annotations

import logging
import sys

import structlog

from kagimori.config import LogSection


def configure(log: LogSection) -> None:
    """Set the level and the shape of every log line of this process."""
    render = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[log.level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
