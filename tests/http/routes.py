"""The routes of the application, as its own document lists them."""

from api.app import openapi_document
from api.security.origin_policy import OriginPolicy


def documented_routes() -> set[tuple[str, str]]:
    """Method and path of each."""
    paths = openapi_document(OriginPolicy("http://localhost:8000"))["paths"]
    return {
        (method.upper(), path)
        for path, item in paths.items()
        for method in ("get", "post", "put", "patch", "delete")
        if method in item
    }
