"""Settings of the log."""

from dataclasses import dataclass

from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The content and format of the log, which goes to standard error."""

    format: str = declare(
        "LOG_FORMAT",
        parsers.one_of("auto", "console", "json"),
        "auto",
        "`json`: one object a line. `console`: short coloured lines. `auto`: `console` on a "
        "terminal, `json` elsewhere.",
    )
    level: str = declare(
        "LOG_LEVEL",
        parsers.in_any_case(parsers.one_of("debug", "info", "warning", "error")),
        "info",
        "The least severe level that is logged: `debug`, `info`, `warning` or `error`, also in "
        "capitals. Security events and the access log are of the level `info`.",
    )
    access: str | None = declare(
        "ACCESS_LOG",
        parsers.optional(parsers.one_of("on", "errors", "off")),
        None,
        "`on` logs each request, `errors` each that fails and each preflight of an origin that is "
        "not in `CLIENT_ORIGIN`, `off` none. Unless set: `errors` on a terminal, else `off`.",
    )
