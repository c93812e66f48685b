"""Reads the logs of all tests, in this process and in those of the service, for secrets."""

import logging
import re

from tests.builders import PASSWORD

SECRETS = re.compile(
    "|".join(
        (
            re.escape(PASSWORD),
            r"eyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}",  # a token
            r"\$argon2id\$",  # a hash
            "PRIVATE KEY",
            r"[0-9a-f]{32}\.[0-9a-f]{64}",  # a device token
        )
    )
)


def secrets_in(text: str) -> list[str]:
    """What was found, shortened: a test's report is a log as well."""
    return [f"{found[:12]}…" for found in SECRETS.findall(text)]


class Watch(logging.Handler):
    """Remembers the lines that hold a secret. The tests' own HTTP client does not count."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore")):
            self.found += secrets_in(self.format(record))
