"""By what a session recognises its client."""

from dataclasses import replace

import pytest

from domain.client.digest import ClientDigest
from domain.request_context import RequestContext

SESSION = "0" * 32


@pytest.mark.parametrize(
    ("caller", "digest"),
    [
        (RequestContext("192.0.2.1", agent="Mozilla/5.0"), ClientDigest(False, 2052424, 14664)),
        (RequestContext("2001:db8::1", device_token="a token"), ClientDigest(True, 3076580, 1119)),
    ],
)
def test_the_digests_of_a_client_are_the_same_in_every_version(
    caller: RequestContext, digest: ClientDigest
) -> None:
    """Sessions hold them: others would end those of clients that repeat a refresh."""
    assert ClientDigest.of(caller, SESSION) == digest


def test_an_agent_that_utf_8_cannot_encode_has_a_digest() -> None:
    assert ClientDigest.of(RequestContext(agent="caf\udce9"), SESSION) == ClientDigest.of(
        RequestContext(agent="caf?"), SESSION
    )


def test_an_empty_device_token_is_a_device_token() -> None:
    caller = RequestContext(device_token="", agent="Mozilla/5.0")
    digest = ClientDigest.of(caller, SESSION)

    assert digest.has_device
    assert digest.client == ClientDigest.of(RequestContext(), SESSION).client


def test_a_client_without_a_device_token_at_first_is_recognised_by_its_agent() -> None:
    first = RequestContext("192.0.2.1", agent="Mozilla/5.0")
    later = replace(first, address="198.51.100.7", device_token="a token")

    known = ClientDigest.of(first, SESSION).recognise(later, SESSION)

    assert known == ClientDigest.of(replace(later, device_token=None), SESSION)
