"""Where the dashboard is."""

import re

HOME = "/dashboard"
SIGN_IN = f"{HOME}/sign-in"
SIGN_OUT = f"{HOME}/sign-out"
STATIC = f"{HOME}/static"

_WITHIN = re.compile(r"/dashboard(?:/[A-Za-z0-9._~:%/-]*)?(?:\?[A-Za-z0-9._~:%&=+/-]*)?")
_MOST_CHARACTERS = 1_000


def back_to(path: str) -> str:
    """Return the page of the dashboard that someone wants back to; for any other address its first page."""
    inside = len(path) <= _MOST_CHARACTERS and _WITHIN.fullmatch(path) and "//" not in path
    return path if inside and not path.startswith((SIGN_IN, SIGN_OUT)) else HOME
