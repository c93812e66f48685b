from collections.abc import Iterator

import pytest

import api.app
from doorward.wiring import container
from tests.support.shared_app import SharedGraph, SharedRoutes


@pytest.fixture(scope="module", autouse=True)
def one_graph_and_routes() -> Iterator[None]:
    """Build the graph of the container and the routes of an application once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "make_async_container", SharedGraph())
        patch.setattr(api.app, "_routes", SharedRoutes())
        yield
