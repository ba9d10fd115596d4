"""A document as PDF, typeset by Typst in process; fonts and layout come with this package."""

from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from analysis_svc.adapters.reports.blocks import document_json
from analysis_svc.domain.reports.document import Document
from analysis_svc.domain.reports.ports import LibraryMissingError

LIBRARY = "typst"
_DATA = Path(__file__).parents[2] / "data"
_LAYOUT = _DATA / "reports" / "report.typ"
_FONTS = _DATA / "fonts"
# Typst writes a time of making into the file. A fixed one, as the same data is to give the same bytes; when
# the report was made is in its record.
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)


def pdf_is_possible() -> bool:
    """Tell whether the library is there; it is not loaded for that."""
    return find_spec(LIBRARY) is not None


def pdf_of(document: Document) -> bytes:
    """Typeset it: PDF 1.7, tagged, by the rules of PDF/UA-1, which a reader for the blind needs.

    Takes a second of one processor and more for long reports: not for the event loop.

    Raises:
        LibraryMissingError: Typst is not installed.
    """
    try:
        typst = import_module(LIBRARY)
    except ImportError as error:
        raise LibraryMissingError(LIBRARY) from error
    made: bytes = typst.compile(
        str(_LAYOUT),
        root=str(_LAYOUT.parent),
        font_paths=[str(_FONTS)],
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"document": document_json(document)},
        pdf_standards=["ua-1"],
        timestamp=int(_EPOCH.timestamp()),
    )
    return made
