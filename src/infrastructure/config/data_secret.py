"""The data secrets: the secrets outside the database.

They encrypt what the database must hold and must not reveal. That of the signing keys is in the
configuration (``KEYS_SECRET``), or else in a file in ``DOORWARD_DATA``, in the same format; what
users need to log in has ``DATA_SECRET`` before it. For each purpose another secret is derived.
"""

import base64
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infrastructure.config import parsers
from infrastructure.config.environment_variables import ConfigurationError, declare
from infrastructure.config.signing_keys import KeySettings
from infrastructure.config.storage import StorageSettings

_VARIABLE = "DOORWARD_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSettings:
    """The secret of what the database must not reveal, wherever the signing keys are."""

    data: tuple[bytes, ...] | None = declare(
        "DATA_SECRET",
        parsers.optional(parsers.secrets),
        None,
        "32 bytes in base64, such as `doorward secrets generate` prints. It encrypts the secrets "
        "of authenticator apps. Several, separated by commas: the first encrypts, all decrypt, "
        "and behind them `KEYS_SECRET` or the file `secret` in `DOORWARD_DATA`, if the keys are "
        "in a database. Without any of these there are no authenticator apps.",
        is_secret=True,
    )


def data_secrets(keys: KeySettings, storage: StorageSettings) -> tuple[bytes, ...]:
    """Return the secrets, 32 bytes each: the first one encrypts, all of them decrypt.

    The file counts beside ``KEYS_SECRET`` as long as the users are in the embedded database: to
    set the variable there ends no session.

    :raises ConfigurationError: the file is missing, cannot be read or holds no secret.
    """
    given = keys.secrets or ()
    if given and storage.users_at != storage.embedded_url:
        return given
    found = given + (_read(storage.secret_file) or ())
    if not found:
        raise ConfigurationError(
            _VARIABLE,
            f"has no file {storage.secret_file.name}, which the keys in its database are "
            "encrypted with: restore it from its back-up, or put the former KEYS_SECRET into it",
        )
    return found


def make_secret_file(file: Path) -> None:
    """Generate a secret, unless there is one. Of processes that start at once, one generates it.

    A crash leaves a complete file or none. Only the owner can read it.

    :raises ConfigurationError: the folder cannot keep it.
    """
    try:
        with suppress(FileExistsError):
            _write(file, base64.b64encode(secrets.token_bytes(32)) + b"\n")
    except OSError as error:
        raise ConfigurationError(
            _VARIABLE, f"cannot keep a file {file.name}: {error.strerror}"
        ) from None


def _read(file: Path) -> tuple[bytes, ...] | None:
    try:
        return parsers.secrets(file.read_text("ascii"))
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"has a file {file.name} that cannot be read: {error.strerror}"
    except ValueError:  # whose message may quote the file
        message = f"has a file {file.name} that does not hold 32 bytes in base64"
    raise ConfigurationError(_VARIABLE, message)


def _write(file: Path, content: bytes) -> None:
    """
    :raises FileExistsError: there is such a file.
    """
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(draft, file)  # a rename would replace the secret of another process
        _sync(file.parent)  # before anything is encrypted with it
    finally:
        Path(draft).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
