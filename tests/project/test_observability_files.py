"""The dashboard and the alerts are about metrics that exist, and no metric is on no panel."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from domain.key_ring import KeyState
from domain.token import TokenKind
from infrastructure.telemetry.metrics import Metrics
from tests.support.builders import NOW

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "doorward.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
SCRAPING: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())

RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS: list[dict[str, Any]] = [each for each in DASHBOARD["panels"] if each["type"] != "row"]

OF_PROMETHEUS = {"instance", "job"}
"""Labels that a metric gets when it is scraped."""

SELECTOR = re.compile(r"\b(doorward_\w+)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\b(?:by|on|without|ignoring) ?\(([^)]*)\)")


def series() -> dict[str, tuple[str, set[str]]]:
    """Every name by which Prometheus knows a metric: of which one, and with which labels."""
    found: dict[str, tuple[str, set[str]]] = {}
    subjects = vars(Metrics(CollectorRegistry())).values()
    for metric in chain.from_iterable(vars(each).values() for each in subjects):
        if isinstance(metric, MetricWrapperBase):
            name, labels = metric._name, set(metric._labelnames) | OF_PROMETHEUS
            if isinstance(metric, Histogram):
                found[f"{name}_sum"] = found[f"{name}_count"] = name, labels
                found[f"{name}_bucket"] = name, labels | {"le"}
            else:
                found[f"{name}_total" if isinstance(metric, Counter) else name] = name, labels
    return found


SERIES = series()


def expressions() -> Iterator[tuple[str, str]]:
    """Return the expressions by the name of their alert or panel."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def selected(expression: str) -> list[tuple[str, set[str]]]:
    """The names of series, each with the labels by which it is selected."""
    return [
        (name, set(re.findall(r"(\w+) ?(?:=~|!~|!=|=)", matchers)))
        for name, matchers in SELECTOR.findall(expression)
    ]


def grouped(expression: str) -> set[str]:
    return {
        label.strip()
        for labels in GROUPING.findall(expression)
        for label in labels.split(",")
        if label.strip()
    }


def test_the_series_of_the_metrics_are_known() -> None:
    assert SERIES["doorward_logins_total"] == ("doorward_logins", {"outcome"} | OF_PROMETHEUS)
    assert "le" in SERIES["doorward_store_seconds_bucket"][1]
    assert len({name for name, _ in SERIES.values()}) >= 17


@pytest.mark.parametrize(("what", "expression"), list(expressions()), ids=lambda each: each[:40])
def test_an_expression_is_about_metrics_and_labels_that_exist(what: str, expression: str) -> None:
    found = selected(expression)
    known = set().union(*(SERIES[name][1] for name, _ in found if name in SERIES))

    assert what
    assert [name for name, _ in found if name not in SERIES] == []
    assert [labels - SERIES[name][1] for name, labels in found] == [set()] * len(found)
    assert grouped(expression) <= known
    assert found or expression == 'up{job="doorward"} == 0'


def test_the_expression_reader_finds_unknown_metrics() -> None:
    expression = 'sum by (le, nose) (rate(doorward_nothing_total{colour!="red"}[5m]))'

    assert selected(expression) == [("doorward_nothing_total", {"colour"})]
    assert grouped(expression) == {"le", "nose"}


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        SERIES[name][0]
        for panel in PANELS
        for target in panel["targets"]
        for name, _ in selected(target["expr"])
    }

    assert shown == {name for name, _ in SERIES.values()}


def test_values_of_labels_are_those_that_are_counted() -> None:
    """An alert on an outcome that is called otherwise would never fire."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.keys.report(TokenKind.ACCESS, {KeyState.CURRENT: 1}, NOW)
    counted = {
        value
        for family in registry.collect()
        for each in family.samples
        for value in each.labels.values()
    }
    asked = {
        value
        for _, expression in expressions()
        for value in re.findall(r'(?:outcome|cause|state|result)!?="(\w+)"', expression)
    }

    assert asked
    assert asked <= counted


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_has_a_severity_and_a_runbook(
    rule: dict[str, Any],
) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.*)$", Path(file).read_text(), re.MULTILINE)
    assert anchor in {
        re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings
    }


def test_no_two_alerts_have_one_name() -> None:
    names = [rule["alert"] for rule in RULES]

    assert len(names) == len(set(names)) >= 10


def test_the_dashboard_takes_whatever_prometheus_there_is() -> None:
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    sources = [variables["instance"], *PANELS, *(t for p in PANELS for t in p["targets"])]

    assert variables["datasource"]["type"] == "datasource"
    assert {each["datasource"]["uid"] for each in sources} == {"${datasource}"}


def test_no_two_panels_are_in_one_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_prometheus_finds_the_alerts_and_names_the_job_that_they_are_about() -> None:
    [job] = SCRAPING["scrape_configs"]

    assert SCRAPING["rule_files"] == ["alerts.yml"]
    assert f'job="{job["job_name"]}"' in RULES[0]["expr"]
