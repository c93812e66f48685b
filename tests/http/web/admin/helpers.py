"""Log in with a role, step up, and read the audit log."""

from dataclasses import replace

from dishka import AsyncContainer

from application.pagination import EventQuery
from application.ports import AuditLog, UserRepository
from domain.audit.event import Event
from domain.permissions import Role
from domain.user import User
from tests.http.client import Client, stored_user
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD

ADA = "ada@example.org"


async def step_up(browser: Browser) -> None:
    """Make the session of a user with a password alone good for sensitive steps."""
    page = await browser.open("/account/step-up?return_to=/account")
    assert (
        await browser.submit(page, "/account/step-up", step_up_password=PASSWORD)
    ).status == 200


async def log_in_as(browser: Browser, client: Client, users: UserRepository, role: Role) -> User:
    """Register Ada, give her the role, and log in as her."""
    await client.register(ADA)
    user = await stored_user(users, ADA)
    assert (await users.replace(user, replace(user, role=role))).changed
    await browser.log_in(ADA, PASSWORD)
    return user


async def latest_event(container: AsyncContainer) -> Event:
    log: AuditLog = await container.get(AuditLog)
    return (await log.page(EventQuery(), None, 1)).items[0].event
