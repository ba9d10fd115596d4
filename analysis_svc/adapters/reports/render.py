"""What a report says, as a file of the kind that was asked for."""

import asyncio
import hashlib

from analysis_svc.adapters.reports import pdf_file
from analysis_svc.adapters.reports.csv_file import csv_of
from analysis_svc.adapters.reports.data_json import data_of, signed_json
from analysis_svc.adapters.reports.html_file import html_of
from analysis_svc.domain.exports.seal import Signature
from analysis_svc.domain.reports.compose_document import compose_document
from analysis_svc.domain.reports.content import ReportContent
from analysis_svc.domain.reports.ports import Signer
from analysis_svc.domain.reports.report import ReportFile, ReportFormat, ReportOrder

_KINDS = {
    ReportFormat.PDF: ("pdf", "application/pdf"),
    ReportFormat.HTML: ("html", "text/html; charset=utf-8"),
    ReportFormat.CSV: ("csv.zip", "application/zip"),
    ReportFormat.JSON: ("json", "application/json"),
}


class ReportRenderer:
    """Implements Renderer. Writing is work for a thread: a long PDF takes seconds of one processor.

    Args:
        signer: signs the data of each report.
        signs: whether it has a key.
    """

    def __init__(self, signer: Signer, *, signs: bool) -> None:
        self._signer = signer
        self._signs = signs

    def missing(self, kind: ReportFormat) -> str | None:
        """Return what this format needs and this service does not have."""
        if kind is ReportFormat.PDF and not pdf_file.pdf_is_possible():
            return f"the library {pdf_file.LIBRARY}, which is not installed"
        if kind is ReportFormat.OSCAL and not self._signs:
            return "a key to sign with: ANALYSIS_KEY_ENCRYPTION_KEY is not set"
        return None

    async def file(self, order: ReportOrder, content: ReportContent) -> ReportFile:
        """Write it, in any format but OSCAL; LibraryMissingError when a library is not there."""
        data = await asyncio.to_thread(data_of, content)
        signature = await self._signer.sign(data)
        written = await asyncio.to_thread(_written, order, content, data, signature)
        suffix, media_type = _KINDS[order.format]
        return ReportFile(f"{_stem(order)}.{suffix}", media_type, written)


def _written(order: ReportOrder, content: ReportContent, data: bytes, signature: Signature | None) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    if order.format is ReportFormat.JSON:
        return signed_json(data, digest, signature)
    if order.format is ReportFormat.CSV:
        return csv_of(content, digest, signature)
    document = compose_document(content, order.audience, digest=digest, signature=signature)
    return html_of(document) if order.format is ReportFormat.HTML else pdf_file.pdf_of(document)


def _stem(order: ReportOrder) -> str:
    """Return a name of plain letters: frameworks of tenants may be called anything."""
    framework = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in order.framework)[:64]
    return f"{framework}-{order.audience.value}-{order.start:%Y%m%d}-{order.end:%Y%m%d}"
