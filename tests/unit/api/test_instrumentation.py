"""From the path of a request to the template of its route."""

import pytest

from api.middleware.instrumentation import UNKNOWN, Routes

ROUTES = Routes(["/", "/docs", "/docs/{name}", "/api/users/{user_id}", "/api/users/me"])


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/", "/"),
        ("/docs", "/docs"),
        ("/docs/", "/docs"),
        ("//docs", "/docs"),
        ("/docs/index.html", "/docs/{name}"),
        ("/api/users/me", "/api/users/me"),
        ("/api//users/me/", "/api/users/me"),
        ("/api/users/ada@example.org", "/api/users/{user_id}"),
        ("/api/users/x\ny", "/api/users/{user_id}"),
        ("/api/users/", UNKNOWN),
        ("/api/users/a/b", UNKNOWN),
        ("/api/users/{user_id}/x", UNKNOWN),
        ("/Docs", UNKNOWN),
        ("", "/"),
    ],
)
def test_a_path_has_one_template(path: str, template: str) -> None:
    assert ROUTES.template(path) == template
