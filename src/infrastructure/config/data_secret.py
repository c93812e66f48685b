"""The data secret: the one secret outside the database.

It encrypts what the database must hold and must not reveal, such as signing keys; for every other
purpose a secret is derived from it. The configuration gives it (``KEYS_SECRET``), or else a file
in ``DOORWARD_DATA`` holds it, in the same format.
"""

import base64
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from infrastructure.config import parsers
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.signing_keys import KeySettings
from infrastructure.config.storage import StorageSettings

_VARIABLE = "DOORWARD_DATA"


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
