"""Pages: templates filled in, and the headers that every one of them has."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie

from analysis_svc.web import paths

_HERE = Path(__file__).parent
STATIC_FOLDER = _HERE / "static"
_HTML = "text/html; charset=utf-8"

# Nothing from elsewhere, no script or style in the page itself, no frame around it.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # What a tenant sees is in no cache, nor in the one that the back button shows after signing out.
    "Cache-Control": "no-store",
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "instant": _instant,
        "day": _day,
        "number": lambda value: f"{value:,}",
        "score": lambda value: f"{value:.1f}",
        "percent": _percent,
        "machine_time": lambda value: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    environment.globals |= {"paths": paths, "asset": _asset}
    return environment


def _instant(value: datetime) -> str:
    return f"{value.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def _day(value: datetime) -> str:
    return f"{value.astimezone(UTC):%-d %b}"


def _percent(share: float) -> str:
    # 99.96 % is not all of it, and 0.04 % not none.
    if 0 < share < 0.001:  # noqa: PLR2004 - half of what one decimal can say
        return "< 0.1 %"
    if 0.999 < share < 1:  # noqa: PLR2004 - as above
        return "> 99.9 %"
    return f"{share * 100:.1f} %".replace(".0 %", " %")


def _digest(name: str) -> str:
    return hashlib.sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]


_DIGESTS = {path.name: _digest(path.name) for path in STATIC_FOLDER.iterdir()}


def _asset(name: str) -> str:
    """Address of a file of the page; it changes with the file, so that browsers may keep it for good."""
    return f"{paths.STATIC}/{name}?v={_DIGESTS[name]}"


_ENVIRONMENT = _environment()


def render(
    template: str, context: Mapping[str, Any], *, status: int = 200, cookies: tuple[Cookie, ...] = ()
) -> Response[str]:
    """Fill a template in and answer it.

    Args:
        template: file name of the template.
        context: what it shows; what it names and is not there is an error.
        status: of the answer.
        cookies: to set.
    """
    text = _ENVIRONMENT.get_template(template).render(context)
    return Response(text, media_type=_HTML, status_code=status, headers=dict(HEADERS), cookies=list(cookies))


def leave_for(address: str, *, cookies: tuple[Cookie, ...] = (), by_htmx: bool = False) -> Response[str]:
    """Send the browser to another page; htmx has a header of its own for that."""
    if by_htmx:
        headers = dict(HEADERS) | {"HX-Redirect": address}
        return Response("", media_type=_HTML, status_code=200, headers=headers, cookies=list(cookies))
    return Response(
        "",
        media_type=_HTML,
        status_code=303,
        headers=dict(HEADERS) | {"Location": address},
        cookies=list(cookies),
    )
