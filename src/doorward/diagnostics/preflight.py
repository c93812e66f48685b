"""The checks before the service listens: an operator learns of an error at the start."""

from collections.abc import Iterator
from contextlib import suppress

from doorward.diagnostics.identity_providers import require_identities
from doorward.diagnostics.pages import require_pages
from doorward.diagnostics.passkeys import require_passkeys_of_domain
from doorward.diagnostics.second_factors import require_means
from doorward.wiring.mail.sender import check_mail_settings
from doorward.wiring.signing_keys.key_stores import open_key_store, prepare_embedded_keys
from infrastructure.config.data_secret import data_secrets
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySource
from infrastructure.storage.locations import (
    Location,
    distinct,
    key_database,
    locations,
    store_options,
    translate_errors,
)
from infrastructure.storage.not_ready import NotReady
from infrastructure.storage.schema_version import move_up, require_usable


async def prepare_service(settings: Settings) -> None:
    """Do what :func:`prepare` does, and check what only the service needs.

    :raises ConfigurationError: a setting is wrong, or stored passkeys are for another domain.
    :raises NotReady: as :func:`prepare`.
    """
    require_pages(settings)
    await prepare(settings)
    await require_passkeys_of_domain(settings)


async def prepare(settings: Settings, *, keys: bool = True, writes: bool = True) -> None:
    """Check everything, create what the embedded default needs, and migrate SQLite.

    :param keys: whether to require valid signing keys.
    :param writes: whether to require that the stores can be written.
    :raises ConfigurationError: a setting is wrong.
    :raises NotReady: a store does not answer, or this version does not work on its schema.
    """
    await check(settings, keys=keys)
    for location in _databases(settings):
        await _check_schema(location, settings)
    if settings.keys.source is KeySource.EMBEDDED_DATABASE:
        with translate_errors(key_database(settings.storage, settings.keys.source)):
            await prepare_embedded_keys(settings)
    if settings.keys.source.is_sql and keys:
        await _check_keys(settings)
    for location in locations(settings.storage):
        with translate_errors(location, f"cannot be used for {location.role}"):
            async with location.connect(store_options(settings.storage)) as connection:
                await location.ping(connection)
                if writes:
                    await location.check_writes(connection)


async def check(settings: Settings, *, keys: bool = True) -> None:
    """Check everything that needs no answer of a store.

    :raises ConfigurationError: a setting is wrong.
    """
    await check_urls(settings)
    _refuse_split_memory(settings)
    make_data_folder(settings)
    check_mail_settings(settings)
    require_means(settings)
    require_identities(settings)
    if keys and not settings.keys.source.is_sql:
        await _check_keys(settings)


async def check_again(settings: Settings) -> None:
    """Check what new workers need of a configuration that was read again.

    :raises ConfigurationError: a setting is wrong.
    """
    await check(settings)
    require_pages(settings)
    if settings.keys.source is KeySource.EMBEDDED_DATABASE:
        data_secrets(settings.keys, settings.storage)  # only a start makes one
    with suppress(NotReady):  # an outage is no reason to refuse
        await require_passkeys_of_domain(settings)


async def check_urls(settings: Settings) -> None:
    """Check the URLs of the stores, and send nothing.

    :raises ConfigurationError: no backend accepts a URL.
    """
    for location in locations(settings.storage):
        async with location.connect(store_options(settings.storage)):
            pass  # nothing is sent yet


def make_data_folder(settings: Settings) -> None:
    """Create the folder of the embedded default if any of it is used, for its owner only.

    :raises ConfigurationError: the folder cannot be created.
    """
    is_embedded = any(
        location.url == settings.storage.embedded_url for location in locations(settings.storage)
    )
    if not (is_embedded or settings.keys.source is KeySource.EMBEDDED_DATABASE):
        return
    try:
        settings.storage.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError("DOORWARD_DATA", f"cannot be made: {error.strerror}") from None


def _refuse_split_memory(settings: Settings) -> None:
    if settings.http.workers > 1 and any(
        location.is_memory for location in locations(settings.storage)
    ):
        raise ConfigurationError(
            "WORKERS", "must be 1 with a store in memory: processes do not share that"
        )


def _databases(settings: Settings) -> Iterator[Location]:
    yield from distinct(settings.storage)
    keys = key_database(settings.storage, settings.keys.source)
    if settings.keys.source.is_sql and keys.url not in {
        each.url for each in distinct(settings.storage)
    }:
        yield keys


async def _check_keys(settings: Settings) -> None:
    async with open_key_store(settings) as store:
        with translate_errors(key_database(settings.storage, settings.keys.source)):
            held = await store.read()
        held.require_no_warning()
        if held.ring.keys or not settings.keys.secrets:  # the first worker makes those
            held.check(store.variable)


async def _check_schema(location: Location, settings: Settings) -> None:
    if location.file:
        await move_up(location, store_options(settings.storage))
    elif location.is_sql:
        await require_usable(location, store_options(settings.storage))
