"""QR codes as SVG, which a page with a strict Content-Security-Policy can show."""

from io import BytesIO


def svg_of(text: str) -> str:
    """Return the QR code of a text, without a script and without a style.

    It has its own white background and no size: the page gives it one. Its classes are ``qr`` and
    ``qr-modules``. It takes some 50 ms: call it in a thread.
    """
    import segno  # noqa: PLC0415 - seldom needed

    stream = BytesIO()
    segno.make_qr(text, error="m").save(
        stream,
        kind="svg",
        light="#fff",
        svgclass="qr",
        lineclass="qr-modules",
        omitsize=True,
        xmldecl=False,
        nl=False,
    )
    return stream.getvalue().decode()
