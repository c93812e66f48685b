"""Which use cases are traced."""

from inspect import iscoroutinefunction
from typing import Any, cast

from application.authentication import Login
from application.mail.messages import MakeMessage
from doorward.wiring.telemetry import traced_use_cases
from doorward.wiring.use_cases import USE_CASES


async def test_use_cases_that_wait_for_nothing_are_left_alone() -> None:
    """Their callers do not await them: a span around one would be a coroutine in its place."""
    provider = traced_use_cases(cast(Any, None))

    traced = {decorator.provides.type_hint for decorator in provider.decorators}
    assert Login in traced
    assert MakeMessage not in traced
    waiting = {each for each in USE_CASES if iscoroutinefunction(vars(each).get("__call__"))}
    assert traced == waiting
