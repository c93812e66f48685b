"""Import users from another system, with their password hashes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from application.accounts.user_transfer.records import ParseRecords, Record, Rejected
from application.audit import Audit
from application.ports import FactorSecrets, SecondFactorStore, UserRepository
from domain.actor import Actor
from domain.audit.details import UsersImported
from domain.audit.event import EventType
from domain.errors import Problem
from domain.permissions import ADMINISTRATORS, Permission
from domain.request_context import UNKNOWN
from domain.second_factors.factors import SecondFactors, Totp
from domain.user import User, UserId

_TAKEN = Problem("email", "belongs to another user, or the id does")


@dataclass(frozen=True, slots=True)
class Imported:
    """
    :ivar new: how many users were stored.
    :ivar skipped: how many existed already, with this address and this hash.
    :ivar with_app: how many of the new users have an authenticator app.
    """

    new: int
    skipped: int
    rejected: Sequence[Rejected]
    with_app: int = 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImportUsers:
    """Import users with the hashes of their passwords and with their authenticator apps.

    A secret is stored before its user is: a crash in between leaves a secret that belongs to no
    user, and never a user without the second factor. An import changes no user who exists.
    """

    users: UserRepository
    second_factors: SecondFactorStore
    factor_secrets: FactorSecrets
    parse_records: ParseRecords
    audit: Audit

    async def __call__(
        self, actor: Actor, records: Sequence[Record], *, empty_names: bool = False
    ) -> Imported:
        """Import each record wholly or not at all. To import it again does nothing.

        :param empty_names: whether a missing name stays empty; else it is the part of the address
            before the @.
        :raises PermissionMissing: the actor may not change users.
        :raises SecondFactorsOff: there is no place for the authenticator apps of the records.
        """
        actor.require(Permission.CHANGE_USERS)
        parsed = self.parse_records(records, empty_names=empty_names)
        good, rejected = parsed.users, parsed.rejected
        new = skipped = with_app = 0
        while good:
            first, good = _first_of_each(good)
            stored = await self._store_apps(first, parsed.apps)
            added = await self._add(actor, first)
            for line, user in first.items():
                if user.id in added:
                    new += 1
                    with_app += user.has_second_factor
                    continue
                await self._withdraw(stored.get(line))
                if await self._exists(user):
                    skipped += 1
                else:
                    rejected.append(Rejected(line, [_TAKEN]))
        return Imported(new, skipped, _in_order(rejected), with_app)

    async def _store_apps(
        self, people: Mapping[int, User], apps: Mapping[int, bytes]
    ) -> Mapping[int, SecondFactors]:
        """Store the secrets of those users who do not exist.

        :returns: what was stored, by line.
        """
        stored = {}
        for line, user in people.items():
            if line in apps and not await self._is_taken(user):
                sealed = self.factor_secrets.seal(user.id, apps[line])
                stored[line] = SecondFactors(user.id, Totp(sealed))
                await self._replace_by(stored[line])
        return stored

    async def _replace_by(self, new: SecondFactors) -> None:
        """Store factors in place of those that an import without this user has left."""
        while True:  # until no other process changes them in between
            old = await self.second_factors.of_user(new.user_id)
            if (await self.second_factors.replace(old, new)).changed:
                return

    async def _withdraw(self, stored: SecondFactors | None) -> None:
        """Delete the factors of a user who was not added, and is not another import's."""
        if stored is not None:
            user = await self.users.get(stored.user_id)
            if user is None or not user.has_second_factor:
                await self.second_factors.replace(stored, SecondFactors(stored.user_id))

    async def _add(self, actor: Actor, people: Mapping[int, User]) -> set[UserId]:
        async with self.audit.recording(EventType.IMPORT_USERS, UNKNOWN, actor) as entry:
            administrators = sum(
                user.role in ADMINISTRATORS and not user.disabled for user in people.values()
            )
            entry.details = UsersImported(min(people), max(people), administrators)
            effects = entry.success()
            stored = await self.users.add_all(list(people.values()), effects)
            await entry.settle(effects, stored)
        return set(stored.changed)

    async def dry_run(
        self,
        actor: Actor,
        records: Sequence[Record],
        stored_before: set[str],
        *,
        empty_names: bool = False,
    ) -> Imported:
        """Return what an import would return, and store nothing.

        :param stored_before: what earlier batches would have stored; what this one would is added.
        :param empty_names: as for an import.
        :raises PermissionMissing: the actor may not change users.
        """
        actor.require(Permission.CHANGE_USERS)
        parsed = self.parse_records(records, empty_names=empty_names)
        rejected = parsed.rejected
        new = skipped = with_app = 0
        for line, user in parsed.users.items():
            person = f"{user.email.key} {user.password_hash}"
            if person in stored_before or await self._exists(user):
                skipped += 1
            elif _keys(user) & stored_before or await self._is_taken(user):
                rejected.append(Rejected(line, [_TAKEN]))
            else:
                new += 1
                with_app += user.has_second_factor
                stored_before |= {person, *_keys(user)}
        return Imported(new, skipped, _in_order(rejected), with_app)

    async def _exists(self, user: User) -> bool:
        stored = await self.users.by_email(user.email)
        return stored is not None and stored.password_hash == user.password_hash

    async def _is_taken(self, user: User) -> bool:
        by_email = await self.users.by_email(user.email)
        return by_email is not None or await self.users.get(user.id) is not None


def _first_of_each(people: Mapping[int, User]) -> tuple[dict[int, User], dict[int, User]]:
    """Split into users whose address and id are new, and users who share one with an earlier user:
    these are imported once it is decided what becomes of the earlier one.
    """
    first: dict[int, User] = {}
    others: dict[int, User] = {}
    keys: set[str] = set()
    for line, user in people.items():
        (others if keys & _keys(user) else first)[line] = user
        keys |= _keys(user)
    return first, others


def _keys(user: User) -> set[str]:
    return {user.email.key, user.id.hex}


def _in_order(rejected: list[Rejected]) -> Sequence[Rejected]:
    return sorted(rejected, key=lambda each: each.line)
