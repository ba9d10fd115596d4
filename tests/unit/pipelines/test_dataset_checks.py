"""Each check is shown a data set that it must refuse; all accept the sound one that those are made from."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from pipelines.lib.dataset_checks import CHECKS
from pipelines.lib.example import Candidate, Example, Source, Split
from pipelines.lib.run_checks import CheckOutcome, run_checks

LABELS = ("PII.Contact.Email", "PII.Other")
BY_NAME = {check.name: check for check in CHECKS}
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def words(number: int) -> str:
    return " ".join(NUMBERS[int(digit)] for digit in f"{number:03}")


@pytest.fixture(scope="module")
def sound() -> tuple[Example, ...]:
    def row(raw: str, label: str, split: Split, family: str, source: Source) -> Example:
        candidate = Candidate(
            vendor=family,
            raw=raw,
            label=label,
            family=family,
            source=source,
            licence="Apache-2.0",
            origin="a test",
            lang="en",
            split=split,
        )
        return Example.of(candidate, ambiguous=False)

    written = [
        row(f"{label} {words(at)}", label, Split.TRAIN, "phrasing_noun_en", Source.PHRASING)
        for label in LABELS
        for at in range(20)
    ]
    held_out = [
        row(f"label {words(at)}", LABELS[0], Split.HELDOUT, f"family_{at % 10}", Source.VENDOR)
        for at in range(250)
    ]
    return (*written, *held_out)


def outcome(name: str, rows: Sequence[Example]) -> CheckOutcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (found,) = run_checks(rows, LABELS, [BY_NAME[name]])
    return found


def first(rows: tuple[Example, ...], **changed: object) -> tuple[Example, ...]:
    return (replace(rows[0], **changed), *rows[1:])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_sound_data_set_passes(name: str, sound: tuple[Example, ...]) -> None:
    found = outcome(name, sound)
    assert (found.passed, found.failures) == (True, ())
    assert found.met == found.expected > 0


FAULTS: dict[str, tuple[str, Callable[[tuple[Example, ...]], tuple[Example, ...]]]] = {
    "an id twice": ("schema", lambda rows: first(rows, id=rows[1].id)),
    "no vendor": ("schema", lambda rows: first(rows, vendor="")),
    "a stale normalised text": ("schema", lambda rows: first(rows, normalised="something else")),
    "a side that does not exist": ("schema", lambda rows: first(rows, split="test")),
    "a source that does not exist": ("schema", lambda rows: first(rows, source="the web")),
    "no row at all": ("schema", lambda _: ()),
    "a label of no edition": ("labels_of_the_edition", lambda rows: first(rows, label="PII.Mood")),
    "a label with 19 rows": ("label_coverage", lambda rows: rows[1:]),
    "a label only held out": ("label_coverage", lambda rows: rows[20:]),
    "opaque rows as cover": ("label_coverage", lambda rows: first(rows, opaque=True)),
    "a mail address": ("no_personal_data", lambda rows: first(rows, raw="ask jane@example.com")),
    "a card number": ("no_personal_data", lambda rows: first(rows, raw="pan 4111111111111111")),
    "a family on two sides": ("families_on_one_side", lambda rows: first(rows, split=Split.VALIDATION)),
    "a text on two sides": ("texts_on_one_side", lambda rows: first(rows, raw="LABEL_zero_zero_seven")),
    "an empty label": ("length", lambda rows: first(rows, raw="")),
    "a label of 201 characters": ("length", lambda rows: first(rows, raw="x" * 201)),
    "a licence that nobody explained": ("licence_and_origin", lambda rows: first(rows, licence="CC-BY-NC")),
    "no licence": ("licence_and_origin", lambda rows: first(rows, licence="")),
    "no origin": ("licence_and_origin", lambda rows: first(rows, origin="")),
    "249 held-out labels": ("held_out_size", lambda rows: rows[:-1]),
    "a held-out label that is opaque": (
        "held_out_size",
        lambda rows: (*rows[:-1], replace(rows[-1], opaque=True)),
    ),
    "nine held-out families": (
        "held_out_size",
        lambda rows: tuple(
            replace(row, family="family_0") if row.family == "family_9" else row for row in rows
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_data_set_is_refused(fault: str, sound: tuple[Example, ...]) -> None:
    name, spoil = FAULTS[fault]
    found = outcome(name, spoil(sound))
    assert not found.passed
    assert found.failures
    assert found.met < found.expected


def test_every_check_has_a_fault_that_it_refuses() -> None:
    assert {name for name, _ in FAULTS.values()} == set(BY_NAME)


def test_a_failure_names_what_broke_it(sound: tuple[Example, ...]) -> None:
    assert "PII.Contact.Email" in outcome("label_coverage", sound[1:]).failures[0]
    assert sound[0].id in outcome("no_personal_data", first(sound, raw="a@b.example")).failures[0]


def test_the_longest_label_is_still_allowed(sound: tuple[Example, ...]) -> None:
    assert outcome("length", first(sound, raw="x" * 200)).passed
