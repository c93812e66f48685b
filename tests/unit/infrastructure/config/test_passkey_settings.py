"""Which domains and origins of passkeys browsers accept."""

import pytest

from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings


@pytest.mark.parametrize(
    ("public_url", "domain", "origins"),
    [
        ("https://id.example.com/auth", "id.example.com", ""),
        ("https://id.example.com", "example.com", ""),
        ("https://intranet", "intranet", ""),
        ("", "localhost", ""),
        ("http://localhost:8000", "localhost", ""),
        ("https://auth.example.net", "example.com", "https://app.example.com"),
        ("https://example.com", "example.com", "https://example.com,https://example.org"),
    ],
)
def test_a_passkey_domain_is_the_host_of_a_page_or_a_parent(
    public_url: str, domain: str, origins: str
) -> None:
    settings = Settings.read(
        {"PUBLIC_URL": public_url, "PASSKEY_DOMAIN": domain, "PASSKEY_ORIGINS": origins}
    )

    assert settings.passkey_domain == domain


@pytest.mark.parametrize(
    ("public_url", "domain", "origins"),
    [
        ("https://id.example.com", "com", ""),
        ("https://id.example.com", "example.org", ""),
        ("https://id.example.com", "ple.com", ""),
        ("https://id.example.com", "www.id.example.com", ""),
        ("https://app.localhost", "localhost", ""),
        ("https://id.example.com", "example.org", "android:apk-key-hash:" + "a" * 43),
        ("", "example.com", ""),
    ],
)
def test_a_start_with_a_passkey_domain_of_no_page_is_refused(
    public_url: str, domain: str, origins: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"^PASSKEY_DOMAIN must be the host of"):
        Settings.read(
            {"PUBLIC_URL": public_url, "PASSKEY_DOMAIN": domain, "PASSKEY_ORIGINS": origins}
        )


@pytest.mark.parametrize(
    ("origin", "is_good"),
    [
        ("http://app.example.com", False),
        ("http://127.0.0.1:3000", False),
        ("http://localhost:3000", True),
        ("https://app.example.com", True),
    ],
)
def test_an_origin_of_passkeys_is_one_that_browsers_trust(origin: str, is_good: bool) -> None:
    given = {"PASSKEY_ORIGINS": origin}
    if is_good:
        assert Settings.read(given).passkey_origins == (origin,)
    else:
        with pytest.raises(ConfigurationError, match=r"^PASSKEY_ORIGINS must have https"):
            Settings.read(given)
