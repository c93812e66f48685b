"""TLS to PostgreSQL, with the options of libpq (PostgreSQL documentation, 34.19)."""

import os
import ssl
from pathlib import Path
from typing import Any

from infrastructure.storage.options import InvalidUrl

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_ALIASES = {"true": "require", "1": "require", "no-verify": "require", "false": "disable"}
"""Values of ``ssl``, the name of ``sslmode`` in URLs for Node, JDBC and SQLAlchemy."""

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_SYSTEM = "system"  # the CAs that the operating system trusts


def take_tls_options(options: dict[str, str]) -> dict[str, Any]:
    """Take the options about TLS out of those of a URL.

    :returns: options for asyncpg. It gets a context where it would read certificates by itself:
        so their errors are found at the start, and ``verify-full`` trusts the system's CAs.
    :raises InvalidUrl: an option has a wrong value, contradicts another, or names a file that
        cannot be read.
    """
    alias = options.pop("ssl", "")
    mode = options.pop("sslmode", _ALIASES.get(alias, alias))
    if mode not in {"", *_MODES}:
        raise InvalidUrl(f"has an sslmode that is none of {', '.join(_MODES)}")
    password, oldest = (
        options.pop("sslpassword", None),
        options.pop("ssl_min_protocol_version", ""),
    )
    files = {name: options.pop(name) for name in _FILES if options.get(name)}
    found: dict[str, Any] = {}
    if options.pop("sslnegotiation", "postgres") == "direct":
        found["direct_tls"] = True
    if files or oldest or mode.startswith("verify-"):
        if mode not in {"require", "verify-ca", "verify-full"}:
            given = ", ".join([*files, *(["ssl_min_protocol_version"] if oldest else [])])
            raise InvalidUrl(f"has {given}, which needs sslmode=verify-full")
        return found | {"ssl": _context(mode, files, password, oldest)}
    return found | ({"ssl": mode} if mode else {})


def _context(
    mode: str, files: dict[str, str], password: str | None, oldest: str
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if oldest and oldest not in _VERSIONS:
        raise InvalidUrl(f"has an ssl_min_protocol_version that is none of {', '.join(_VERSIONS)}")
    context.minimum_version = _VERSIONS[oldest or "TLSv1.2"]
    context.set_alpn_protocols(["postgresql"])
    root = files.get("sslrootcert") or _default_root(mode)
    context.check_hostname = mode == "verify-full"
    if root == _SYSTEM:
        if mode != "verify-full":  # a public CA certifies any attacker
            raise InvalidUrl(f"has sslmode={mode} with the system's CAs: it needs verify-full")
        context.load_default_certs()
    elif root:
        _load("sslrootcert", context, root)
    else:
        context.verify_mode = ssl.CERT_NONE  # as libpq does
    if crl := files.get("sslcrl"):
        _load("sslcrl", context, crl)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    if certificate := files.get("sslcert"):
        _load_client_certificate(context, certificate, files.get("sslkey"), password)
    return context


def _default_root(mode: str) -> str:
    """Return the file that libpq uses if the URL names none, or else the system's CAs."""
    usual = Path("~/.postgresql/root.crt").expanduser()
    named = os.environ.get("PGSSLROOTCERT", "") or (str(usual) if usual.exists() else "")
    if mode == "verify-ca" and not named:
        raise InvalidUrl("has sslmode=verify-ca, which needs sslrootcert=FILE with the CA")
    return named or (_SYSTEM if mode == "verify-full" else "")


def _load(option: str, context: ssl.SSLContext, file: str) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except OSError as error:
        raise InvalidUrl(_unreadable(option, error)) from None


def _load_client_certificate(
    context: ssl.SSLContext, certificate: str, key: str | None, password: str | None
) -> None:
    try:
        context.load_cert_chain(certificate, key, password=lambda: password or "")
    except OSError as error:
        raise InvalidUrl(_unreadable("sslcert or sslkey", error)) from None


def _unreadable(option: str, error: OSError) -> str:
    is_content = isinstance(error, ssl.SSLError)
    reason = "it is not in PEM format" if is_content else os.strerror(error.errno or 0)
    return f"has an {option} that cannot be read: {reason}"
