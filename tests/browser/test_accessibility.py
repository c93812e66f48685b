"""Every page of the tour, by what a program can check of WCAG 2.2 AA."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.gallery import Gallery
from tests.browser.watch import Watch
from tests.http.client import ORIGIN
from tests.http.web.tour import a_tour
from tests.support.npm import npm_folder

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHECK = """async (rules) => {
    // A browser moves the focus when it next draws the page.
    const summary = document.querySelector('.errors')
    for (let frame = 0; summary && summary !== document.activeElement && frame < 300; frame++) {
        await new Promise(requestAnimationFrame)
    }
    const found = await axe.run(document, {
        resultTypes: ['violations'], runOnly: rules,
        preload: false,  // of sounds and films: the first fault below
    })
    const problems = found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
    const isWide = document.scrollingElement.scrollWidth > innerWidth
    const faults = {
        'may play by itself': (each) => each.matches('audio, video'),
        'is wider than the window': (each) =>
            isWide && each.getBoundingClientRect().right > innerWidth,
        'moves, where people want less of that': (each) => {
            const { animationName, transitionDuration } = getComputedStyle(each)
            return animationName !== 'none' || /[1-9]/.test(transitionDuration)
        },
        'has no border, so that forced colours hide it': (each) =>
            each.matches('button, input, select, textarea') &&
            getComputedStyle(each).borderTopStyle === 'none',
        'is an error summary without the focus': (each) =>
            each.matches('.errors') && each !== document.activeElement,
        'is a cell far from its heading, and does not say what it is': (each) =>
            each.matches('td:not(:first-child, [data-label])') &&
            getComputedStyle(each).display === 'block',
        'is not reached or not seen with the Tab key': (each) => {
            if (!each.matches('a[href], button, input, select, textarea, summary')) return false
            each.focus({ focusVisible: true })
            return each.tabIndex < 0 || each !== document.activeElement ||
                getComputedStyle(each).outlineStyle === 'none'
        },
    }
    const shown = [...document.body.querySelectorAll('*')].filter((each) => each.checkVisibility())
    for (const [fault, has] of Object.entries(faults)) {
        const elements = shown.filter(has).map((each) => each.cloneNode().outerHTML)
        if (elements.length) problems.push([fault, elements])
    }
    return Object.fromEntries(problems)
}"""


def axe() -> Path:
    """Return the script of axe-core, which the first test installs."""
    return npm_folder() / "node_modules/axe-core/axe.min.js"


@pytest.mark.parametrize(
    ("language", "scheme", "width", "height"),
    [
        pytest.param("en", "light", 1280, 1024, id="English, light, 100 %"),
        pytest.param("de", "dark", 320, 256, id="German, dark, 400 %"),
    ],
)
async def test_no_page_keeps_anyone_out(
    browser: Browser, language: str, scheme: Any, width: int, height: int
) -> None:
    """Each page in both languages and schemes, and as wide and as narrow as windows are."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    watch = Watch(ORIGIN)
    watch.watch(context)
    await context.add_init_script(path=axe())
    found: list[str] = []
    async with a_tour(language) as tour:
        async for shot, page in Gallery(tour).show(context):
            problems = await page.evaluate(CHECK, {"type": "tag", "values": RULES})
            found += [f"{shot.name}: {what}: {each}" for what, each in problems.items()]
    await context.close()

    assert watch.problems == []
    assert not found, "\n".join(found)
