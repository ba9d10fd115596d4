"""Files of every format, and what is wrong with some."""

import io
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from analysis_svc.adapters.knowledge.read_file import READERS, read_sections
from analysis_svc.adapters.knowledge.unreadable import UnreadableError

HTML = """<html><head><title>x</title><style>p{}</style></head><body><nav>Menu</nav><h1>The Act</h1>
<h2>Article 5 Prohibited practices</h2><p>It is <b>prohibited</b> to guess.</p><ul><li>First point.</li></ul>
<script>alert("never read")</script><h2>Other</h2><div>Free words.</div></body></html>"""
MARKDOWN = "# Rules\n\n## 4.2 Scope\n\nAll systems.\n\n```\n# no heading\n```\n\nTitle\n=====\n\nWords.\n"
TEXT = "Article 5\nIt is prohibited.\n\n§ 12 Duties\nReport it.\n"
OSCAL = {
    "catalog": {
        "groups": [
            {
                "id": "zz",
                "title": "Zone",
                "controls": [
                    {
                        "id": "zz-1",
                        "title": "Gates",
                        "params": [
                            {"id": "p1", "label": "frequency"},
                            {
                                "id": "p2",
                                "select": {
                                    "how-many": "one-or-more",
                                    "choice": ["daily", "{{ insert: param, p1 }}"],
                                },
                            },
                        ],
                        "props": [{"name": "label", "value": "ZZ-1"}],
                        "parts": [
                            {
                                "name": "statement",
                                "prose": "Gates are:",
                                "parts": [
                                    {
                                        "props": [{"name": "label", "value": "a."}],
                                        "prose": "closed {{ insert: param, p1 }};",
                                    },
                                    {"prose": "checked {{ insert: param, p2 }}."},
                                ],
                            }
                        ],
                        "controls": [
                            {
                                "id": "zz-1.1",
                                "title": "Old",
                                "props": [{"name": "status", "value": "withdrawn"}],
                                "parts": [{"name": "statement", "prose": "gone"}],
                            }
                        ],
                    }
                ],
            }
        ]
    }
}


def pdf_of(*lines: str) -> bytes:
    writer = PdfWriter()
    page = writer.add_blank_page(400, 400)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
    )
    stream = DecodedStreamObject()
    shown = " ".join(f"({line}) Tj 0 -20 Td" for line in lines)
    stream.set_data(f"BT /F1 12 Tf 20 380 Td {shown} ET".encode())
    page[NameObject("/Contents")] = stream
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def read(content: str | bytes, kind: str) -> list[tuple[str, str]]:
    whole = content if isinstance(content, bytes) else content.encode()
    return [(one.ref_id, one.text) for one in read_sections(whole, kind)]


def test_html_is_read_by_its_headings_without_scripts_and_menus() -> None:
    assert read(HTML, "html") == [
        ("Article 5", "It is prohibited to guess.\nFirst point."),
        ("", "Free words."),
    ]


def test_words_of_nested_blocks_are_read_once() -> None:
    assert read("<div><span>" * 20 + "Words." + "</span></div>" * 20, "html") == [("", "Words.")]


def test_markdown_is_read_by_its_headings_and_fenced_lines_are_no_headings() -> None:
    assert read(MARKDOWN, "markdown") == [("4.2", "All systems.\n\n# no heading"), ("", "Words.")]


def test_heading_of_blanks_or_marks_costs_no_more_than_other_words() -> None:
    began = time.process_time()
    assert read("# 4 **Scope** ##  \nWords.", "markdown") == [("4", "Words.")]
    read("# a" + " " * 20_000 + "b\n# " + "**x " * 20_000 + "\nWords.", "markdown")
    assert time.process_time() - began < 5  # it was hours


def test_plain_text_is_read_by_lines_that_name_a_place() -> None:
    assert read(TEXT, "text") == [("Article 5", "It is prohibited."), ("§ 12", "Report it.")]


def test_pdf_is_read_by_lines_that_name_a_place() -> None:
    assert read(pdf_of("Article 7", "Reports are kept for a year."), "pdf") == [
        ("Article 7", "Reports are kept for a year.")
    ]


def test_oscal_statement_has_its_parameters_written_out_and_withdrawn_controls_are_left_out() -> None:
    assert read(json.dumps(OSCAL), "oscal") == [
        (
            "ZZ-1",
            (
                "Gates are:\na. closed [Assignment: organization-defined frequency];\n"
                "checked [Selection (one or more): daily; [Assignment: organization-defined frequency]]."
            ),
        )
    ]


def test_line_without_a_name_has_that_of_the_place_above_it() -> None:
    lines = [
        {"ref_id": "164.308", "path": ["164.308"], "text": "Administrative."},
        {"ref_id": None, "name": "1. Look", "path": ["164.308", "1. Look"], "text": "Look around."},
        {"ref_id": "164.309", "path": ["164.309"], "text": "[Withdrawn: moved.]"},
    ]
    _, looked = read_sections("\n".join(map(json.dumps, lines)).encode(), "jsonl")
    assert (looked.ref_id, looked.title, looked.context) == ("164.308", "1. Look", "Administrative.")


def test_path_that_has_no_end_is_refused_by_its_line() -> None:
    lines = [{"path": ["a"] * 16, "text": "Words."}, {"path": ["a"] * 17, "text": "Words."}]
    with pytest.raises(UnreadableError, match="line 2 has a path of more than 16 parts"):
        read_sections("\n".join(map(json.dumps, lines)).encode(), "jsonl")


def test_official_catalogue_is_read_as_it_is(shared_data: Path) -> None:
    content = (shared_data / "regulatory" / "oscal-800-53r5-moderate.json").read_bytes()
    sections = read_sections(content, "oscal")
    assert {"AC-2", "AC-2(1)", "SI-4"} <= {one.ref_id for one in sections}
    assert not any("{{" in one.text for one in sections)


@pytest.mark.parametrize("kind", sorted(READERS))
@given(content=st.binary(max_size=300))
def test_garbage_is_refused_or_read_and_never_breaks_the_reader(kind: str, content: bytes) -> None:
    try:
        sections = read_sections(content, kind)
    except UnreadableError:
        return
    assert not any("\0" in one.text for one in sections)


@pytest.mark.parametrize("kind", ["oscal", "jsonl"])
def test_deep_nesting_is_refused(kind: str) -> None:
    with pytest.raises(UnreadableError):
        read_sections(b'{"catalog":' + b"[" * 100_000, kind)


def test_controls_nested_without_end_are_refused() -> None:
    control: dict[str, object] = {"id": "a", "title": "a"}
    for _ in range(50):
        control = {"id": "a", "title": "a", "controls": [control]}
    with pytest.raises(UnreadableError, match="nested"):
        read_sections(json.dumps({"catalog": {"controls": [control]}}).encode(), "oscal")


def test_parameters_that_name_parameters_without_end_cost_nothing() -> None:
    params = [
        {"id": f"p{number}", "select": {"choice": [f"{{{{ insert: param, p{number + 1} }}}}"] * 10}}
        for number in range(12)
    ]
    statement = {"name": "statement", "prose": "{{ insert: param, p0 }}"}
    control = {"id": "a", "title": "a", "params": params, "parts": [statement]}
    ((_, text),) = read(json.dumps({"catalog": {"controls": [control]}}), "oscal")
    assert len(text) <= 2_000
