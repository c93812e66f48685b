"""Find out whether a pooled connection still works, without a question before each use."""

from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    import asyncpg

_QUIET = 1.0
"""In seconds. The event loop of a connection that was used more lately has seen its end."""
_RETURNED_AT = "returned_at"


def has_ended(connection: "asyncpg.Connection") -> bool:
    """Return whether the event loop has seen the end of the connection."""
    return bool(connection.is_closed())


def check_before_use(engine: Engine) -> None:
    """Replace connections that have ended, so that no request fails because the database was
    restarted.

    A server that stops closes its connections, which the event loop notices by itself. One that
    vanishes does not: a connection that was unused for a while is tried. That costs a round trip
    to the server, which a busy service pays for no request.

    :param engine: of asyncpg.
    """

    def check(connection: Any, record: Any, _proxy: object) -> None:
        returned_at = record.info.get(_RETURNED_AT)
        if returned_at is None:
            return  # it is new
        if has_ended(connection.driver_connection):
            raise InvalidatePoolError
        if monotonic() - returned_at >= _QUIET:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError from error

    def note(_connection: object, record: Any) -> None:
        record.info[_RETURNED_AT] = monotonic()

    event.listen(engine, "checkout", check)
    event.listen(engine, "checkin", note)
