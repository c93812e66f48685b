"""Users come from elsewhere: each wholly or not at all, and none of them twice."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from application.accounts.user_transfer.import_users import Imported, ImportUsers
from application.accounts.user_transfer.records import FIELDS, ParseRecords, Record
from application.pagination import Total, UserQuery
from application.ports import PasswordHasher, UnusableHash
from domain.actor import Operator
from domain.email import Email
from domain.errors import Problem
from domain.permissions import Role
from domain.user import NO_PASSWORD, User
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.storage.memory.second_factors import MemorySecondFactors
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import NOW, SECOND, a_user, an_audit, new_id
from tests.support.doubles import QuickHasher, SettableClock

ADA = {"email": "ada@example.org", "password_hash": "quick$1$salt$digest"}
EVE = {"email": "eve@example.org", "password_hash": "quick$1$salt$another"}
ID, OTHER_ID = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
EVERYONE = UserQuery()

Summary = tuple[int, int, list[tuple[int, list[str]]]]
"""New, skipped, and of each rejected record its line and the fields that are wrong."""


@pytest.fixture
def users() -> MemoryUsers:
    return MemoryUsers()


@pytest.fixture
def import_users(users: MemoryUsers) -> ImportUsers:
    return an_import_into(users)


def an_import_into(users: MemoryUsers, hasher: PasswordHasher | None = None) -> ImportUsers:
    secrets = SealedFactors([bytes(32)])
    parse_records = ParseRecords(secrets, hasher or QuickHasher(), SettableClock(NOW), new_id)
    return ImportUsers(users, MemorySecondFactors(), secrets, parse_records, an_audit())


def records(*each: Mapping[str, str]) -> list[Record]:
    """Return the rows of a file, numbered from the line after the header."""
    return [Record(line, values) for line, values in enumerate(each, 2)]


def summary(*parts: Imported) -> Summary:
    return (
        sum(part.new for part in parts),
        sum(part.skipped for part in parts),
        [
            (rejected.line, [problem.field for problem in rejected.problems])
            for part in parts
            for rejected in part.rejected
        ],
    )


async def stored(users: MemoryUsers, email: str = ADA["email"]) -> User:
    user = await users.by_email(Email.parse(email))
    assert user is not None
    return user


async def test_an_address_and_a_hash_are_enough(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    imported = await import_users(Operator(), records(ADA))

    assert summary(imported) == (1, 0, [])
    user = await stored(users)
    assert user == a_user(id=user.id, name="ada", password_hash=ADA["password_hash"])


async def test_a_record_without_an_id_gets_one(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    await import_users(Operator(), records(ADA, EVE))

    first, second = (await stored(users)).id, (await stored(users, EVE["email"])).id
    assert first != second
    assert UUID(str(first)).version == 4


async def test_an_import_keeps_all_given_fields(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    everything = ADA | {
        "id": ID,
        "name": "Ada Lovelace",
        "role": "admin",
        "photo": "https://example.org/ada.png",
        "verified": "true",
        "disabled": "true",
        "created_at": "2021-03-04T05:06:07.123457+00:00",
        "updated_at": "2022-03-04T05:06:07.123457+00:00",
        "locale": "de-AT",
        "totp": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    }
    assert set(everything) == set(FIELDS)

    await import_users(Operator(), records(everything))

    user = await stored(users)
    assert user.email.address == "ada@example.org"
    assert str(user.id) == ID
    assert user == a_user(
        id=user.id,
        password_hash=ADA["password_hash"],
        role=Role.ADMIN,
        photo="https://example.org/ada.png",
        verified=True,
        disabled=True,
        created_at=datetime(2021, 3, 4, 5, 6, 7, 123457, UTC),
        updated_at=datetime(2022, 3, 4, 5, 6, 7, 123457, UTC),
        locale="de-AT",
        has_second_factor=True,
    )


async def test_empty_values_count_as_absent(users: MemoryUsers, import_users: ImportUsers) -> None:
    await import_users(Operator(), records(dict.fromkeys(FIELDS, "") | ADA))

    user = await stored(users)
    assert user == a_user(id=user.id, name="ada", password_hash=ADA["password_hash"])


@pytest.mark.parametrize("given_name", [{}, {"name": ""}, {"name": " "}])
async def test_a_missing_name_is_taken_from_the_address_or_stays_empty(
    users: MemoryUsers, import_users: ImportUsers, given_name: dict[str, str]
) -> None:
    """As Django's `first_name || ' ' || last_name` gives it."""
    await import_users(Operator(), records(ADA | given_name))
    await import_users(Operator(), records(EVE | given_name), empty_names=True)

    assert (await stored(users)).name == "ada"
    assert (await stored(users, "eve@example.org")).name == ""


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("\u0645\u062d\u0645\u062f\u200f", "\u0645\u062d\u0645\u062f"),
        ("Ana\u00admaria", "Anamaria"),
        ("\ufeffBob", "Bob"),
        (" \u200b\ufeff", "ada"),
    ],
)
async def test_invisible_marks_are_removed_from_a_name(
    users: MemoryUsers, import_users: ImportUsers, given_name: str, name: str
) -> None:
    await import_users(Operator(), records(ADA | {"name": given_name}))

    assert (await stored(users)).name == name


async def test_a_dry_run_of_empty_names_rejects_none(import_users: ImportUsers) -> None:
    long = ADA | {"email": f"{'a' * 64}@example.org", "name": " "}

    tried = await import_users.dry_run(Operator(), records(long), set(), empty_names=True)

    assert summary(tried) == (1, 0, [])


async def test_a_hash_is_stored_as_it_was_adopted_or_rejected_with_the_reason(
    users: MemoryUsers,
) -> None:
    class Adopting(QuickHasher):
        def adopt(self, given: str) -> str:
            if given == "x":
                raise UnusableHash("is damaged")
            return f"adopted {given}"

    import_users = an_import_into(users, Adopting())
    await import_users(Operator(), records(ADA))
    again = await import_users(Operator(), records(ADA))
    bad = await import_users(Operator(), records(ADA | {"password_hash": "x"}))

    assert (await stored(users)).password_hash == f"adopted {ADA['password_hash']}"
    assert summary(again) == (0, 1, [])
    assert list(bad.rejected[0].problems) == [Problem("password_hash", "is damaged")]


async def test_an_import_ignores_unknown_fields(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    await import_users(Operator(), records(ADA | {"generation": "7", "password": "\x00", "": "x"}))

    assert (await stored(users)).generation == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((text, True) for text in ("true", "TRUE", "True", "t", "yes", "1", " true ")),
        *((text, False) for text in ("false", "FALSE", "f", "no", "0", "", " ")),
    ],
)
@pytest.mark.parametrize("field", ["verified", "disabled"])
async def test_yes_and_no_have_several_spellings(
    users: MemoryUsers, import_users: ImportUsers, field: str, given: str, expected: bool
) -> None:
    await import_users(Operator(), records(ADA | {field: given}))

    assert getattr(await stored(users), field) is expected


@pytest.mark.parametrize("given", ["admin", "ADMIN", " Admin "])
async def test_a_role_may_be_written_in_capitals(
    users: MemoryUsers, import_users: ImportUsers, given: str
) -> None:
    await import_users(Operator(), records(ADA | {"role": given}))

    assert (await stored(users)).role is Role.ADMIN


@pytest.mark.parametrize("given", [ID, ID.upper(), ID.replace("-", "")])
async def test_an_id_is_kept_however_it_is_written(
    users: MemoryUsers, import_users: ImportUsers, given: str
) -> None:
    await import_users(Operator(), records(ADA | {"id": given}))

    assert str((await stored(users)).id) == ID


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2021-03-04T05:06:07Z", datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("2021-03-04 05:06:07+00", datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("2021-03-04T05:06:07.123456+05:30", datetime(2021, 3, 3, 23, 36, 7, 123456, UTC)),
        ("2021-03-04T05:06:07", datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)),
        (" 2021-03-04 ", datetime(2021, 3, 4, tzinfo=UTC)),
    ],
)
async def test_a_time_is_in_utc_unless_it_says_otherwise(
    users: MemoryUsers, import_users: ImportUsers, given: str, expected: datetime
) -> None:
    await import_users(Operator(), records(ADA | {"created_at": given}))

    user = await stored(users)
    assert user.created_at == user.updated_at == expected
    assert user.created_at.utcoffset() == timedelta()


async def test_a_record_without_created_at_gets_the_current_time(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    later = NOW + SECOND
    await import_users(Operator(), records(ADA | {"updated_at": later.isoformat()}))

    user = await stored(users)
    assert (user.created_at, user.updated_at) == (NOW, later)


@pytest.mark.parametrize("mark", ["!", "!x7k2Zqv0"])  # the second one is Django's
async def test_a_mark_in_place_of_a_hash_imports_a_user_without_a_password(
    users: MemoryUsers, import_users: ImportUsers, mark: str
) -> None:
    ada = records(ADA | {"password_hash": mark})

    assert summary(await import_users(Operator(), ada)) == (1, 0, [])
    assert (await stored(users)).password_hash == NO_PASSWORD
    assert summary(await import_users(Operator(), ada)) == (0, 1, [])


BAD = {
    "no address": ("email", ""),
    "no address at all": ("email", "s3cret"),
    "two addresses": ("email", "s3cret@example.org,eve@example.org"),
    "an address that is too long": ("email", f"{'s3cret' * 50}@example.org"),
    "an address that was not UTF-8": ("email", "s3cret\udcff@example.org"),
    "no hash": ("password_hash", ""),
    "an unknown hash": ("password_hash", "s3cret"),
    "an id that is none": ("id", "s3cret"),
    "an id of too few digits": ("id", ID[:-1]),
    "a name that is too long": ("name", "s3cret" * 17),
    "a name that cannot be seen": ("name", " \u200d "),
    "a name with a line break": ("name", "s3cret\nEve"),
    "a name that turns the line round": ("name", "s3cret\u202e"),
    "a name with NUL": ("name", "s3cret\x00"),
    "a name that was not UTF-8": ("name", "s3cret\udcff"),
    "a role that there is not": ("role", "s3cret"),
    "a photo that is a script": ("photo", "javascript:s3cret()"),
    "a photo that is too long": ("photo", "s3cret" * 43),
    "a language that is none": ("locale", "s3cret_"),
    "neither yes nor no": ("verified", "s3cret"),
    "neither no nor yes": ("disabled", "2"),
    "no time": ("created_at", "s3cret"),
    "a day that there is not": ("created_at", "2021-02-29"),
    "seconds since 1970": ("created_at", "1712123100"),
    "milliseconds since 1970": ("created_at", "1712123100123"),
    "a time before all times": ("created_at", "0001-01-01T00:00:00+14:00"),
    "a time after all times": ("updated_at", "9999-12-31T23:59:59-14:00"),
    "a time that was not UTF-8": ("updated_at", "2021-02-28\udcff05:06"),
}


@pytest.mark.parametrize(("field", "value"), BAD.values(), ids=BAD)
async def test_a_bad_field_is_named_and_nothing_of_the_record_is_stored(
    users: MemoryUsers, import_users: ImportUsers, field: str, value: str
) -> None:
    name = {"name": "Ada"}  # which would come from the address
    imported = await import_users(Operator(), records(name | ADA | {field: value}))

    assert summary(imported) == (0, 0, [(2, [field])])
    assert await users.count(EVERYONE) == Total(0)
    assert "s3cret" not in repr(imported)


async def test_an_import_reports_all_problems_of_a_record_at_once(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    imported = await import_users(Operator(), records(dict.fromkeys(FIELDS, "\x01")))

    [(_, fields)] = imported_fields = summary(imported)[2]
    assert len(imported_fields) == 1
    assert sorted(fields) == sorted(FIELDS)
    assert await users.count(EVERYONE) == Total(0)


async def test_a_line_that_could_not_be_read_is_rejected_whatever_else_it_says(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    imported = await import_users(Operator(), [Record(7, ADA, "must have 4 columns")])

    [rejected] = imported.rejected
    assert rejected.line == 7
    assert list(rejected.problems) == [Problem("line", "must have 4 columns")]
    assert await users.count(EVERYONE) == Total(0)


async def test_a_bad_record_blocks_no_good_one_and_bad_ones_are_reported_in_order(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    mine = a_user(email=Email.parse("bob@example.org"))
    await users.add(mine)
    taken = ADA | {"email": "bob@example.org"}

    imported = await import_users(
        Operator(), records(taken, ADA, {}, EVE, ADA | {"role": "king"}, taken)
    )

    assert imported.new == 2
    assert [rejected.line for rejected in imported.rejected] == [2, 4, 6, 7]
    assert await users.count(EVERYONE) == Total(3)


async def test_an_import_of_no_records_stores_no_user(import_users: ImportUsers) -> None:
    assert await import_users(Operator(), []) == Imported(0, 0, [])
    assert await import_users.dry_run(Operator(), [], set()) == Imported(0, 0, [])


WITH_ID = {"without an id": ADA, "with an id": ADA | {"id": ID}}
each_record = pytest.mark.parametrize("record", WITH_ID.values(), ids=WITH_ID)


@each_record
async def test_the_same_record_again_is_skipped(
    users: MemoryUsers, import_users: ImportUsers, record: dict[str, str]
) -> None:
    await import_users(Operator(), records(record))
    before = await stored(users)

    again = await import_users(
        Operator(), records(record | {"name": "Somebody else", "role": "admin"})
    )

    assert summary(again) == (0, 1, [])
    assert await stored(users) == before
    assert await users.count(EVERYONE) == Total(1)


@each_record
async def test_a_duplicate_in_the_same_batch_is_rejected(
    users: MemoryUsers, import_users: ImportUsers, record: dict[str, str]
) -> None:
    imported = await import_users(Operator(), records(record, record, record))

    assert summary(imported) == (1, 2, [])
    assert await users.count(EVERYONE) == Total(1)


async def test_another_spelling_of_the_address_is_the_same_person(
    import_users: ImportUsers,
) -> None:
    await import_users(Operator(), records(ADA))

    again = await import_users(Operator(), records(ADA | {"email": " ADA@Example.Org. "}))

    assert summary(again) == (0, 1, [])


TAKEN = {
    "the address": (ADA, ADA | {"password_hash": EVE["password_hash"]}),
    "the address, by its other spelling": (ADA, EVE | {"email": "ADA@Example.org"}),
    "the id": (ADA | {"id": ID}, EVE | {"id": ID}),
    "the id, with the same hash": (
        ADA | {"id": ID},
        EVE | {"id": ID, "password_hash": ADA["password_hash"]},
    ),
    "both": (ADA | {"id": ID}, ADA | {"id": ID, "password_hash": EVE["password_hash"]}),
}
each_taken = pytest.mark.parametrize(("first", "second"), TAKEN.values(), ids=TAKEN)


@each_taken
async def test_a_taken_address_is_not_given_to_another_user(
    users: MemoryUsers, import_users: ImportUsers, first: dict[str, str], second: dict[str, str]
) -> None:
    await import_users(Operator(), records(first))
    before = await stored(users)

    imported = await import_users(Operator(), records(second))

    assert summary(imported) == (0, 0, [(2, ["email"])])
    assert await stored(users) == before
    assert await users.count(EVERYONE) == Total(1)


@each_taken
async def test_a_batch_with_two_users_of_one_address_or_id_stores_the_first(
    users: MemoryUsers, import_users: ImportUsers, first: dict[str, str], second: dict[str, str]
) -> None:
    imported = await import_users(Operator(), records(first, second))

    assert summary(imported) == (1, 0, [(3, ["email"])])
    assert (await stored(users)).password_hash == ADA["password_hash"]
    assert await users.count(EVERYONE) == Total(1)


async def test_a_user_who_has_logged_in_since_keeps_the_new_hash(
    users: MemoryUsers, import_users: ImportUsers
) -> None:
    await import_users(Operator(), records(ADA))
    user = await stored(users)
    newer = replace(user, password_hash="quick$2$salt$newer")
    await users.replace(user, newer)

    await import_users(Operator(), records(ADA))

    assert await stored(users) == newer


SCENES: dict[str, list[list[Mapping[str, str]]]] = {
    "two people": [[ADA, EVE]],
    "bad ones": [[ADA, ADA | {"role": "king"}, {}], [EVE | {"id": "x"}]],
    "one twice": [[ADA, ADA]],
    "one twice, with an id": [[ADA | {"id": ID}, ADA | {"id": ID}]],
    "one in two batches": [[ADA], [ADA]],
    "one in two batches, with an id": [[ADA | {"id": ID}], [ADA | {"id": ID}]],
    "an address twice": [[ADA, ADA | {"password_hash": EVE["password_hash"]}]],
    "an address in two batches": [[ADA], [ADA | {"password_hash": EVE["password_hash"]}]],
    "an id twice": [[ADA | {"id": ID}, EVE | {"id": ID}]],
    "an id in two batches": [[ADA | {"id": ID}], [EVE | {"id": ID}]],
    "an id of a rejected record": [[ADA | {"id": ID, "role": "king"}], [EVE | {"id": ID}]],
    "an address of a rejected record": [
        [ADA | {"id": ID}, EVE | {"id": ID}, EVE],
    ],
}


async def both_ways(batches: Sequence[Sequence[Record]], *there: User) -> tuple[Summary, Summary]:
    """What is rehearsed and what is done, where these people are already."""
    users, seen = MemoryUsers(), set[str]()
    for user in there:
        await users.add(user)
    import_users = an_import_into(users)
    before = await users.page(EVERYONE, None, 100)
    rehearsed = summary(
        *[await import_users.dry_run(Operator(), batch, seen) for batch in batches]
    )
    assert await users.page(EVERYONE, None, 100) == before
    return rehearsed, summary(*[await import_users(Operator(), batch) for batch in batches])


def numbered(batches: Sequence[Sequence[Mapping[str, str]]]) -> list[list[Record]]:
    line = iter(range(1, 100))
    return [[Record(next(line), values) for values in batch] for batch in batches]


@pytest.mark.parametrize("batches", SCENES.values(), ids=SCENES)
async def test_a_dry_run_reports_the_result_of_an_import(
    batches: list[list[Mapping[str, str]]],
) -> None:
    rehearsed, done = await both_ways(numbered(batches))

    assert rehearsed == done


async def test_a_dry_run_recognises_existing_users() -> None:
    there = a_user(password_hash=ADA["password_hash"])
    bob = EVE | {"email": "bob@example.org"}
    people = [ADA, EVE | {"email": "Ada@example.org"}, bob | {"id": str(there.id)}, EVE]

    rehearsed, done = await both_ways(numbered([people]), there)

    assert rehearsed == done == (1, 1, [(2, ["email"]), (3, ["email"])])


few_people = st.fixed_dictionaries(
    {
        "email": st.sampled_from(["ada@example.org", "ADA@example.org", "eve@example.org", "eve"]),
        "password_hash": st.sampled_from([ADA["password_hash"], EVE["password_hash"]]),
        "id": st.sampled_from(["", ID, OTHER_ID]),
    }
)


@given(st.lists(st.lists(few_people, max_size=4), max_size=4), st.booleans())
def test_a_dry_run_predicts_the_import_of_any_file(
    batches: list[list[dict[str, str]]], is_there: bool
) -> None:
    there = [a_user(id=UUID(ID), password_hash=ADA["password_hash"])] if is_there else []

    rehearsed, done = asyncio.run(both_ways(numbered(batches), *there))

    assert rehearsed == done
    new, skipped, rejected = done
    assert new + skipped + len(rejected) == sum(len(batch) for batch in batches)


any_text = st.text(st.characters())  # with surrogates: what was no UTF-8
nearly_a_time = st.builds(
    "{}T{}{}".format,
    st.dates() | st.sampled_from(["0001-01-01", "9999-12-31"]),
    st.times() | st.sampled_from(["00:00", "23:59"]),
    any_text | st.sampled_from(["+14:00", "-14:00"]),
)
any_value = any_text | nearly_a_time | st.uuids().map(str) | st.sampled_from(list(ADA.values()))


@given(st.dictionaries(st.sampled_from(FIELDS), any_value))
@example({"created_at": "0001-01-01T00:00+14:00"})
def test_a_dry_run_and_an_import_agree_on_any_values(values: dict[str, str]) -> None:
    rehearsed, done = asyncio.run(both_ways([[Record(1, ADA | values)]]))

    assert rehearsed == done
    assert done[0] + len(done[2]) == 1
