"""What the controllers of all pages have."""

from litestar import Controller

from api.web.errors import handle_page_error


class PageController(Controller):
    """Errors are pages. ``PAGE``, ``OWN_PAGE`` or ``admin_page`` says who may open one."""

    include_in_schema = False
    exception_handlers = {Exception: handle_page_error}  # type: ignore[dict-item]
