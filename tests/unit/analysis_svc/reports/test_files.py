"""Reports as files."""

import asyncio
import csv
import hashlib
import io
import json
import sys
import zipfile
from dataclasses import replace

import pytest

from analysis_svc.adapters.reports.csv_file import safe_cell
from analysis_svc.adapters.reports.render import ReportRenderer
from analysis_svc.domain.exports.seal import Signature
from analysis_svc.domain.reports.content import ReportContent
from analysis_svc.domain.reports.ports import LibraryMissingError
from analysis_svc.domain.reports.report import Audience, ReportFormat, ReportOrder
from tests.unit.analysis_svc.reports.facts import END, START, content, nothing

HOSTILE = "<script>alert(1)</script>#{sys.inputs}[*_$ =1+1"


class Signs:
    """Signs with a digest, which is enough to see what was signed."""

    async def sign(self, data: bytes) -> Signature:
        return Signature("k1", "aa" * 32, hashlib.sha512(data).hexdigest())


def file_of(kind: ReportFormat, what: ReportContent, audience: Audience = Audience.AUDITOR) -> bytes:
    order = ReportOrder(what.framework, START, END, what.application, audience, kind)
    return asyncio.run(ReportRenderer(Signs(), signs=True).file(order, what)).content


def csv_files(raw: bytes) -> dict[str, list[list[str]]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {
            name: list(csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
            for name in archive.namelist()
        }


@pytest.mark.parametrize("kind", [ReportFormat.PDF, ReportFormat.HTML, ReportFormat.CSV, ReportFormat.JSON])
def test_same_data_gives_the_same_bytes_and_other_data_others(kind: ReportFormat) -> None:
    assert file_of(kind, content()) == file_of(kind, content())
    assert file_of(kind, content()) != file_of(kind, replace(content(), edition="2022"))


@pytest.mark.parametrize("audience", list(Audience))
def test_pdf_is_accessible_whatever_is_in_it(audience: Audience) -> None:
    # Typst refuses to write PDF/UA-1 that lacks a title, a language or words for a drawing.
    for what in (content(application=HOSTILE, label=HOSTILE), nothing()):
        made = file_of(ReportFormat.PDF, what, audience)
        assert made.startswith(b"%PDF-1.7")
        assert b"pdfuaid:part" in made
        assert b"/JavaScript" not in made


def test_missing_library_is_named_and_other_formats_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(LibraryMissingError, match="typst"):
        file_of(ReportFormat.PDF, content())
    assert file_of(ReportFormat.HTML, content()).startswith(b"<!doctype html>")


def test_html_needs_nothing_from_outside_and_runs_nothing() -> None:
    page = file_of(ReportFormat.HTML, content(application=HOSTILE, label=HOSTILE)).decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page
    outside = page.replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in outside
    assert "https:" not in outside


def test_json_holds_exactly_what_was_signed() -> None:
    made = file_of(ReportFormat.JSON, content())
    data = made[len(b'{"data":') : made.index(b',"integrity":')]
    integrity = json.loads(made)["integrity"]
    assert hashlib.sha256(data).hexdigest() == integrity["sha256"]
    assert hashlib.sha512(data).hexdigest() == integrity["signature"]["value"]


def test_every_format_carries_the_same_digest_of_the_data() -> None:
    digest = json.loads(file_of(ReportFormat.JSON, content()))["integrity"]["sha256"]
    assert digest in file_of(ReportFormat.HTML, content()).decode()
    assert ["sha256_of_data", digest] in csv_files(file_of(ReportFormat.CSV, content()))["about.csv"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_cell_is_no_formula(start: str) -> None:
    assert safe_cell(f"{start}1+1").startswith("'")
    assert safe_cell(-1.5) == "-1.5"


def test_csv_keeps_unknown_apart_from_zero() -> None:
    files = csv_files(file_of(ReportFormat.CSV, content()))
    days = {row[0][:10]: row for row in files["risk.csv"][1:]}
    assert days["2026-10-04"][1:3] == ["0", ""]
    assert files["detectors.csv"][2][0].startswith("'=cmd")
