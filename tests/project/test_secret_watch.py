"""The watch over the logs of all tests finds secrets."""

import base64
import logging

import pytest

from domain.passwords.password import Password
from domain.session import Session
from domain.token import TokenKind
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import a_session, claims_of
from tests.support.secret_watch import SecretWatch


def found_in(message: str) -> list[str]:
    watch = SecretWatch()
    record = logging.LogRecord("doorward", logging.INFO, "", 0, message, None, None)
    watch.emit(record)
    return watch.found


def test_an_ordinary_line_holds_none() -> None:
    assert found_in("POST /api/auth/login: users: no answer") == []


@pytest.mark.parametrize("kind", TokenKind)
def test_it_sees_a_token_and_a_key(
    signer: JwtSigner, keys: dict[TokenKind, SigningKey], kind: TokenKind
) -> None:
    session: Session = a_session()
    pem = keys[kind].private_pem()

    for secret in (
        signer.sign(claims_of(session, kind)),
        pem.decode(),
        base64.b64encode(pem).decode(),
    ):
        assert found_in(f"it says {secret}") != []


def test_it_sees_every_password_that_was_typed() -> None:
    made_up = "a password that only this test has"
    assert found_in(f"it says {made_up}") == []

    Password.parse(made_up)

    assert found_in(f"it says {made_up}") != []
