"""A chart of what requests cost, as bars: SVG that needs nothing else."""

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 720, 190, 90
BAR, GAP, TITLE_HEIGHT = 18, 6, 34
TITLE = "CPU of the server for one request, in milliseconds: shorter is better"
OURS, OTHERS = "#1f5fbf", "#b9bec6"


def bars(costs: Mapping[str, Mapping[str, float]]) -> str:
    """
    :param costs: by server, for each kind of request; the first server is highlighted.
    """
    parts = list[str]()
    top = 44
    for request, by_server in costs.items():
        parts += _group(request, by_server, top)
        top += TITLE_HEIGHT + len(by_server) * (BAR + GAP)
    size = f'width="{WIDTH}" height="{top + 10}" viewBox="0 0 {WIDTH} {top + 10}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {font}>'
    title = f"<title>{escape(TITLE)}</title>"
    background = '<rect width="100%" height="100%" fill="white"/>'
    heading = f'<text x="12" y="26" font-size="15">{escape(TITLE)}</text>'
    return "\n".join([head, title, background, heading, *parts, "</svg>"]) + "\n"


def _group(request: str, by_server: Mapping[str, float], top: int) -> Iterator[str]:
    """Yield the bars of one request, to a scale of their own."""
    yield f'<text x="12" y="{top + 20}" font-weight="bold">{escape(request)}</text>'
    longest = max(by_server.values())
    for place, (server, milliseconds) in enumerate(by_server.items()):
        y = top + TITLE_HEIGHT + place * (BAR + GAP)
        width = max(2.0, milliseconds / longest * (WIDTH - LEFT - RIGHT))
        colour = OURS if place == 0 else OTHERS
        label = f'x="{LEFT - 8}" y="{y + 14}" text-anchor="end"'
        yield f"<text {label}>{escape(server)}</text>"
        yield f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>'
        value = f'x="{LEFT + width + 6:.1f}" y="{y + 14}"'
        yield f"<text {value}>{milliseconds:.3g}</text>"
