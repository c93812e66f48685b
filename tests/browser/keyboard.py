"""People who use a page with the keys alone."""

import re
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from tests.support.builders import PASSWORD

FOCUS = """(element) => {
    const focused = document.activeElement
    const { outlineStyle, outlineWidth } = getComputedStyle(focused)
    const isSeen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2
    return {
        isThere: element === focused,
        // Behind the last element, the focus leaves the page.
        hidden: isSeen || focused === document.body ? '' : focused.outerHTML,
    }
}"""
FARTHEST = 60
"""How often people may have to press Tab."""


@dataclass(frozen=True)
class Keyboard:
    page: Page

    async def reach(self, element: Locator) -> None:
        """Press Tab until the focus, which is always seen, is on the element."""
        await expect(element).to_be_visible()
        for _ in range(FARTHEST):
            await self.page.keyboard.press("Tab")
            focus = await element.evaluate(FOCUS)
            assert not focus["hidden"]
            if focus["isThere"]:
                return
        raise AssertionError(f"Tab does not lead to {element}")

    async def type(self, label: str, text: str) -> None:
        await self.reach(self.page.get_by_label(label, exact=True))
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.insert_text(text)

    async def choose(self, label: str, option: str) -> None:
        """Choose an option by the first letters of its text."""
        field = self.page.get_by_label(label, exact=True)
        await self.reach(field)
        await self.page.keyboard.type(option)
        await expect(field.locator("option:checked")).to_have_text(option)

    async def press(self, button: str | re.Pattern[str]) -> None:
        """Press the first button of this name."""
        exact = isinstance(button, str)
        await self.reach(self.page.get_by_role("button", name=button, exact=exact).first)
        await self.page.keyboard.press("Enter")

    async def follow(self, link: str | re.Pattern[str]) -> None:
        """Follow the first link of this name."""
        exact = isinstance(link, str)
        await self.reach(self.page.get_by_role("link", name=link, exact=exact).first)
        await self.page.keyboard.press("Enter")

    async def see(self, heading: str) -> None:
        await expect(self.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()

    async def read(self, text: str) -> None:
        await expect(self.page.get_by_text(text)).to_be_visible()

    async def read_problems(self) -> None:
        """Expect the focus on the summary of what was not accepted."""
        await expect(self.page.get_by_role("alert")).to_be_focused()

    async def log_in(self, email: str, password: str = PASSWORD) -> None:
        await self.type("Email address", email)
        await self.type("Password", password)
        await self.press("Log in")

    async def step_up(self) -> None:
        await self.see("Confirm that it is you")
        await self.type("Password", PASSWORD)
        await self.press("Confirm")
