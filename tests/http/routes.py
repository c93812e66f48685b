"""The routes of the application, as its own document lists them."""

from doorward.main import make_app
from infrastructure.config.settings import Settings


def documented_routes() -> set[tuple[str, str]]:
    """Method and path of each."""
    paths = make_app(Settings.read({"USERS_URL": "memory:"})).openapi_schema.paths or {}
    return {
        (method.upper(), path)
        for path, item in paths.items()
        for method in ("get", "post", "put", "patch", "delete")
        if getattr(item, method) is not None
    }
