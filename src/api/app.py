"""The web application, put together."""

from dishka import AsyncContainer
from dishka.integrations.litestar import setup_dishka
from litestar import Litestar
from litestar.datastructures import State

from api import openapi
from api.auth import AuthController
from api.body import JsonRequest
from api.caller import with_caller
from api.docs import DOCUMENTATION
from api.errors import handle
from api.guard import require_login
from api.headers import with_headers
from api.operation import OperationController
from api.site import Site
from api.users import UserController

LARGEST_BODY = 16 * 1024
"""In bytes."""


def create_app(container: AsyncContainer, site: Site) -> Litestar:
    """
    :param container: where the use cases and ports come from.
    :param site: where browsers find the service.
    """
    app = Litestar(
        route_handlers=[AuthController, UserController, OperationController, *DOCUMENTATION],
        guards=[require_login],
        exception_handlers={Exception: handle},
        request_class=JsonRequest,
        request_max_body_size=LARGEST_BODY,
        openapi_config=openapi.config(site),
        logging_config=None,
        state=State({"site": site}),
    )
    setup_dishka(container, app)
    app.asgi_handler = with_headers(with_caller(app.asgi_handler, site), site)
    return app
