"""The configuration: the meaning of each variable, and invalid values."""

import traceback
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from application.second_factors.policy import SecondFactorPolicy
from domain.mail.message import MailKind
from domain.rate_limit import RateLimit
from domain.social_login.rules import LinkingPolicy
from infrastructure.config import signing_keys
from infrastructure.config.environment_variables import ConfigurationError, variables_of
from infrastructure.config.mail.mailbox import Mailbox
from infrastructure.config.mail.url import MailScheme, MailUrl
from infrastructure.config.settings import Settings, tables
from infrastructure.config.social_login.providers import OidcSettings
from infrastructure.signing import algorithms

SECRETS = {
    "MAIL_URL": "smtps://ada:hidden@mail.example.com",
    "USERS_URL": "postgresql://ada:hidden@db/users",
    "SESSIONS_URL": "redis://:hidden@cache/0",
    "DATABASE_URL": "postgresql://ada:hidden@db/database",
    "REDIS_URL": "redis://:hidden@cache/1",
    "POSTGRES_PASSWORD": "hidden",
    "ACCESS_TOKEN_PRIVATE_KEY": "hidden1",
    "ACCESS_TOKEN_PUBLIC_KEY": "hidden2",
    "REFRESH_TOKEN_PRIVATE_KEY": "hidden3",
    "REFRESH_TOKEN_PUBLIC_KEY": "hidden4",
}

VARIABLES = {each.name for each in Settings.variables()}

HALVES = {
    f"{name}_CLIENT_{half}": {f"{name}_CLIENT_{other}": "other"}
    for name in ("GOOGLE", "GITHUB")
    for half, other in (("ID", "SECRET"), ("SECRET", "ID"))
}
"""What has to be set beside a variable."""

ONE, TWO = bytes(range(32)), bytes([255] * 32)
READ: list[tuple[str, str, str, Any]] = [
    ("KEYS_FOLDER", "/run/secrets/doorward", "keys.folder", Path("/run/secrets/doorward")),
    ("KEYS_SECRET", b64encode(ONE).decode(), "keys.secrets", (ONE,)),
    ("KEYS_SECRET", urlsafe_b64encode(TWO).decode(), "keys.secrets", (TWO,)),
    (
        "KEYS_SECRET",
        f"{b64encode(TWO).decode()}, {b64encode(ONE).decode()}",
        "keys.secrets",
        (TWO, ONE),
    ),
    ("DATA_SECRET", b64encode(ONE).decode(), "secrets.data", (ONE,)),
    (
        "DATA_SECRET",
        f"{b64encode(TWO).decode()}, {b64encode(ONE).decode()}",
        "secrets.data",
        (TWO, ONE),
    ),
    ("KEY_ROTATION", "90d", "keys.rotation", timedelta(days=90)),
    ("KEY_ROTATION", "off", "keys.rotation", None),
    ("TOKEN_ALGORITHM", "RS256", "keys.algorithm", "RS256"),
    ("TOKEN_ALGORITHM", "PS256", "keys.algorithm", "PS256"),
    ("TOKEN_ALGORITHM", "EdDSA", "keys.algorithm", "EdDSA"),
    ("JWKS_MAX_AGE", "60", "keys.jwks_max_age", timedelta(minutes=1)),
    ("HOST", "[::]", "http.host", "::"),
    ("HOST", "0.0.0.0", "http.host", "0.0.0.0"),  # noqa: S104
    ("PORT", "9000", "http.port", 9000),
    ("PORT", "65535", "http.port", 65535),
    ("WORKERS", "4", "http.workers", 4),
    ("DOORWARD_DATA", "/srv/doorward", "storage.data", Path("/srv/doorward")),
    ("PUBLIC_URL", "https://id.example.org", "http.public_url", "https://id.example.org"),
    ("PUBLIC_URL", "https://id.example.org/", "http.public_url", "https://id.example.org"),
    ("PUBLIC_URL", "HTTPS://Id.Example.Org:443", "http.public_url", "https://id.example.org"),
    ("PUBLIC_URL", "http://id.example.org:80", "http.public_url", "http://id.example.org"),
    ("PUBLIC_URL", "http://[::1]:8000", "http.public_url", "http://[::1]:8000"),
    ("PUBLIC_URL", "HTTPS://Example.Org/auth/", "http.public_url", "https://example.org/auth"),
    ("HSTS_SUBDOMAINS", "on", "http.hsts_subdomains", True),
    ("CLIENT_ORIGIN", "http://localhost:3000", "http.client_origins", ("http://localhost:3000",)),
    (
        "CLIENT_ORIGIN",
        " https://a.example/ ,, https://b.example:8443,",
        "http.client_origins",
        ("https://a.example", "https://b.example:8443"),
    ),
    (
        "CLIENT_ORIGIN",
        "capacitor://localhost, ionic://localhost, Tauri://localhost/, app://-, http://tauri.localhost",
        "http.client_origins",
        (
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "app://-",
            "http://tauri.localhost",
        ),
    ),
    (
        "CLIENT_ORIGIN",
        "app://obsidian.md, chrome-extension://abcdefghijklmnopabcdefghijklmnop, x://h:81",
        "http.client_origins",
        ("app://obsidian.md", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "x://h:81"),
    ),
    ("USERS_URL", SECRETS["USERS_URL"], "storage.users_url", SECRETS["USERS_URL"]),
    ("SESSIONS_URL", SECRETS["SESSIONS_URL"], "storage.sessions_url", SECRETS["SESSIONS_URL"]),
    ("DATABASE_URL", SECRETS["DATABASE_URL"], "storage.database_url", SECRETS["DATABASE_URL"]),
    ("REDIS_URL", SECRETS["REDIS_URL"], "storage.redis_url", SECRETS["REDIS_URL"]),
    ("POSTGRES_HOST", "db", "storage.postgres_host", "db"),
    ("POSTGRES_PORT", "6500", "storage.postgres_port", 6500),
    ("POSTGRES_USER", "ada", "storage.postgres_user", "ada"),
    ("POSTGRES_PASSWORD", "p@ss/word", "storage.postgres_password", "p@ss/word"),
    ("POSTGRES_DB", "rust_sqlx", "storage.postgres_db", "rust_sqlx"),
    ("REGISTRATION", "closed", "http.is_registration_open", False),
    ("EMAIL_VERIFICATION", "off", "email_verification", "off"),
    ("EMAIL_VERIFICATION", "optional", "email_verification", "optional"),
    ("EMAIL_VERIFICATION", "required", "email_verification", "required"),
    (
        "EMAIL_VERIFICATION_EXPIRED_IN",
        "2h",
        "registration.verification_lifetime",
        timedelta(hours=2),
    ),
    ("PAGES", "account", "pages.has_account_pages", True),
    ("PAGES", "off", "pages.has_account_pages", False),
    ("PAGES", "account", "pages.has_admin_pages", False),
    ("PAGES", "all", "pages.has_admin_pages", True),
    ("PAGE_TEMPLATES", "/etc/doorward/pages", "pages.templates", Path("/etc/doorward/pages")),
    ("BRAND_COLOR", "#1D4F91", "pages.accent.light", "#1d4f91"),
    ("BRAND_LOGO", "/etc/doorward/logo.svg", "pages.logo", Path("/etc/doorward/logo.svg")),
    (
        "FOOTER_LINKS",
        "Imprint=https://example.org/imprint#us , de: Impressum =mailto:us@example.org,",
        "pages.footer_links",
        (
            ("", "Imprint", "https://example.org/imprint#us"),
            ("de", "Impressum", "mailto:us@example.org"),
        ),
    ),
    ("SERVICE_NAME", " Büro & Söhne ", "pages.service_name", "Büro & Söhne"),
    (
        "RETURN_TARGETS",
        "https://app.example.com/home, https://b.example.com/",
        "pages.return_targets",
        frozenset({"https://app.example.com/home", "https://b.example.com/"}),
    ),
    ("MFA", "off", "second_factors.policy", SecondFactorPolicy.OFF),
    ("MFA", "optional", "second_factors.policy", SecondFactorPolicy.OPTIONAL),
    ("MFA", "admins", "second_factors.policy", SecondFactorPolicy.ADMINS),
    ("MFA", "everybody", "second_factors.policy", SecondFactorPolicy.EVERYBODY),
    ("UNVERIFIED_LIFETIME", "30d", "registration.unverified_lifetime", timedelta(days=30)),
    ("UNVERIFIED_LIFETIME", "off", "registration.unverified_lifetime", None),
    ("REGISTRATION_DISCLOSES", "true", "registration.discloses", True),
    ("REGISTRATION_DISCLOSES", "false", "registration.discloses", False),
    ("REGISTRATION_DISCLOSES", "false", "email_verification", "required"),
    ("MAIL_URL", "memory:", "email_verification", "optional"),
    ("MAIL_URL", "off", "email_verification", "off"),
    ("MAIL_URL", "memory:", "mail.url", MailUrl(MailScheme.MEMORY)),
    ("MAIL_FROM", "Ada <a@b.example>", "mail.sender", Mailbox("a@b.example", "Ada")),
    ("MAIL_REPLY_TO", "a@b.example", "mail.reply_to", Mailbox("a@b.example")),
    ("MAIL_CA_FILE", "/run/ca.pem", "mail.ca_file", Path("/run/ca.pem")),
    ("MAIL_TIMEOUT", "1m", "mail.timeout", timedelta(minutes=1)),
    ("DEFAULT_LOCALE", "pt-BR", "mail.default_locale", "pt-BR"),
    ("MAIL_TEMPLATES", "/srv/mail", "mail.templates", Path("/srv/mail")),
    ("MAIL_KEPT", "1d", "mail.kept", timedelta(days=1)),
    ("RESET_LINK_LIFETIME", "1h", "mail.reset_link_lifetime", timedelta(hours=1)),
    ("INVITATION_LIFETIME", "2d", "mail.invitation_lifetime", timedelta(days=2)),
    ("RESET_URL", "https://a.example/r", "mail.reset_url", "https://a.example/r"),
    ("VERIFY_URL", "http://localhost:3000/v", "mail.verify_url", "http://localhost:3000/v"),
    ("UNDO_URL", "https://a.example/?p=undo", "mail.undo_url", "https://a.example/?p=undo"),
    (
        "LINK_TARGETS",
        " https://a.example/x ,, http://[::1]:80/y,",
        "mail.link_targets",
        ("https://a.example/x", "http://[::1]:80/y"),
    ),
    (
        "NOTICES",
        " new_device , email_changed",
        "mail.notices",
        {MailKind.NEW_DEVICE, MailKind.EMAIL_CHANGE_REQUESTED, MailKind.EMAIL_CHANGED},
    ),
    ("NOTICES", "off", "mail.notices", frozenset()),
    ("LOG_FORMAT", "json", "logs.format", "json"),
    ("LOG_LEVEL", "debug", "logs.level", "debug"),
    ("LOG_LEVEL", "WARNING", "logs.level", "warning"),
    ("ACCESS_LOG", "errors", "logs.access", "errors"),
    ("EMBEDDED", "on", "storage.is_embedded_allowed", True),
    ("STORE_TIMEOUT", "5s", "storage.timeout", timedelta(seconds=5)),
    ("STORE_CONNECTIONS", "25", "storage.connections", 25),
    ("CACHED_USERS", "0", "storage.cached_users", 0),
    ("REVOCATION_BOUND", "5s", "storage.revocation_bound", timedelta(seconds=5)),
    ("REQUEST_TIMEOUT", "1m", "http.request_timeout", timedelta(minutes=1)),
    ("MAX_CONNECTIONS", "100", "http.max_connections", 100),
    ("MAX_CONNECTIONS_PER_ADDRESS", "10", "http.max_connections_per_address", 10),
    ("SHUTDOWN_DELAY", "15s", "http.shutdown_delay", timedelta(seconds=15)),
    ("SHUTDOWN_DELAY", "0s", "http.shutdown_delay", timedelta()),
    ("ACCESS_TOKEN_PRIVATE_KEY", "TEVLIQ==", "keys.access_private_key", "TEVLIQ=="),
    ("ACCESS_TOKEN_PUBLIC_KEY", "TEVLIQ==", "keys.access_public_key", "TEVLIQ=="),
    ("REFRESH_TOKEN_PRIVATE_KEY", "TEVLIQ==", "keys.refresh_private_key", "TEVLIQ=="),
    ("REFRESH_TOKEN_PUBLIC_KEY", "TEVLIQ==", "keys.refresh_public_key", "TEVLIQ=="),
    ("ACCESS_TOKEN_EXPIRED_IN", "5m", "tokens.access_expired_in", timedelta(minutes=5)),
    ("ACCESS_TOKEN_MAXAGE", "5", "tokens.access_maxage", timedelta(minutes=5)),
    ("REFRESH_TOKEN_EXPIRED_IN", "2h", "tokens.refresh_expired_in", timedelta(hours=2)),
    ("REFRESH_TOKEN_MAXAGE", "120", "tokens.refresh_maxage", timedelta(hours=2)),
    ("SESSION_LIFETIME", "7d", "tokens.session_lifetime", timedelta(days=7)),
    (
        "BEARER_REFRESH_TOKEN_EXPIRED_IN",
        "30d",
        "tokens.bearer_refresh_lifetime",
        timedelta(days=30),
    ),
    ("BEARER_SESSION_LIFETIME", "90d", "tokens.bearer_session_lifetime", timedelta(days=90)),
    ("SESSIONS_PER_USER", "5", "tokens.sessions_per_user", 5),
    ("REFRESH_GRACE", "30", "tokens.refresh_grace", timedelta(seconds=30)),
    ("REFRESH_GRACE", "0s", "tokens.refresh_grace", timedelta()),
    ("ISSUER", "https://issuer.example", "tokens.issuer", "https://issuer.example"),
    ("AUDIENCE", "https://api.example", "tokens.audience", "https://api.example"),
    ("COOKIE_PREFIX", "shop_", "http.cookie_prefix", "shop_"),
    (
        "FORMER_ISSUERS",
        "doorward until 2027-01-31, https://old.example until 2027-02-01T12:00:00+01:00",
        "tokens.former_issuers",
        (
            ("doorward", datetime(2027, 1, 31, tzinfo=UTC)),
            ("https://old.example", datetime(2027, 2, 1, 11, tzinfo=UTC)),
        ),
    ),
    ("PASSWORD_BLOCKLIST", "off", "passwords.blocklist", False),
    ("PASSWORD_MIN_LENGTH", "6", "passwords.min_length", 6),
    ("PASSWORD_MIN_LENGTH", "15", "passwords.min_length", 15),
    ("PASSWORD_WORDS", "Acme, Road Runner,", "passwords.words", ("Acme", "Road Runner")),
    ("ARGON2_MEMORY_KIB", "19456", "passwords.argon2_memory", 19456),
    ("ARGON2_PASSES", "3", "passwords.argon2_passes", 3),
    ("HASH_THREADS", "2", "passwords.hash_threads", 2),
    ("API_DOCS", "off", "http.api_docs", False),
    ("LEGACY_GET", "off", "http.legacy_get", False),
    ("LIMIT_FACTOR_56", "3", "rate_limits.factor_56", 3),
    ("LIMIT_FACTOR_48", "5", "rate_limits.factor_48", 5),
    ("HASH_QUEUE", "0", "passwords.hash_queue", 0),
    ("PASSKEY_DOMAIN", "LocalHost", "passkey_domain", "localhost"),
    ("PUBLIC_URL", "https://id.example.com:8443/auth", "passkey_domain", "id.example.com"),
    ("PASSKEY_FORMER_DOMAINS", "a.b, C.d", "passkeys.former_domains", ("a.b", "c.d")),
    (
        "CHANGE_PASSWORD_URL",
        "https://app.example.com/password",
        "passwords.change_url",
        "https://app.example.com/password",
    ),
    ("PORT", "9000", "offers_passkeys", True),
    (
        "PASSKEY_ORIGINS",
        f"https://a.example, http://localhost:3000, android:apk-key-hash:{'a' * 43}",
        "related_origins",
        ("https://a.example",),
    ),
    ("PUBLIC_URL", "https://a.example/auth", "related_origins", ()),
    ("PAGES", "off", "password_page", None),
    ("PUBLIC_URL", "http://id.example.com", "offers_passkeys", False),
    ("PUBLIC_URL", "https://id.example.com", "offers_passkeys", True),
    ("PUBLIC_URL", "https://id.example.com/auth", "passkey_origins", ("https://id.example.com",)),
    ("PORT", "9000", "passkey_origins", ("http://localhost:9000",)),
    (
        "PASSKEY_ORIGINS",
        f"https://App.example.com, android:apk-key-hash:{'a' * 43}",
        "passkey_origins",
        ("https://app.example.com", f"android:apk-key-hash:{'a' * 43}"),
    ),
    ("GOOGLE_CLIENT_ID", "1.apps", "identity_providers.google_client_id", "1.apps"),
    ("GOOGLE_CLIENT_SECRET", "s:%", "identity_providers.google_client_secret", "s:%"),
    (
        "GOOGLE_DOMAINS",
        "Example.com, b.example",
        "identity_providers.google_domains",
        {"example.com", "b.example"},
    ),
    ("GITHUB_CLIENT_ID", "Iv1.8", "identity_providers.github_client_id", "Iv1.8"),
    ("GITHUB_CLIENT_SECRET", "s", "identity_providers.github_client_secret", "s"),
    (
        "GITHUB_URL",
        "https://Git.example.com/",
        "identity_providers.github_url",
        "https://git.example.com",
    ),
    ("SOCIAL_LINKING", "verified", "identity_providers.linking", LinkingPolicy.VERIFIED),
    ("SOCIAL_LINKING", "off", "identity_providers.linking", LinkingPolicy.OFF),
    ("METRICS_PORT", "9464", "telemetry.metrics_port", 9464),
    ("METRICS_HOST", "::1", "telemetry.metrics_host", "::1"),
    ("METRICS_HOST", "[::1]", "telemetry.metrics_host", "::1"),
    ("OTEL_TRACES_EXPORTER", "otlp", "telemetry.traces_exporter", "otlp"),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://collector:4318",
        "telemetry.is_traced",
        True,
    ),
    (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "http://collector/v1/traces",
        "telemetry.is_traced",
        True,
    ),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "telemetry.otlp_protocol", "http/protobuf"),
    ("OTEL_SDK_DISABLED", "True", "telemetry.is_otel_disabled", True),
    *(
        (variable, "7/2m", name, RateLimit(limit, 7, timedelta(minutes=2)))
        for variable, name, limit in (
            ("LOGIN_LIMIT_ACCOUNT", "rate_limits.login_account", "login-account"),
            ("LOGIN_LIMIT_ADDRESS", "rate_limits.login_address", "login-address"),
            ("LOGIN_LIMIT", "rate_limits.login", "login"),
            ("REGISTER_LIMIT_ADDRESS", "rate_limits.register_address", "register-address"),
            ("REGISTER_LIMIT", "rate_limits.register", "register"),
            ("CHANGE_LIMIT_ACCOUNT", "rate_limits.change_account", "change-account"),
            ("REFRESH_LIMIT_ACCOUNT", "rate_limits.refresh_account", "refresh-account"),
            ("REFRESH_LIMIT_ADDRESS", "rate_limits.refresh_address", "refresh-address"),
            ("REFRESH_LIMIT", "rate_limits.refresh", "refresh"),
            ("MAIL_LIMIT_RECIPIENT", "rate_limits.mail_recipient", "mail-recipient"),
            ("MAIL_LIMIT_ADDRESS", "rate_limits.mail_address", "mail-address"),
            ("MAIL_LIMIT", "rate_limits.mail", "mail"),
            ("LINK_LIMIT_ADDRESS", "rate_limits.link_address", "link-address"),
        )
    ),
    ("LOGIN_LIMIT", "off", "rate_limits.login", None),
    (
        "TRUSTED_PROXIES",
        "10.0.0.0/8, ::1",
        "http.trusted_proxies",
        (ip_network("10.0.0.0/8"), ip_network("::1")),
    ),
    (
        "ALLOWED_HOSTS",
        "Id.Example.org,localhost",
        "http.allowed_hosts",
        {"id.example.org", "localhost"},
    ),
]

DEFAULTS: dict[str, Any] = {
    "http.host": "127.0.0.1",
    "http.port": 8000,
    "http.workers": 1,
    "passkey_domain": "localhost",
    "passkey_origins": ("http://localhost:8000",),
    "storage.data": Path("./var"),
    "http.client_origins": (),
    "tokens.access_lifetime": timedelta(minutes=15),
    "tokens.refresh_lifetime": timedelta(minutes=60),
    "tokens.session_lifetime": timedelta(days=30),
    "tokens.bearer_refresh_lifetime": timedelta(minutes=60),
    "tokens.bearer_session_lifetime": timedelta(days=30),
    "tokens.refresh_grace": timedelta(seconds=10),
    "http.origin": "http://localhost:8000",
    "issuer": "doorward",
    "storage.users_at": "sqlite:///var/doorward.db",
    "storage.sessions_at": "sqlite:///var/doorward.db",
    "storage.timeout": timedelta(seconds=2),
    "http.request_timeout": timedelta(seconds=20),
    "http.shutdown_delay": timedelta(seconds=2),
    "passwords.min_length": 8,
    "passwords.argon2_memory": 47104,
    "passwords.argon2_passes": 2,
    "email_verification": "off",
    "registration.verification_lifetime": timedelta(days=1),
    "registration.unverified_lifetime": None,
    "registration.discloses": True,
    "telemetry.metrics_port": None,
    "telemetry.metrics_host": "127.0.0.1",
    "telemetry.is_traced": False,
}

UNREADABLE = {
    "GOOGLE_CLIENT_ID": ["x" * 256, "t\u00fcr", "two\nlines"],
    "GOOGLE_CLIENT_SECRET": ["x" * 256, "hidden\u00fc"],
    "GITHUB_CLIENT_ID": ["x" * 256, "t\u00fcr"],
    "GITHUB_CLIENT_SECRET": ["x" * 256, "hidden\u00fc"],
    "GOOGLE_DOMAINS": ["https://a.example", "ada@a.example", "*.example"],
    "GITHUB_URL": ["http://git.example.com", "git.example.com", "https://git.example.com/x"],
    "SOCIAL_LINKING": ["on", "Verified", "always"],
    "REGISTRATION": ["off", "Open"],
    "EMAIL_VERIFICATION": ["on", "Required"],
    "EMAIL_VERIFICATION_EXPIRED_IN": ["0", "off"],
    "UNVERIFIED_LIFETIME": ["0", "never"],
    "PAGES": ["on", "Off"],
    "BRAND_COLOR": ["blue", "7a1fa2", "#7a1", "#7a1fa2ff", "#7a1fag"],
    "FOOTER_LINKS": [
        "https://example.org/imprint",
        "=https://example.org/imprint",
        "Imprint=javascript:alert(1)",
        "Imprint=/imprint",
        "Imprint=https:///imprint",
        "Imprint=https://example.org/a b",
        "Im\u202eprint=https://example.org/",
        f"{'x' * 61}=https://example.org/",
    ],
    "RETURN_TARGETS": ["back.example.org", "javascript:alert(1)"],
    "MFA": ["on", "Admins", "all"],
    "PASSKEY_ORIGINS": [
        "id.example.net",
        "https://id.example.net/path",
        "android:apk-key-hash:short",
        "capacitor://localhost",
    ],
    "REGISTRATION_DISCLOSES": ["off", "False", "1"],
    "MAIL_URL": [
        "mail.example.com",
        "http://mail.example.com",
        "smtp:mail.example.com",
        "smtps://",
        "smtps://hidden@",
        "smtps://ada:hidden",
        "smtps://ada@mail.example.com",
        "smtps://ada:@mail.example.com",
        "smtps://:hidden@mail.example.com",
        "smtps://ada:hidden@mail.example.com:0",
        "smtps://ada:hidden@mail.example.com:",
        "smtps://ada:hidden@mail.example.com:70000",
        "smtps://ada:hidden@mail.example.com/box",
        "smtps://ada:hidden@m\u00e4il.example.com",
        "smtps://ada:hidden@mail.example.com?x",
        "smtp://ada:hidden@mail.example.com",
        "smtp://ada:hidden@localhost.example.com",
        "memory:hidden",
        "off:",
    ],
    **{
        variable: [
            "nobody",
            "a@b@c.example",
            "a@localhost",
            "\u00e4da@b.example",
            "Ada <a@b.example> x",
            "Ada\nBcc: x@y.example <a@b.example>",
            f"{'Ada' * 34} <a@b.example>",
        ]
        for variable in ("MAIL_FROM", "MAIL_REPLY_TO")
    },
    "MAIL_TIMEOUT": ["0", "slow", "61s", "2h"],
    "MAIL_KEPT": ["0", "always"],
    "RESET_LINK_LIFETIME": ["0", "a while"],
    "INVITATION_LIFETIME": ["0", "a while"],
    "DEFAULT_LOCALE": ["english", "e", "en_US", "../en", "en-"],
    **{
        variable: [
            "app.example.org/reset",
            "http://app.example.com/reset",
            "http://localhost.example.com/reset",
            "https:///reset",
            "https://app.example.com/reset#x",
            "https://app.example.com/#/reset",
            "https://ada:hidden@app.example.com/reset",
            "https://app.example.com/re set",
            'https://app.example.com/"onclick',
            "https://*.example.com/reset",
            "https://app.example.com\\@b.example",
            "javascript:alert(1)",
            "app://reset",
        ]
        for variable in (
            "RESET_URL",
            "VERIFY_URL",
            "UNDO_URL",
            "LINK_TARGETS",
            "CHANGE_PASSWORD_URL",
        )
    },
    "NOTICES": ["on", "off,new_device", "password_changed;new_device", "tests"],
    "LOG_FORMAT": ["text", "JSON"],
    "LOG_LEVEL": ["trace", "20"],
    "ACCESS_LOG": ["yes", "all"],
    "EMBEDDED": ["yes", "false", "ON"],
    "PORT": ["0", "65536", "-1", "8000.0", "eighty", "٨٠٠٠", "8 000", "9" * 5000],
    "KEYS_SECRET": ["hidden", b64encode(bytes(31)).decode(), b64encode(bytes(32)).decode() + ","],
    "DATA_SECRET": ["hidden", b64encode(bytes(16)).decode(), b64encode(bytes(32)).decode() + ","],
    "KEY_ROTATION": ["0", "never", "-1d"],
    "TOKEN_ALGORITHM": ["HS256", "none", "rs256", "ES256", "RS256,PS256"],
    "JWKS_MAX_AGE": ["0", "x"],
    "POSTGRES_PORT": ["0", "70000", "five"],
    "METRICS_PORT": ["0", "65536", "prometheus"],
    "OTEL_TRACES_EXPORTER": ["console", "jaeger"],
    "OTEL_EXPORTER_OTLP_PROTOCOL": ["grpc", "http/json"],
    "WORKERS": ["0", "-1", "many", "1.5", "٢", "9" * 5000],
    "STORE_CONNECTIONS": ["0", "x"],
    "PASSWORD_BLOCKLIST": ["no", "false"],
    "PASSWORD_MIN_LENGTH": ["0", "5", "eight"],
    "ARGON2_MEMORY_KIB": ["19455", "262145", "46M"],
    "ARGON2_PASSES": ["0", "17", "two"],
    "HASH_THREADS": ["0"],
    "API_DOCS": ["no", "true"],
    "LEGACY_GET": ["no", "false"],
    "HSTS_SUBDOMAINS": ["yes", "true"],
    "LIMIT_FACTOR_56": ["0"],
    "LIMIT_FACTOR_48": ["0"],
    "HASH_QUEUE": ["-1", "all"],
    "CACHED_USERS": ["-1", "all"],
    "REVOCATION_BOUND": ["0", "soon"],
    "REQUEST_TIMEOUT": ["0", "slow"],
    "MAX_CONNECTIONS": ["0", "many"],
    "MAX_CONNECTIONS_PER_ADDRESS": ["0", "many"],
    "SHUTDOWN_DELAY": ["-1s", "soon"],
    "STORE_TIMEOUT": ["0", "0s", "2 s", "2sec", "-2s", "1.5s", "٢s"],
    "SESSION_LIFETIME": ["0d", "month", "1w", "9999999999d", "3651d"],
    "BEARER_REFRESH_TOKEN_EXPIRED_IN": ["0", "hour"],
    "BEARER_SESSION_LIFETIME": ["0d", "month", "3651d"],
    "SESSIONS_PER_USER": ["0", "-1", "1001", "many"],
    "REFRESH_GRACE": ["-1s", "soon"],
    "ACCESS_TOKEN_EXPIRED_IN": ["0m", "quarter", "15 m", "15M"],
    "ACCESS_TOKEN_MAXAGE": ["0", "15m", "-15"],
    "REFRESH_TOKEN_EXPIRED_IN": ["0", "hour"],
    "REFRESH_TOKEN_MAXAGE": ["0", "60m"],
    "FORMER_ISSUERS": [
        "doorward",
        "doorward until",
        "doorward til 2027-01-31",
        "doorward until soon",
    ],
    "PUBLIC_URL": [
        "id.example.org",
        "ftp://id.example.org",
        "https:///",
        "https://id.example.org/auth//",
        "https://id.example.org//auth",
        "https://id.example.org/a b",
        "https://id.example.org/a%20b",
        "https://id.example.org/auth?x",
        "https://id.example.org/auth#x",
        "https://id.example.org/auth/../x",
        "https://id.example.org/api",
        "https://id.example.org/docs/auth",
        "https://ada:hidden@id.example.org/auth",
        "https://id.example.org?x",
        "https://id.example.org#x",
        "https://ada:hidden@id.example.org",
        "https://id.example.org:hidden",
        "https://id.example.org:70000",
        "https://[::1",
        "null",
        "*",
        "https://*.example.com",
        "capacitor://localhost",
        "https://t\u00fcr.example",
    ],
    "CLIENT_ORIGIN": [
        "*",
        "null",
        "localhost:3000",
        "https://a.example,b.example",
        "https://*.example.com",
        "https://example.*",
        "capacitor://*",
        "https://m\u00fcnchen.example",
        "https://a b.example",
        "app://",
        "app://host/path",
        "app://host?x",
        "app://user@host",
        "app://host:port",
        "file:///",
        "file://host",
        "data://host",
        "javascript://host",
        "wss://app.example",
        "://host",
        "1a://host",
    ],
    "TRUSTED_PROXIES": ["proxy", "10.0.0.1/8", "10.0.0.0/33"],
    **{
        variable: ["10", "0/7m", "10/0m", "ten/15m", "10/15m/1", "never"]
        for variable in (
            "LOGIN_LIMIT_ACCOUNT",
            "LOGIN_LIMIT_ADDRESS",
            "LOGIN_LIMIT",
            "REGISTER_LIMIT_ADDRESS",
            "REGISTER_LIMIT",
            "CHANGE_LIMIT_ACCOUNT",
            "REFRESH_LIMIT_ACCOUNT",
            "REFRESH_LIMIT_ADDRESS",
            "REFRESH_LIMIT",
            "MAIL_LIMIT_RECIPIENT",
            "MAIL_LIMIT_ADDRESS",
            "MAIL_LIMIT",
            "LINK_LIMIT_ADDRESS",
        )
    },
}


def refusal_of(**environment: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        Settings.read(environment)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("variable", "text", "name", "value"), READ)
def test_each_variable_is_read(variable: str, text: str, name: str, value: object) -> None:
    environment = HALVES.get(variable, {}) | {variable: f" {text}\n"}
    assert attrgetter(name)(Settings.read(environment)) == value


def test_the_tests_know_every_variable() -> None:
    assert {variable for variable, *_ in READ} == VARIABLES
    assert set(UNREADABLE) <= VARIABLES


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items(), ids=DEFAULTS)
def test_without_variables_there_are_defaults(name: str, value: object) -> None:
    assert attrgetter(name)(Settings.read({})) == attrgetter(name)(Settings()) == value


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_an_empty_variable_counts_as_not_set(variable: str) -> None:
    assert Settings.read({variable: " "}) == Settings.read({})


@pytest.mark.parametrize(
    ("variable", "text"), [(name, text) for name, texts in UNREADABLE.items() for text in texts]
)
def test_an_unreadable_setting_is_named_and_not_quoted(variable: str, text: str) -> None:
    message = refusal_of(**{variable: text})

    assert message.startswith(f"{variable} must be ")
    assert "hidden" not in message
    assert len(text) < 4 or text not in message


def test_a_refused_choice_is_told_the_words_that_there_are() -> None:
    assert refusal_of(REGISTRATION="on") == "REGISTRATION must be open or closed"
    assert refusal_of(LOG_FORMAT="on") == "LOG_FORMAT must be auto, console or json"


@pytest.mark.parametrize("text", ["no", "Acme, x"])
def test_a_password_word_has_at_least_3_characters(text: str) -> None:
    with pytest.raises(ConfigurationError, match="words of at least 3 characters"):
        Settings.read({"PASSWORD_WORDS": text})


@pytest.mark.parametrize(
    "text",
    ["https://a.example", "a.example:443", "127.0.0.1", "[::1]", "*.example", "b\u00fc", "a..b"],
)
def test_a_passkey_domain_is_the_name_of_a_host(text: str) -> None:
    for variable in ("PASSKEY_DOMAIN", "PASSKEY_FORMER_DOMAINS"):
        assert refusal_of(**{variable: text}).startswith(f"{variable} must be")


@pytest.mark.parametrize("text", ["https://a.example", "a.example:443", "a..b", "127.0.0.1"])
def test_a_refused_passkey_domain_asks_for_the_name_of_a_host_and_no_origin(text: str) -> None:
    for variable in ("PASSKEY_DOMAIN", "PASSKEY_FORMER_DOMAINS"):
        expected = "the name of a host such as example.com, without a scheme or port"
        assert refusal_of(**{variable: text}) == f"{variable} must be {expected}"


@pytest.mark.parametrize(
    "text", ["shop=", "s hop", "__Host-shop", "__", "shop;", "\u00fcber", "x" * 33]
)
def test_a_cookie_prefix_is_a_short_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="COOKIE_PREFIX must be up to 32 letters"):
        Settings.read({"COOKIE_PREFIX": text})


@pytest.mark.parametrize("text", ["two\nlines", "x" * 61, "\u202eebadA"])
def test_a_name_of_the_service_is_short_and_visible(text: str) -> None:
    with pytest.raises(ConfigurationError, match="SERVICE_NAME must be at most 60 characters"):
        Settings.read({"SERVICE_NAME": text})


@pytest.mark.parametrize("variable", UNREADABLE)
def test_no_value_is_ever_in_an_error_or_its_traceback(variable: str) -> None:
    # Here, for a traceback shows the lines of code. No client has a line break in its id.
    value = "tell-nobody" if variable not in HALVES else "tell-nobody\n" * 2
    with pytest.raises(ConfigurationError) as refused:
        Settings.read({variable: value})

    assert str(refused.value).startswith(variable)
    assert value not in "".join(traceback.format_exception(refused.value))


def test_every_other_variable_takes_any_text() -> None:
    """So there is no error in which its value could be."""
    for variable in VARIABLES - set(UNREADABLE) - {"PASSKEY_DOMAIN"}:  # it has to fit others
        Settings.read({variable: "tell-nobody"})


@pytest.mark.parametrize("kind", ["ACCESS", "REFRESH"])
def test_two_spellings_of_a_lifetime_that_disagree_are_both_named(kind: str) -> None:
    spelled, in_minutes = f"{kind}_TOKEN_EXPIRED_IN", f"{kind}_TOKEN_MAXAGE"

    message = refusal_of(**{spelled: "17m", in_minutes: "18"})

    assert message.startswith(f"{spelled} and {in_minutes} disagree")
    assert "17" not in message
    assert "18" not in message


def test_lifetimes_for_all_transports_apply_to_bearer_sessions() -> None:
    settings = Settings.read({"REFRESH_TOKEN_MAXAGE": "120", "SESSION_LIFETIME": "7d"})

    assert settings.tokens.bearer_refresh_lifetime == timedelta(hours=2)
    assert settings.tokens.bearer_session_lifetime == timedelta(days=7)


def test_a_bearer_session_cannot_be_idle_for_longer_than_it_lasts() -> None:
    idle = {"BEARER_REFRESH_TOKEN_EXPIRED_IN": "60d"}

    assert "BEARER_SESSION_LIFETIME" in refusal_of(**idle)
    assert "BEARER_SESSION_LIFETIME" in refusal_of(**idle, BEARER_SESSION_LIFETIME="59d")
    settings = Settings.read(idle | {"BEARER_SESSION_LIFETIME": "60d"})
    assert settings.tokens.bearer_refresh_lifetime == timedelta(days=60)


@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize(
    "texts", [("900s", "15"), ("15m", ""), ("", "15"), ("15m", "15"), ("900", "15")]
)
def test_two_spellings_of_a_lifetime_may_agree(kind: str, texts: tuple[str, str]) -> None:
    spelled, in_minutes = texts
    settings = Settings.read(
        {
            f"{kind.upper()}_TOKEN_EXPIRED_IN": spelled,
            f"{kind.upper()}_TOKEN_MAXAGE": in_minutes,
        }
    )

    assert getattr(settings.tokens, f"{kind}_lifetime") == timedelta(minutes=15)


def test_the_environment_of_the_old_server_is_understood() -> None:
    settings = Settings.read(
        {
            "PORT": "8000",
            "CLIENT_ORIGIN": "http://localhost:3000",
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": "6500",
            "POSTGRES_USER": "admin",
            "POSTGRES_PASSWORD": "password123",
            "POSTGRES_DB": "rust_admin",
            "DATABASE_URL": "postgresql://admin:password123@localhost:6500/rust?schema=public",
            "REDIS_URL": "redis://127.0.0.1:6379/",
            "ACCESS_TOKEN_EXPIRED_IN": "15m",
            "ACCESS_TOKEN_MAXAGE": "15",
            "REFRESH_TOKEN_EXPIRED_IN": "60m",
            "REFRESH_TOKEN_MAXAGE": "60",
        }
    )

    assert settings.storage.users_at.endswith("/rust?schema=public")
    assert settings.storage.sessions_at == "redis://127.0.0.1:6379/"
    assert settings.tokens.access_lifetime == timedelta(minutes=15)
    assert settings.tokens.refresh_lifetime == timedelta(minutes=60)


USERS_IN_ORDER = [
    ({"USERS_URL": "memory:"}, "memory:"),
    ({"DATABASE_URL": "postgresql://database"}, "postgresql://database"),
    ({"POSTGRES_HOST": "db"}, "postgresql://postgres:@db:5432/postgres"),
    ({"DOORWARD_DATA": "/srv"}, "sqlite:////srv/doorward.db"),
]


@pytest.mark.parametrize("first", range(len(USERS_IN_ORDER)))
def test_users_are_where_the_first_of_these_says(first: int) -> None:
    environment: dict[str, str] = {}
    for variables, _ in USERS_IN_ORDER[first:]:
        environment |= variables

    assert Settings.read(environment).storage.users_at == USERS_IN_ORDER[first][1]


def test_sessions_are_where_the_first_of_these_says() -> None:
    users, redis, sessions = (
        {"USERS_URL": "memory:"},
        {"REDIS_URL": "redis://cache"},
        {"SESSIONS_URL": "sqlite:///sessions.db"},
    )

    assert Settings.read(users | redis | sessions).storage.sessions_at == "sqlite:///sessions.db"
    assert Settings.read(users | redis).storage.sessions_at == "redis://cache"
    assert Settings.read(users).storage.sessions_at == "memory:"


@pytest.mark.parametrize("name", ["POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"])
def test_postgres_variables_need_a_host(name: str) -> None:
    assert Settings.read({name: "x"}).storage.users_at == Settings.read({}).storage.users_at


def test_the_public_url_is_the_origin_and_the_issuer() -> None:
    settings = Settings.read({"PUBLIC_URL": "https://id.example.org", "PORT": "9000"})

    assert settings.http.origin == settings.issuer == "https://id.example.org"


def test_a_path_in_the_public_url_is_part_of_the_issuer_and_not_of_the_origin() -> None:
    settings = Settings.read({"PUBLIC_URL": "https://example.org/auth/de"})

    assert settings.http.origin == "https://example.org"
    assert settings.http.path_prefix == "/auth/de"
    assert settings.http.url == settings.issuer == "https://example.org/auth/de"


def test_without_a_public_url_the_origin_has_the_port() -> None:
    assert Settings.read({"PORT": "9000"}).http.origin == "http://localhost:9000"


def test_an_issuer_may_be_named() -> None:
    settings = Settings.read({"ISSUER": "https://issuer.example"})

    assert settings.issuer == "https://issuer.example"
    assert settings.http.origin == "http://localhost:8000"


def test_settings_do_not_show_secrets() -> None:
    settings = Settings.read(SECRETS)

    assert "hidden" not in repr(settings)
    assert settings.storage.postgres_password == "hidden"


def test_the_tables_have_a_row_for_every_variable() -> None:
    rows = [line for line in tables().splitlines() if line.startswith("| `")]

    named = [each.name for each in Settings.variables()]
    of_oidc = [each.name for each in variables_of(OidcSettings, "OIDC_<NAME>_")]
    assert [row.split("`")[1] for row in rows] == named + of_oidc
    assert all(row.count("|") == 4 for row in rows)


def test_every_algorithm_of_the_signer_can_be_chosen() -> None:
    assert list(signing_keys.ALGORITHMS) == list(algorithms.ALGORITHMS)


@pytest.mark.parametrize(
    "off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}], ids=str
)
def test_traces_that_are_configured_can_be_turned_off(off: dict[str, str]) -> None:
    configured = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}

    assert not Settings.read({}).telemetry.is_traced
    assert Settings.read(configured).telemetry.is_traced
    assert not Settings.read(configured | off).telemetry.is_traced


@pytest.mark.parametrize("variable", ["USERS_URL", "DATABASE_URL", "POSTGRES_HOST"])
def test_the_embedded_default_can_be_forbidden(variable: str) -> None:
    forbidden = {"EMBEDDED": "off", "REDIS_URL": "redis://cache"}

    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL is not set, and EMBEDDED=off"):
        Settings.read(forbidden)

    Settings.read(forbidden | {variable: "postgresql://db/app"})
    Settings.read(forbidden | {"EMBEDDED": "on"})


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"EMAIL_VERIFICATION": "required", "MAIL_URL": "off"},
            "EMAIL_VERIFICATION is required, and needs mail: set MAIL_URL",
        ),
        (
            {"EMAIL_VERIFICATION": "required", "DATABASE_URL": "postgresql://db/doorward"},
            "EMAIL_VERIFICATION is required, and needs mail: set MAIL_URL",
        ),
        (
            {"REGISTRATION_DISCLOSES": "false", "MAIL_URL": "off"},
            "REGISTRATION_DISCLOSES is false, and needs mail: set MAIL_URL",
        ),
        *(
            (
                {"REGISTRATION_DISCLOSES": "false", "EMAIL_VERIFICATION": mode},
                (
                    "REGISTRATION_DISCLOSES is false, and needs EMAIL_VERIFICATION=required: "
                    "a login discloses it otherwise"
                ),
            )
            for mode in ("off", "optional")
        ),
    ],
)
def test_a_verification_without_mail_ends_the_start(
    environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings.read(environment)

    assert str(refused.value) == message


def test_one_pass_needs_the_memory_of_its_recommendation() -> None:
    """OWASP's Password Storage Cheat Sheet has 46 MiB with one pass, and 19 MiB with two."""
    with pytest.raises(ConfigurationError, match=r"^ARGON2_PASSES is 1, and needs ARGON2_MEMORY"):
        Settings.read({"ARGON2_PASSES": "1", "ARGON2_MEMORY_KIB": "47103"})

    assert Settings.read({"ARGON2_PASSES": "1"}).passwords.argon2_passes == 1
