"""TLS to the mail server."""

import ssl
from pathlib import Path

from infrastructure.config.environment_variables import ConfigurationError


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Make the context that verifies certificates, by this CA or those of the operating system.

    :raises ConfigurationError: the file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        message = "is a file without a certificate in PEM format"
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    raise ConfigurationError("MAIL_CA_FILE", message)
