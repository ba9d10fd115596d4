import json
from dataclasses import replace
from pathlib import Path

import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.adapters.vendor_files import load_vendors
from pipelines.lib.build_dataset import DatasetSources
from pipelines.lib.example import Split
from pipelines.lib.families import load_phrasing_families, load_vendor_families
from pipelines.lib.normalise import duplicate_key
from pipelines.lib.read_feedback import read_feedback
from pipelines.lib.read_free_form import read_free_form
from pipelines.lib.read_phrasings import phrasing_candidates
from pipelines.lib.read_taxonomy import taxonomy_candidates
from pipelines.lib.read_vendors import UnlistedVendorError, vendor_candidates
from pipelines.lib.remove_leaks import remove_leaks

SOURCES = DatasetSources()
VENDORS = load_vendor_families(SOURCES.vendor_families)
PHRASINGS = load_phrasing_families(SOURCES.phrasing_families)
TAXONOMY = load_taxonomy(SOURCES.edition)
FEEDBACK = {
    "vendor": "acme_dlp",
    "raw": "chart number",
    "label": "PII.Health.Identifier",
    "reviewer": "R. Viewer",
    "opted_in": True,
}


def feedback_folder(folder: Path, *rows: object) -> Path:
    (folder / "2026-11.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_missing_folder_of_feedback_holds_none(tmp_path: Path) -> None:
    assert read_feedback(tmp_path / "nowhere", VENDORS).candidates == ()


def test_reviewed_feedback_is_read_without_its_reviewer(tmp_path: Path) -> None:
    (row,) = read_feedback(feedback_folder(tmp_path, FEEDBACK), VENDORS).candidates
    assert (row.vendor, row.raw, row.label) == ("acme_dlp", "chart number", "PII.Health.Identifier")
    assert (row.split, row.licence) == (Split.TRAIN, "LicenseRef-tenant-opt-in")
    assert "Viewer" not in repr(row)


def test_feedback_of_a_tenant_who_did_not_opt_in_is_left_out_and_counted(tmp_path: Path) -> None:
    read = read_feedback(feedback_folder(tmp_path, FEEDBACK | {"opted_in": False}), VENDORS)
    assert (read.candidates, read.not_opted_in) == ((), 1)


def test_feedback_on_a_held_out_detector_is_left_out_and_counted(tmp_path: Path) -> None:
    read = read_feedback(feedback_folder(tmp_path, FEEDBACK | {"vendor": "openai_moderation"}), VENDORS)
    assert (read.candidates, read.held_out) == ((), 1)


def test_feedback_stands_with_the_family_of_its_detector(tmp_path: Path) -> None:
    (row,) = read_feedback(feedback_folder(tmp_path, FEEDBACK | {"vendor": "llm_guard"}), VENDORS).candidates
    assert (row.family, row.split) == ("llm_guard", Split.VALIDATION)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (FEEDBACK | {"reviewer": "  "}, "names who reviewed it"),
        (FEEDBACK | {"text": "what the user wrote"}, "unknown field `text`"),
        (FEEDBACK | {"opted_in": "yes"}, "Expected `bool`"),
        ({key: value for key, value in FEEDBACK.items() if key != "opted_in"}, "missing required field"),
        ({key: value for key, value in FEEDBACK.items() if key != "reviewer"}, "missing required field"),
    ],
)
def test_wrong_feedback_is_named_with_its_line(tmp_path: Path, row: object, problem: str) -> None:
    folder = feedback_folder(tmp_path, FEEDBACK, row)
    with pytest.raises(DataFaultError, match=rf"2026-11\.jsonl:2: .*{problem}"):
        read_feedback(folder, VENDORS)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"label": "X.Y", "family": "runes", "lang": "en", "raw": "x"}', "runes is not in"),
        (b'{"label": "X.Y", "family": "de", "lang": "de"}', "missing required field `raw`"),
        (b"", "truncated"),
        (b'{"raw": "\xff"}', ""),
    ],
)
def test_a_wrong_phrasing_is_named_with_its_line(tmp_path: Path, line: bytes, problem: str) -> None:
    good = b'{"label": "PII.Other", "family": "de", "lang": "de", "raw": "Privates"}'
    (tmp_path / "pii.jsonl").write_bytes(good + b"\n" + line + b"\n")
    with pytest.raises(DataFaultError, match=rf"pii\.jsonl:2: .*{problem}"):
        list(phrasing_candidates(tmp_path, PHRASINGS))


def test_every_family_of_the_written_phrasings_is_listed() -> None:
    assert list(phrasing_candidates(SOURCES.phrasings, PHRASINGS))


def test_all_of_a_file_from_after_the_draw_is_learnt_from(tmp_path: Path) -> None:
    text = next(
        text
        for text in (f"text {number}" for number in range(1_000))
        if PHRASINGS.split_of(PHRASINGS.family_of(text)) is Split.VALIDATION
    )
    line = json.dumps({"label": "OTHER.Safe", "family": "noun_en", "lang": "en", "raw": text})
    for name in ("drawn.jsonl", "later.jsonl"):
        (tmp_path / name).write_text(line + "\n")
    rows = phrasing_candidates(tmp_path, replace(PHRASINGS, undrawn=frozenset({"later.jsonl"})))
    assert [(row.origin, row.split) for row in rows] == [
        ("phrasings/drawn.jsonl", Split.VALIDATION),
        ("phrasings/later.jsonl", Split.TRAIN),
    ]


def test_no_phrasing_of_validation_yields_to_one_from_after_the_draw() -> None:
    files = {f"phrasings/{name}" for name in PHRASINGS.undrawn}
    asked = [
        row
        for row in phrasing_candidates(SOURCES.phrasings, PHRASINGS)
        if row.origin in files or row.split is Split.VALIDATION
    ]
    _, leaks = remove_leaks(asked, [])
    assert leaks == []


def test_no_text_from_after_the_draw_was_there_before() -> None:
    texts: dict[bool, set[str]] = {True: set(), False: set()}
    files = set()
    for row in phrasing_candidates(SOURCES.phrasings, PHRASINGS):
        name = row.origin.removeprefix("phrasings/")
        files.add(name)
        texts[name in PHRASINGS.undrawn].add(duplicate_key(row.raw))
    assert files >= PHRASINGS.undrawn
    assert not texts[True] & texts[False]


def test_every_vendor_label_is_read_once() -> None:
    vendors = load_vendors(TAXONOMY)
    rows = list(vendor_candidates(vendors, VENDORS))
    assert len(rows) == sum(len(vendor.labels) for vendor in vendors)
    assert {row.lang for row in rows if row.opaque} == {"zxx"}


def test_a_vendor_file_without_a_family_stops_the_build() -> None:
    vendors = [vendor for vendor in load_vendors(TAXONOMY) if vendor.id != "garak"]
    with pytest.raises(UnlistedVendorError, match="garak"):
        list(vendor_candidates(vendors, VENDORS))


def test_the_taxonomy_gives_names_meanings_and_aliases() -> None:
    rows = {(row.raw, row.label) for row in taxonomy_candidates(TAXONOMY)}
    assert ("PII.Email", "PII.Contact.Email") in rows
    assert ("mail address on the internet", "PII.Contact.Email") in rows
    assert {label for _, label in rows} == set(TAXONOMY.labels)


def test_the_free_form_set_is_read_with_its_other_answers() -> None:
    cases = read_free_form(SOURCES.free_form)
    assert len(cases) >= 300
    assert any(case.also for case in cases)
