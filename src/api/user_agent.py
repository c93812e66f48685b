"""User-Agent headers in words for people."""

_UNKNOWN = "Unknown device"


def in_words(agent: str) -> str:
    """Describe a User-Agent: ``Firefox 128 on Linux``. An unknown program keeps its own name.

    :param agent: see :class:`~domain.session_activity.SessionActivity`.
    """
    from ua_parser import parse  # noqa: PLC0415 - its patterns are large, and seldom needed

    parsed = parse(agent)
    browser, system = parsed.user_agent, parsed.os
    if browser is None:
        name = agent.partition(" ")[0][:50]
    else:
        name = f"{browser.family} {browser.major}" if browser.major else browser.family
    if system is None:
        return name or _UNKNOWN
    device = parsed.device  # most browsers do not send it
    if device is None or (device.brand or "").startswith("Generic"):
        return f"{name or _UNKNOWN} on {system.family}"
    return f"{name or _UNKNOWN} on {device.family}"
