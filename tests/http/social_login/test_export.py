"""The data of a user over HTTP: linked accounts are part of it."""

from application.ports import UserRepository
from tests.http.client import EMAIL, MY_EXPORT, Client, bearer, stored_user
from tests.http.social_login.conftest import linked_to


async def test_my_linked_accounts_are_among_my_data(client: Client, users: UserRepository) -> None:
    await client.register()
    identity = await linked_to(users, await stored_user(users))
    token = (await client.obtain_tokens())["access_token"]

    answer = await client.get(MY_EXPORT, headers=bearer(await client.stepped_up(token)))

    [listed] = answer.json()["data"]["identities"]
    assert (listed["id"], listed["provider"], listed["email"]) == (identity.id, "acme", EMAIL)
