"""Names of callers' making, written so that they cannot be taken for prose or for a finding's id."""

import re

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@+-]*", re.ASCII)
_ESCAPED = frozenset('[]"\\')


def quote_name(name: str) -> str:
    r"""Return a plain name as it is, and any other in quotes with what misleads written as ``\uXXXX``.

    Plain is one word of letters, digits and ``_.:/@+-`` that does not end in a full stop or colon. Escaped
    are square brackets, which mean finding ids in an explanation, quotes, backslashes and whatever does not
    print.
    """
    if _PLAIN.fullmatch(name) and name[-1] not in ".:":
        return name
    return '"' + "".join(_escape(char) for char in name) + '"'


def _escape(char: str) -> str:
    if char in _ESCAPED or not char.isprintable():
        # A pair of surrogates for what lies beyond the first 65,536, as JSON writes it.
        units = char.encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    return char
