"""A virtual authenticator in the browser of a test, by the protocol of its developer tools."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import CDPSession, Page


@dataclass(frozen=True)
class Authenticator:
    """A platform that verifies its user and keeps discoverable passkeys, as those of phones."""

    session: CDPSession
    id: str

    async def passkeys(self) -> list[dict[str, Any]]:
        """The passkeys that it keeps, with their private keys."""
        found = await self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        credentials: list[dict[str, Any]] = found["credentials"]
        return credentials

    async def misbehave(self, **bits: bool) -> None:
        """
        :param bits: ``isBogusSignature``, ``isBadUV`` or ``isBadUP``.
        """
        options = {"authenticatorId": self.id, **bits}
        await self.session.send("WebAuthn.setResponseOverrideBits", options)

    async def pretend(self, *, present: bool = True, verified: bool = True) -> None:
        """
        :param present: whether its user touches it.
        :param verified: whether its user is recognised.
        """
        presence = {"authenticatorId": self.id, "enabled": present}
        await self.session.send("WebAuthn.setAutomaticPresenceSimulation", presence)
        verification = {"authenticatorId": self.id, "isUserVerified": verified}
        await self.session.send("WebAuthn.setUserVerified", verification)


async def add_authenticator(page: Page) -> Authenticator:
    """Give the page an authenticator, which answers without anyone touching it."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        "defaultBackupEligibility": True,
        "defaultBackupState": True,
    }
    added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Authenticator(session, added["authenticatorId"])
