from datetime import UTC, datetime

import msgspec
import pytest

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.taxonomy import MODEL_ERROR, SAFE, UNKNOWN
from pipelines.lib.golden.golden_row import GoldenRow
from pipelines.lib.golden.read_golden import GOLDEN_DIR, distinct_payloads
from pipelines.lib.golden.score_golden import GoldenScore, by_rules, score_golden
from pipelines.lib.golden.table_rows import TABLE, table_rows

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def score(golden_rows: tuple[GoldenRow, ...], catalogue: Catalogue) -> GoldenScore:
    return score_golden(golden_rows, by_rules(catalogue, NOW))


def test_sixteen_vendors_have_a_hundred_distinct_payloads_each(golden_rows: tuple[GoldenRow, ...]) -> None:
    distinct = distinct_payloads(golden_rows)

    assert len(distinct) >= 16
    assert {vendor: count for vendor, count in distinct.items() if count < 100} == {}


def test_at_least_sixty_payloads_of_each_vendor_are_written_by_hand(
    golden_rows: tuple[GoldenRow, ...],
) -> None:
    by_hand = distinct_payloads(row for row in golden_rows if "/h" in row.id)

    assert {vendor: count for vendor, count in by_hand.items() if count < 60} == {}


def test_every_vendor_has_clean_broken_partial_unknown_and_several(
    golden_rows: tuple[GoldenRow, ...],
) -> None:
    for vendor in distinct_payloads(golden_rows):
        expected = [set(row.expected.findings) for row in golden_rows if row.vendor == vendor]
        assert {SAFE} in expected, vendor
        assert {MODEL_ERROR} in expected, vendor
        assert any(MODEL_ERROR in found and len(found) > 1 for found in expected), vendor
        assert any(UNKNOWN in found for found in expected), vendor
        assert any(len(found - {MODEL_ERROR, UNKNOWN}) > 1 for found in expected), vendor


def test_every_vendor_has_a_payload_that_carries_a_text(golden_rows: tuple[GoldenRow, ...]) -> None:
    assert {row.vendor for row in golden_rows if row.hidden} == set(distinct_payloads(golden_rows))


def test_the_mapper_is_right_on_the_golden_set_overall_and_for_each_vendor(score: GoldenScore) -> None:
    wrong = "\n".join(f"{one.row.id} ({one.row.why}): {one.reason}" for one in score.wrong)

    assert score.overall.share >= 0.95, wrong
    assert {vendor: one.share for vendor, one in score.vendors.items() if one.share < 0.95} == {}, wrong


def test_what_cannot_be_read_is_never_called_safe(
    golden_rows: tuple[GoldenRow, ...], catalogue: Catalogue
) -> None:
    broken = [row for row in golden_rows if MODEL_ERROR in row.expected.findings]

    answers = list(by_rules(catalogue, NOW)(broken))

    assert len(broken) > 400
    assert [
        row.id
        for row, answer in zip(broken, answers, strict=True)
        if SAFE in {one.label for one in answer.findings}
    ] == []


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_json_that_was_cut_is_a_failure_and_nothing_else(
    golden_rows: tuple[GoldenRow, ...], catalogue: Catalogue, share: float
) -> None:
    texts = [(row, msgspec.json.encode(row.output).decode()) for row in golden_rows]
    cut = [
        msgspec.structs.replace(row, output=text[: max(1, int(len(text) * share))])
        for row, text in texts
        if len(text) > 20 and text[0] in "{["
    ]

    answers = list(by_rules(catalogue, NOW)(cut))

    assert len(cut) > 1000
    assert [
        row.id
        for row, answer in zip(cut, answers, strict=True)
        if {one.label for one in answer.findings} != {MODEL_ERROR}
    ] == []


def test_no_answer_carries_a_text_of_its_payload(
    golden_rows: tuple[GoldenRow, ...], catalogue: Catalogue
) -> None:
    carrying = [row for row in golden_rows if row.hidden]

    answers = list(by_rules(catalogue, NOW)(carrying))

    assert [
        row.id
        for row, answer in zip(carrying, answers, strict=True)
        if any(text in answer.text for text in row.hidden)
    ] == []


def test_the_rows_of_the_table_are_what_the_table_says(golden_rows: tuple[GoldenRow, ...]) -> None:
    made = table_rows(GOLDEN_DIR / TABLE)

    for vendor in distinct_payloads(golden_rows):
        committed = tuple(row for row in golden_rows if row.vendor == vendor and "/t" in row.id)
        assert committed == made[vendor], f"run python -m pipelines.lib.golden.table_rows ({vendor})"
