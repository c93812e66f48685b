"""Each use case of the container is traced, by any provider."""

import pytest
from dishka import Provider, Scope
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from application.readiness import CheckReadiness
from domain.token import TokenKind
from doorward.wiring.container import make_container
from doorward.wiring.use_cases import USE_CASES
from infrastructure.config.settings import Settings
from infrastructure.signing.signing_key import SigningKey
from infrastructure.telemetry.telemetry import Observation
from infrastructure.telemetry.tracing import Tracing
from tests.support.builders import in_environment


class AlwaysReady:
    """Takes the place of ``CheckReadiness``."""

    async def __call__(self) -> dict[str, Exception | None]:
        return {}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def observation(exporter: InMemorySpanExporter) -> Observation:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Observation(tracing=Tracing(provider))


@pytest.fixture
def settings(keys: dict[TokenKind, SigningKey]) -> Settings:
    return Settings.read({"USERS_URL": "memory:", **in_environment(keys)})


async def test_a_use_case_that_the_container_provides_is_traced(
    settings: Settings, observation: Observation, exporter: InMemorySpanExporter
) -> None:
    container = make_container(settings, observation=observation)

    check_readiness = await container.get(CheckReadiness)
    assert await check_readiness()
    await container.close()

    assert "CheckReadiness" in [span.name for span in exporter.get_finished_spans()]


async def test_a_use_case_that_replaces_another_is_traced_too(
    settings: Settings, observation: Observation, exporter: InMemorySpanExporter
) -> None:
    replacement = Provider(Scope.APP)
    replacement.provide(AlwaysReady, provides=CheckReadiness)
    container = make_container(settings, replacement, observation=observation)

    assert await (await container.get(CheckReadiness))() == {}
    await container.close()

    [span] = exporter.get_finished_spans()
    assert span.name == "AlwaysReady"


async def test_use_cases_that_depend_on_traced_ones_are_all_made(
    settings: Settings, observation: Observation
) -> None:
    container = make_container(settings, observation=observation)

    made = [type(await container.get(use_case)).__name__ for use_case in USE_CASES]
    await container.close()

    assert set(made) - {"_Traced"} <= {each.__name__ for each in USE_CASES}
    assert made.count("_Traced") == sum("__call__" in vars(each) for each in USE_CASES)
