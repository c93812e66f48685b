"""Secrets of one-time tokens: message authentication codes of their ids."""

import hashlib
import hmac
from collections.abc import Callable, Sequence

from application.ports import OneTimeSecrets
from domain.mail.one_time_token import Purpose
from infrastructure.signing import base64url


class HmacOneTimeSecrets(OneTimeSecrets):
    """HMAC-SHA256, in base64url without padding.

    :param secrets: returns the present secrets, from outside the database. The first derives new
        tokens, all of them those that were issued before.
    """

    def __init__(self, secrets: Callable[[], Sequence[bytes]]) -> None:
        self._secrets = secrets

    def derive(self, token_id: str, purpose: Purpose) -> Sequence[str]:
        message = f"{purpose}.{token_id}".encode()
        codes = (hmac.digest(secret, message, hashlib.sha256) for secret in self._secrets())
        return [base64url.encode(code).decode() for code in codes]
