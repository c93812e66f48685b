"""Log lines as the service writes them."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from infrastructure.telemetry.logging import json_formatter

Lines = Callable[[], list[dict[str, Any]]]
"""Returns the lines so far, in order."""


def lines_of(logger: str, caplog: pytest.LogCaptureFixture) -> Lines:
    """Capture the lines of a logger from now on."""
    caplog.set_level(logging.INFO, logger)
    formatter = json_formatter()
    return lambda: [
        json.loads(formatter.format(record)) for record in caplog.records if record.name == logger
    ]
