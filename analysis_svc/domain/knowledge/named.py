"""Which laws and standards a question names: those that are indexed, and those that are not."""

import re
from collections.abc import Iterable, Mapping, Sequence

from analysis_svc.domain.knowledge.models import DocumentFacts, Hit
from analysis_svc.domain.knowledge.references import without_references

_INK = re.compile(r"[a-z]+|[0-9]+")
# Who issued a standard; people leave it out, and write "ISO" for "ISO/IEC".
_ISSUERS = frozenset({"eu", "nist", "iso"})
_UNSAID = frozenset({"iec", "sp"})
# A law by its name: words with a capital letter, of which the last says that it is one.
_LAW = re.compile(
    r"(?:\b[A-Z][\w'-]*\s+){1,6}(?:Act|Directive|Regulation|Convention|Law|Code)\b(?:\s+[0-9]{1,4}\b)?"
)
# Words before the last that name no law: "EU Regulation", "Union Law".
_GENERAL = frozenset(
    {
        "eu",
        "european",
        "union",
        "national",
        "federal",
        "state",
        "member",
        "us",
        "this",
        "the",
        "which",
        "what",
        "new",
    }
)
# Of these there are many, so that one word before makes no name yet: "AI Law", "AI Regulation".
_COMMON = frozenset({"law", "code", "regulation"})
_UNDER = re.compile(r"\bunder\s+(?:the\s+)?[A-Z][A-Z0-9]{2,}\b")
_BEGINS = re.compile(r"\s*\w+\s+")
# A name in the middle of a sentence, or one that is no word: "DORA", "NIS2", "27701".
_NAME = re.compile(r"(?<=\s)[A-Z][\w-]+|\b[A-Z]{2}[\w-]*|\b\w*[0-9]\w*")


def documents_named(question: str, documents: Iterable[DocumentFacts]) -> list[DocumentFacts]:
    """Return the documents whose key or title the question has, such as "GDPR" or "AI Act"."""
    asked = f" {_plain(question)} "
    return [one for one in documents if any(f" {name} " in asked for name in _names(one))]


def foreign_laws(question: str, documents: Sequence[DocumentFacts]) -> list[str]:
    """Return the laws that a question names and that no document is: "Data Act", "under the CCPA"."""
    known = {name for one in documents for name in _names(one)}
    found: list[str] = []
    for match in _LAW.finditer(question):
        ways = [match.group()]
        if match.start() == 0:
            # The first word of a sentence has a capital letter whether or not it belongs to the name.
            ways.append(_BEGINS.sub("", match.group(), count=1))
        if _is_name(ways[-1]) and not any(_plain(way) in known for way in ways):
            found.append(ways[-1])
    initials = [match.group().split()[-1] for match in _UNDER.finditer(question)]
    return found + [name for name in initials if _plain(name) not in known]


def _is_name(law: str) -> bool:
    words = _plain(law).split()
    numbered = words[-1].isdigit()
    last = words[-2] if numbered and len(words) > 1 else words[-1]
    before = [one for one in words if one not in _GENERAL and one != last and not one.isdigit()]
    return numbered or len(before) > (1 if last in _COMMON else 0)


def unknown_names(question: str, holding: Mapping[str, int]) -> list[str]:
    """Return names in a question that no source has a word of.

    Args:
        question: as it was asked.
        holding: how many chunks have each word of it; words are stems, in lower case.
    """
    unheard = [word for word, chunks in holding.items() if not chunks]
    names = (one.group().lower() for one in _NAME.finditer(without_references(question)))
    return [name for name in names if any(word in {name, name.rstrip("s")} for word in unheard)]


def mentioned(law: str, hits: Iterable[Hit]) -> bool:
    """Tell whether one of the hits speaks of a law by its name."""
    return any(law.lower() in hit.text.lower() for hit in hits)


def _names(document: DocumentFacts) -> set[str]:
    """Return what people call a document, written plainly."""
    key, title = _plain(document.source), _plain(document.title.partition("(")[0])
    names = {key, title}
    for name in (key, title):
        issuer, _, rest = name.partition(" ")
        if issuer in _ISSUERS and len(rest) > 2:  # noqa: PLR2004 - "2" or "ai" alone is no name
            names.add(rest)
    return {name for name in names if name}


def _plain(text: str) -> str:
    return " ".join(word for word in _INK.findall(text.lower()) if word not in _UNSAID)
