"""Shapes of SVG as strings. Numbers are rounded alike, so that the same data draws the same bytes."""

from collections.abc import Iterable, Sequence
from html import escape

INK = "#1f2933"
FAINT = "#616e7c"
RULE = "#d5dbe1"
ACCENT = "#1d4f91"
BAND = "#c9d9ee"
FONT = "Source Sans Pro, Source Sans 3, Segoe UI, Helvetica Neue, Arial, sans-serif"


def number(value: float) -> str:
    """Return a coordinate with one decimal at most."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = 11,
    anchor: str = "start",
    fill: str = INK,
    bold: bool = False,
) -> str:
    """Return one line of text; ``words`` are escaped."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" text-anchor="{anchor}"'
        f' fill="{fill}"{weight}>{escape(words)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = RULE, width: float = 1) -> str:
    """Return a straight line."""
    ends = " ".join(
        f'{name}="{number(at)}"' for name, at in zip(("x1", "y1", "x2", "y2"), (x1, y1, x2, y2), strict=True)
    )
    return f'<line {ends} stroke="{stroke}" stroke-width="{number(width)}"/>'


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
        f' fill="{fill}"/>'
    )


def hatched(x: float, y: float, width: float, height: float) -> str:
    """Return a rectangle drawn with slanting lines: what is not known.

    Lines, and no pattern element, which not every renderer of SVG draws.
    """
    step, lines = 5.0, [box(x, y, width, height, "#f3f5f7")]
    offset = -height
    while offset < width:
        x1, x2 = max(x, x + offset), min(x + width, x + offset + height)
        y1, y2 = y + height - (x1 - x - offset), y + height - (x2 - x - offset)
        if x2 > x1:
            lines.append(line(x1, y1, x2, y2, stroke="#b8c2cc", width=0.7))
        offset += step
    return "".join(lines)


def polyline(points: Sequence[tuple[float, float]], *, stroke: str, width: float = 2) -> str:
    """Return an open line through points."""
    at = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return (
        f'<polyline points="{at}" fill="none" stroke="{stroke}" stroke-width="{number(width)}"'
        ' stroke-linejoin="round" stroke-linecap="round"/>'
    )


def polygon(points: Sequence[tuple[float, float]], fill: str) -> str:
    """Return a filled shape."""
    at = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polygon points="{at}" fill="{fill}"/>'


def dot(x: float, y: float, radius: float, fill: str) -> str:
    """Return a filled circle."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{fill}"/>'


def drawing(width: float, height: float, parts: Iterable[str]) -> str:
    """Return the whole drawing."""
    size = f"{number(width)} {number(height)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{number(width)}"'
        f' height="{number(height)}" font-family="{FONT}">{"".join(parts)}</svg>'
    )
