"""Which keys sign: those in the environment or, with none there, those in files."""

from domain.token import TokenKind
from infrastructure.keys import SigningKey, UnfitKey, key_in_file, key_in_text
from infrastructure.rs256 import Audiences, Rs256Signer
from infrastructure.settings import Settings
from infrastructure.variables import ConfigurationError


def make_signer(settings: Settings) -> Rs256Signer:
    """
    :raises ConfigurationError: a key that must not sign, or only one of the two.
    """
    issuer = settings.token_issuer
    return Rs256Signer(
        signing_keys(settings),
        Audiences(issuer, settings.audience or issuer, refresh=f"{issuer}/api/auth/refresh"),
        longest_lifetime=settings.session_lifetime,
    )


def signing_keys(settings: Settings) -> dict[TokenKind, SigningKey]:
    """
    :raises ConfigurationError: as :func:`make_signer` says.
    """
    texts = {
        TokenKind.ACCESS: (settings.access_private_key, settings.access_public_key),
        TokenKind.REFRESH: (settings.refresh_private_key, settings.refresh_public_key),
    }
    has_texts = any(text for pair in texts.values() for text in pair)
    keys = {
        kind: _from_text(kind, *texts[kind]) if has_texts else _from_file(kind, settings)
        for kind in TokenKind
    }
    if keys[TokenKind.ACCESS].kid == keys[TokenKind.REFRESH].kid:
        raise ConfigurationError(
            "REFRESH_TOKEN_PRIVATE_KEY", "must be another key than ACCESS_TOKEN_PRIVATE_KEY"
        )
    return keys


def _from_text(kind: TokenKind, private: str | None, public: str | None) -> SigningKey:
    name = f"{kind.upper()}_TOKEN"
    if private is None:
        raise ConfigurationError(f"{name}_PRIVATE_KEY", "is missing: the other keys are given")
    try:
        key = key_in_text(private, None)
    except UnfitKey as error:
        raise ConfigurationError(f"{name}_PRIVATE_KEY", str(error)) from None
    if public is not None:
        try:
            key_in_text(private, public)
        except UnfitKey as error:
            raise ConfigurationError(f"{name}_PUBLIC_KEY", str(error)) from None
    return key


def _from_file(kind: TokenKind, settings: Settings) -> SigningKey:
    path = settings.data / "keys" / f"{kind}.pem"
    try:
        return key_in_file(path)
    except UnfitKey as error:
        raise ConfigurationError(
            "DOORWARD_DATA", f"holds keys/{path.name}, which {error}"
        ) from None
    except OSError as error:
        reason = error.strerror or "cannot be used"
        raise ConfigurationError("DOORWARD_DATA", f"cannot keep the keys: {reason}") from None
