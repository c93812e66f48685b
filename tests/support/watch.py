"""Reads the logs of all tests, in this process and in those of the service, for secrets."""

import logging
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from domain.passwords.password import Password
from tests.support.builders import PASSWORD

SECRETS = re.compile(
    "|".join(
        (
            re.escape(PASSWORD),
            "LS0tLS1CRUdJTi",  # any PEM in base64, as keys come from the environment
            r"eyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}",  # a token
            r"\$argon2id\$",  # a hash
            "PRIVATE KEY",
            r"[0-9a-f]{32}\.[0-9a-f]{64}",  # a device token
        )
    )
)


_TYPED: deque[str] = deque(maxlen=200)
"""The passwords that this process was given last; a state machine makes up thousands."""


def secrets_in(text: str) -> list[str]:
    """What was found, shortened: a test's report is a log as well."""
    typed = [password for password in _TYPED if password in text]
    return [f"{found[:12]}…" for found in [*SECRETS.findall(text), *typed]]


@contextmanager
def watched_passwords() -> Iterator[None]:
    """Whatever is parsed as a password from now on is a secret."""
    parse = Password.parse

    def remember(typed: str) -> Password:
        password = parse(typed)
        # Short ones are in any text, and some tests take a name or an address for a password.
        is_known = typed in _TYPED or typed in _PUBLIC or typed in _SAID_ANYWAY
        if len(typed) >= 8 and not is_known:
            _TYPED.append(typed)
        return password

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Password, "parse", staticmethod(remember))
        yield


_SAID_ANYWAY = """
{"event": "Started server process [", "level": "info", "logger": "uvicorn.error", "timestamp": "
"Started parent process [" "Waiting for application startup." "Application startup complete."
"Received SIGTERM, exiting." "Shutting down" "Waiting for application shutdown." "Terminated child"
"Application shutdown complete." "Finished server process [" "Stopping parent process ["
"Waiting for child process [" "level": "warning" "level": "error" "logger": "doorward.audit"
"exception": "outcome": "success" "session_id": null "actor_id": null "detail": "address":
"request_id": "user_id": "password hashing" "rotate keys"
"invalidation_feed_connected" "store": "PostgreSQL"
"configuration_reloaded" "reloaded": ["rate_limits", "signing_keys"] documentation metrics
"""
"""Of every log. Hypothesis takes the strings of our own code for passwords now and then."""

_PUBLIC = frozenset({"Ada Lovelace", "ada@example.org", "ADA@example.org"})


class Watch(logging.Handler):
    """Remembers the lines that hold a secret. The tests' own HTTP client does not count."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore")):
            self.found += secrets_in(self.format(record))
