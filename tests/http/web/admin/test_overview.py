"""The overview for administrators."""

import re
from datetime import timedelta
from typing import Any

import pytest
from dishka import AsyncContainer

from api.web.admin.charts import in_groups
from application.figures.measuring import MeasureFigures
from application.ports import Clock, FigureStore, KeyStore, UserRepository
from application.readiness import CheckReadiness
from domain.errors import Unavailable
from domain.figures import HOUR, Count, Gauge, Measurement, Period
from domain.key_ring import Key, KeyId, KeyListing, KeyRing
from domain.permissions import Role
from domain.token import TokenKind
from doorward.jobs.scheduler import Job
from tests.http.client import Client
from tests.http.web.admin.helpers import ADA, log_in_as
from tests.http.web.browser import Browser, Page
from tests.support.builders import PASSWORD

OVERVIEW = "/admin"


@pytest.fixture
async def auditor(browser: Browser, client: Client, users: UserRepository) -> Browser:
    """An auditor, who has registered and logged in."""
    await log_in_as(browser, client, users, Role.AUDITOR)
    return browser


@pytest.fixture
async def figures(container: AsyncContainer) -> FigureStore:
    store: FigureStore = await container.get(FigureStore)
    return store


def tiles(page: Page) -> dict[str, str]:
    """Return the figures in words, by their names."""
    found = re.findall(r"<dt>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", page.source, re.DOTALL)
    return {name: re.sub(r"(<[^>]*>|[ \n])+", " ", text).strip(" ") for name, text in found}


def table(page: Page, chart: str) -> list[list[str]]:
    """Return the rows of the table behind a chart."""
    [figure] = re.findall(
        rf'<figure class="chart" id="{chart}">.*?</figure>', page.source, re.DOTALL
    )
    rows = figure.partition("<tbody>")[2].split("</tr>")[:-1]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def bars(page: Page, chart: str) -> list[int]:
    """Return how many bars there are in each colour."""
    [svg] = re.findall(rf'<svg [^>]*"{chart}-title".*?</svg>', page.source, re.DOTALL)
    return [path.count("M") for path in re.findall(r'class="series-\d" d="(.*?)"', svg)]


async def test_the_figures_of_what_has_just_happened_are_shown(
    auditor: Browser, container: AsyncContainer
) -> None:
    await auditor.client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    await auditor.log_in(ADA, "a wrong password")
    await auditor.log_in("nobody@example.org", "a wrong password")  # no event of the audit log
    await auditor.client.register(ADA)  # taken
    for job in await container.get(list[Job]):
        if job.name in {"event_counting", "unrecorded_counts_flush", "figure_measurement"}:
            await job.run()
    await auditor.log_in(ADA, PASSWORD)

    page = await auditor.open(OVERVIEW)

    shown = tiles(page)
    assert shown["Logins"] == "1"
    assert shown["Refused logins"] == "2"
    assert shown["New accounts"] == "1"
    assert shown["Refused registrations"] == "1"
    assert shown["Users"] == "1"
    assert shown["Users with a second factor"] == "0"
    assert shown["Waiting mails"].startswith("0")
    assert shown["State: Users"] == shown["State: Signing keys"] == "works"
    assert table(page, "logins")[-1][1] == "1"
    assert bars(page, "logins") == [1]


@pytest.mark.parametrize("period", Period)
async def test_each_value_of_a_chart_is_in_its_table(
    auditor: Browser, container: AsyncContainer, figures: FigureStore, period: Period
) -> None:
    clock: Clock = await container.get(Clock)
    starts = period.starts(clock())
    for number, start in enumerate(starts):
        await figures.add(
            {(start, Count.LOGINS): 1000 * number, (start, Count.LIMITED_LOGINS): number % 2}
        )
        measured = {Gauge.USERS: 200, Gauge.USERS_WITH_SECOND_FACTOR: number}
        if number:
            await figures.store_measurement(Measurement(start, measured))

    page = await auditor.open(f"{OVERVIEW}?period={period.value}")

    form = "%H:%M" if period is Period.DAY else "%-d %b"
    assert table(page, "logins") == [
        [start.strftime(form), in_groups(1000 * number)] for number, start in enumerate(starts)
    ]
    assert [row[2] for row in table(page, "refusals")] == [
        str(number % 2) for number in range(len(starts))
    ]
    shares = table(page, "second_factors")
    assert shares[0][1:] == ["\N{EN DASH}"] * 3
    assert shares[5][1:] == ["2\u202f%", "5", "200"]
    assert bars(page, "logins") == [len(starts) - 1]
    assert bars(page, "refusals") == [0, len(starts) // 2]
    assert tiles(page)["Logins"] == in_groups(1000 * sum(range(len(starts))))
    assert 'aria-current="true">' in page.source.partition(f"?period={period.value}")[2][:40]


async def test_an_unknown_period_is_refused(auditor: Browser) -> None:
    assert (await auditor.open(f"{OVERVIEW}?period=forever")).status == 400


async def test_before_the_first_measurement_the_page_says_so(auditor: Browser) -> None:
    page = await auditor.open(OVERVIEW)

    assert tiles(page)["Users"] == "\N{EN DASH}"
    assert "Users and sessions are counted within a minute." in page.text


async def test_the_time_of_the_measurement_is_shown(
    auditor: Browser, container: AsyncContainer
) -> None:
    await (await container.get(MeasureFigures))()
    clock: Clock = await container.get(Clock)

    page = await auditor.open(OVERVIEW)

    assert f"were counted on {clock():%-d %B %Y}" in page.text
    assert tiles(page)["Active sessions"] == "1"


async def test_a_store_that_does_not_answer_is_named(
    auditor: Browser, container: AsyncContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise Unavailable("a detail that is for the log")

    checks: Any = (await container.get(CheckReadiness)).checks
    monkeypatch.setitem(checks, "sessions", fail)

    page = await auditor.open(OVERVIEW)

    assert tiles(page)["State: Sessions"] == "does not work"
    assert tiles(page)["State: Users"] == "works"
    assert "a detail" not in page.source


async def test_the_age_of_a_key_and_its_next_rotation_are_shown(
    auditor: Browser, container: AsyncContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, store = await container.get(Clock), await container.get(KeyStore)
    since = clock() - timedelta(days=1000)
    current = Key(KeyId("current"), TokenKind.ACCESS, since, since)
    following = Key(KeyId("next"), TokenKind.ACCESS, since, clock() + HOUR)

    async def listing(_store: KeyStore) -> KeyListing:
        return KeyListing(KeyRing(frozenset({current, following})), {})

    monkeypatch.setattr(type(store), "list", listing)

    shown = tiles(await auditor.open(OVERVIEW))

    age, rotation = shown["Age of the signing key in days: Access"].split(" ", 1)
    assert age == in_groups(1000)
    assert rotation.startswith(f"rotation on {clock() + HOUR:%-d %B %Y}")
    assert "Age of the signing key in days: Refresh" not in shown


async def test_the_page_leads_to_each_period(auditor: Browser) -> None:
    page = await auditor.open(OVERVIEW)

    periods = [link for link in page.read.links if "period=" in link]
    assert periods == [f"/admin?period={each.value}" for each in Period]
    assert [(await auditor.open(link)).status for link in periods] == [200] * 3
