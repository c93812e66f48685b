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
"""The latest passwords of this process; a state machine generates thousands."""


def secrets_in(text: str) -> list[str]:
    """Return the secrets in a text, shortened: a test report is a log as well."""
    typed = [password for password in _TYPED if password in text]
    return [f"{found[:12]}…" for found in [*SECRETS.findall(text), *typed]]


@contextmanager
def watch_passwords() -> Iterator[None]:
    """Treat each password that is parsed in this block as a secret."""
    parse = Password.parse

    def remember(typed: str) -> Password:
        password = parse(typed)
        # Short ones are in any text, and some tests take a name or an address for a password.
        is_known = typed in _TYPED or typed in _PUBLIC or typed in _IN_EVERY_LOG
        if len(typed) >= 8 and not is_known:
            _TYPED.append(typed)
        return password

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Password, "parse", staticmethod(remember))
        yield


_IN_EVERY_LOG = """
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
"""Parts of every log: Hypothesis sometimes takes strings of the code for passwords."""

_PUBLIC = frozenset({"Ada Lovelace", "ada@example.org", "ADA@example.org"})


class SecretWatch(logging.Handler):
    """Collects the secrets in log lines, except those of the tests' HTTP client."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore")):
            self.found += secrets_in(self.format(record))
