"""The composition root: which adapter stands behind which port."""

import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

from dishka import (
    AsyncContainer,
    Provider,
    Scope,
    from_context,
    make_async_container,
    provide,
    provide_all,
)

from application.auth import Authenticate, Login, Logout, RefreshAccess, RegisterUser
from application.ports import (
    Clock,
    PasswordHasher,
    RandomId,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from domain.password import PasswordRule
from domain.session import Lifetimes
from infrastructure.adapters import Stores, open_stores
from infrastructure.argon2 import Argon2Hasher, Cost
from infrastructure.common_passwords import common_passwords
from infrastructure.limits import Limits
from infrastructure.settings import Settings
from infrastructure.signing import make_signer


def make_container(settings: Settings, *replacements: Provider) -> AsyncContainer:
    """
    :param replacements: for tests and for those who embed the service: what these provide takes
        the place of what is provided here.
    """
    return make_async_container(
        Adapters(), UseCases(), *replacements, context={Settings: settings}
    )


class UseCases(Provider):
    scope = Scope.APP

    all = provide_all(RegisterUser, Login, RefreshAccess, Logout, Authenticate)

    @provide
    def lifetimes(self, settings: Settings) -> Lifetimes:
        return Lifetimes(
            access=settings.access_lifetime,
            idle=settings.refresh_lifetime,
            absolute=settings.session_lifetime,
            grace=settings.refresh_grace,
        )

    @provide
    def password_rule(self, settings: Settings) -> PasswordRule:
        return PasswordRule(settings.password_min_length, common_passwords())


class Adapters(Provider):
    scope = Scope.APP

    settings = from_context(Settings)

    @provide
    def clock(self) -> Clock:
        return lambda: datetime.now(UTC)

    @provide
    def random_id(self) -> RandomId:
        return lambda: secrets.token_hex(16)

    @provide
    async def stores(self, settings: Settings) -> AsyncIterator[Stores]:
        limits = Limits(settings.store_connections, settings.store_timeout)
        async with open_stores(settings.users_at, settings.sessions_at, limits) as stores:
            yield stores

    @provide
    def users(self, stores: Stores) -> UserRepository:
        return stores.users

    @provide
    def sessions(self, stores: Stores) -> SessionStore:
        return stores.sessions

    @provide
    def signer(self, settings: Settings) -> TokenSigner:
        return make_signer(settings)

    @provide
    def hasher(self, settings: Settings) -> Iterator[PasswordHasher]:
        cost = Cost(settings.argon2_passes, settings.argon2_memory)
        hasher = Argon2Hasher(cost, settings.hash_threads, settings.hash_queue)
        yield hasher
        hasher.close()
