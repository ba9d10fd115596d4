"""Reads the text of a PDF, page by page; headings are found as in plain text."""

import io

from analysis_svc.adapters.knowledge.plain import read_text
from analysis_svc.adapters.knowledge.unreadable import UnreadableError
from analysis_svc.domain.knowledge.passages import Section

MOST_PAGES = 2_000


def read_pdf(content: bytes) -> list[Section]:
    """Read a PDF that carries its text; one of pictures of pages has none.

    Raises:
        UnreadableError: it is no PDF, is encrypted, or has too many pages.
    """
    from pypdf import PdfReader  # noqa: PLC0415 - only whoever reads a PDF needs it
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            raise UnreadableError("it is encrypted")
        if len(reader.pages) > MOST_PAGES:
            raise UnreadableError(f"it has more than {MOST_PAGES} pages")
        pages = [page.extract_text() for page in reader.pages]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnreadableError("it is no PDF that can be read") from None
    return read_text("\n".join(pages).encode("utf-8", "replace"))
