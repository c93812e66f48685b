"""The overview: figures of a period, and the state of what the service depends on."""

from collections.abc import Sequence
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get
from litestar.params import FromQuery

from api.json_request import JsonRequest
from api.web.admin.charts import Chart, Column, in_groups
from api.web.controllers.base import PageController
from api.web.page import Pages
from api.web.route_options import admin_page
from api.web.translations import Texts
from application.figures.show import ShowFigures
from domain.figures import Count, Gauge, History, Period, Step
from domain.permissions import Permission


class OverviewPage(PageController):
    path = "/admin"
    opt = admin_page(Permission.READ_FIGURES)

    @get("/")
    @inject
    async def show_overview(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        show: FromDishka[ShowFigures],
        period: FromQuery[Period] = Period.DAY,
    ) -> Response[Any]:
        overview = await show(request.user, period)
        history, measured = overview.history, overview.measured
        return pages.render(
            request,
            "admin/overview",
            overview=overview,
            periods=list(Period),
            now=measured.values if measured else {},
            totals={count: history.total(count) for count in Count},
            charts=charts_of(history, _times(pages.texts(request), period, history)),
            number=in_groups,
        )


def _times(texts: Texts, period: Period, history: History) -> Sequence[str]:
    form = texts("base.hour" if period.step is Step.HOUR else "base.day")
    return [start.strftime(form) for start in history.starts]


def charts_of(history: History, times: Sequence[str]) -> Sequence[Chart]:
    counts, gauges = history.counts, history.gauges

    def counted(name: str, *shown: Count) -> Chart:
        return Chart(name, times, [Column(each, counts[each]) for each in shown])

    def measured(gauge: Gauge) -> Chart:
        return Chart(gauge, times, [Column(gauge, gauges[gauge])])

    users, protected = gauges[Gauge.USERS], gauges[Gauge.USERS_WITH_SECOND_FACTOR]
    shares = Chart(
        "second_factors",
        times,
        [
            Column("share", [share_of(*each) for each in zip(protected, users, strict=True)]),
            Column(Gauge.USERS_WITH_SECOND_FACTOR, protected, is_drawn=False),
            Column(Gauge.USERS, users, is_drawn=False),
        ],
        "\N{NARROW NO-BREAK SPACE}%",
    )
    return [
        counted("logins", Count.LOGINS),
        counted("refusals", Count.REFUSED_LOGINS, Count.LIMITED_LOGINS),
        counted("registrations", Count.REGISTRATIONS, Count.REFUSED_REGISTRATIONS),
        measured(Gauge.ACTIVE_SESSIONS),
        shares,
        measured(Gauge.QUEUED_MESSAGES),
    ]


def share_of(part: int | None, whole: int | None) -> int | None:
    """Return how much of a hundred it is; of an estimate it may be more."""
    return None if part is None or not whole else min(round(100 * part / whole), 100)
