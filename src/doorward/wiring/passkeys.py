"""What checks passkeys, as configured."""

from dishka import Provider, Scope, provide

from application.ports import PasskeyVerifier
from infrastructure.config.settings import Settings


class PasskeyProvider(Provider):
    """Provides the checks of passkeys for the configured domain and origins."""

    scope = Scope.APP

    @provide
    def verifier(self, settings: Settings) -> PasskeyVerifier:
        # Imported for the first use of a passkey: many services have none.
        from infrastructure.passkeys.webauthn import WebAuthn  # noqa: PLC0415

        return WebAuthn(settings.passkey_domain, frozenset(settings.passkey_origins))
