"""Names of places in laws and standards, written one way: "Article 33(3)(a)" and "33.3.a" are one place."""

import re

_WORD = r"(?:articles?|art\.?|recitals?|annex(?:es)?|sections?|sec\.?|clauses?|controls?|§)"
_POINTS = r"(?:\s?\([a-z0-9]{1,5}\)|\.[a-z0-9]{1,4}(?![a-z0-9]))*"
_NAMED = re.compile(rf"\b({_WORD})\s*([0-9]+|[ivxl]+(?![a-z])){_POINTS}", re.IGNORECASE)
_CODE = re.compile(
    rf"""(?<![\w.-])(?:
        [0-9]{{3}}\.[0-9]{{3}}{_POINTS}                      # 164.308(a)(1)
        | [a-z]{{1,6}}\.[a-z]{{2}}(?:-[0-9]{{2}})?           # GV.OC-01
        | [a-z]{{2,6}}-[0-9]{{1,2}}(?:\.[0-9]{{1,2}}-[0-9]{{3}})?{_POINTS}  # AC-2(1), GV-1.1-001
        | a\.[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?                 # A.8.12
        | (?:govern|map|measure|manage)\s[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?
        | (?:cc|pi|llm)[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?       # CC6.1, LLM01
    )(?![\w-])""",
    re.IGNORECASE | re.VERBOSE,
)
_PREFIX = re.compile(r"^(?:articles?|art\.?|sections?|sec\.?|clauses?|controls?|§)\s*", re.IGNORECASE)


def normal_reference(name: str) -> str:
    """Return the one way of writing a place's name; lower case, points behind full stops."""
    text = _PREFIX.sub("", name.strip().lower())
    text = re.sub(r"^(recital|annex)(?:s|es)\b", r"\1", text)
    text = re.sub(r"\s*\(([^)]*)\)", r".\1", text)
    return re.sub(r"\s+", " ", text).strip(" .")


def references_in(text: str) -> list[str]:
    """Return the places that a question names, each once, in one way of writing."""
    found = [match.group() for pattern in (_NAMED, _CODE) for match in pattern.finditer(text)]
    return list(dict.fromkeys(normal_reference(one) for one in found))


def without_references(text: str) -> str:
    """Return a question without the places that it names."""
    for pattern in (_NAMED, _CODE):
        text = pattern.sub(" ", text)
    return text
