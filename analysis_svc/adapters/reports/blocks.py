"""A document as JSON, each block with the name of its kind; what the layout of a PDF reads."""

from dataclasses import asdict

import msgspec

from analysis_svc.domain.reports.document import Document


def document_json(document: Document) -> str:
    """Return it; keys are in the order of their declaration, so the same document gives the same text."""
    blocks = [{"type": type(block).__name__.lower(), **asdict(block)} for block in document.blocks]
    whole = {
        "title": document.title,
        "subtitle": document.subtitle,
        "facts": document.facts,
        "digest": document.digest,
        "blocks": blocks,
    }
    return msgspec.json.encode(whole).decode()
