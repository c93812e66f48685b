"""Every flow with the Tab and Enter keys alone."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

from playwright.async_api import Locator, Page, expect

from domain.second_factors import totp
from tests.browser.conftest import OpenContext, Site
from tests.browser.steps import each_mode
from tests.http.client import PROOF
from tests.support.builders import PASSWORD

FOCUS_IS_SEEN = """() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2
}"""


@dataclass(frozen=True)
class Keyboard:
    page: Page

    async def reach(self, element: Locator) -> None:
        """Press Tab until the focus, which is always seen, is on the element."""
        await expect(element).to_be_visible()
        for _ in range(40):
            await self.page.keyboard.press("Tab")
            assert await self.page.evaluate(FOCUS_IS_SEEN)
            if await element.evaluate("(each) => each === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {element}")

    async def type(self, label: str, text: str) -> None:
        await self.reach(self.page.get_by_label(label, exact=True))
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.insert_text(text)

    async def press(self, button: str) -> None:
        await self.reach(self.page.get_by_role("button", name=button, exact=True))
        await self.page.keyboard.press("Enter")

    async def follow(self, link: str) -> None:
        await self.reach(self.page.get_by_role("link", name=link, exact=True))
        await self.page.keyboard.press("Enter")

    async def see(self, heading: str) -> None:
        await expect(self.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


@each_mode
async def test_an_account_is_used_with_the_keyboard_alone(
    open_context: OpenContext, site: Site, *, scripts: bool
) -> None:
    email = f"keyboard-{scripts}@example.org".lower()
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        keyboard = Keyboard(page)
        await page.goto("login")
        await keyboard.follow("Create an account")
        await keyboard.type("Name", "Ada")
        await keyboard.type("Email address", email)
        await keyboard.type("Password", PASSWORD)
        await page.keyboard.press("Enter")
        await keyboard.see("Check your mail")
        await prove(site, email)  # what enrolment asks for; see test_link_pages.py

        await keyboard.follow("To the login")
        await log_in(keyboard, email)
        await keyboard.follow("Two-step login")
        await keyboard.press("Set up an app")
        await keyboard.type("Password", PASSWORD)
        await keyboard.press("Confirm")
        await keyboard.see("Set up an authenticator app")
        await expect(page.locator("svg.qr")).to_be_visible()
        secret = await page.locator("code").inner_text()
        await keyboard.type("Code", code_of(secret))
        await keyboard.press("Confirm")
        await keyboard.see("Your recovery codes")
        assert await page.locator("ul.codes code").count() == 10
        await keyboard.follow("I have kept them")
        await keyboard.press("Log out")

        await log_in(keyboard, email)
        await keyboard.see("Confirm that it is you")
        await keyboard.type("Code", "no code")
        await keyboard.press("Log in")
        await expect(page.get_by_role("alert")).to_be_focused()
        await keyboard.type("Code", code_of(secret, steps_later=1))
        await keyboard.press("Log in")
        await keyboard.see("My account")
        await keyboard.type("Name", "Ada Lovelace")
        await keyboard.press("Save")
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Ada Lovelace")
        await keyboard.press("Log out")
        await expect(page.get_by_text("You are logged out.")).to_be_visible()


async def log_in(keyboard: Keyboard, email: str) -> None:
    await keyboard.type("Email address", email)
    await keyboard.type("Password", PASSWORD)
    await keyboard.press("Log in")


async def prove(site: Site, email: str) -> None:
    token = site.link(email, "email_verification").partition("#token=")[2]
    await site.post(PROOF, {"token": token, "password": PASSWORD})


def code_of(secret: str, steps_later: int = 0) -> str:
    """Return what an app shows now, or next: the service accepts that, too."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return totp.code_at(key, totp.step_at(datetime.now(UTC)) + steps_later)
