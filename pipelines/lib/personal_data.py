"""Searches labels for what no label holds: somebody's data, or a secret. Coarse on purpose."""

import re

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("e-mail address", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")),
    ("access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("access token", re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|npm_)[\w-]{16,}")),
    ("API key", re.compile(r"\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9]{16,}")),
    ("API key", re.compile(r"\bAIza[\w-]{30,}")),
    ("JSON web token", re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}")),
    ("US social security number", re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,}")),
    ("long number", re.compile(r"\d{9,}")),
)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def find_personal_data(text: str) -> str | None:
    """Returns what kind of personal data or secret a text seems to hold, or None."""
    for card in _CARD.finditer(text):
        if _luhn([int(char) for char in card.group() if char.isdigit()]):
            return "card number"
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), None)


def _luhn(digits: list[int]) -> bool:
    """Checks the check digit of a card number (ISO/IEC 7812-1, annex B)."""
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return total % 10 == 0
