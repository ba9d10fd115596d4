from collections.abc import Callable

from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.remove_duplicates import remove_duplicates

Make = Callable[..., Candidate]


def raws(rows: list[Candidate]) -> list[str]:
    return [row.raw for row in rows]


def test_spellings_of_one_text_with_one_label_become_one_row(candidate: Make) -> None:
    rows = [candidate("E-Mail"), candidate("e_mail"), candidate("EMAIL")]
    assert len(remove_duplicates(rows)) == 1


def test_the_most_trusted_source_stays(candidate: Make) -> None:
    rows = [
        candidate("email", source=Source.VENDOR),
        candidate("email", source=Source.PHRASING),
        candidate("email", source=Source.TAXONOMY),
    ]
    assert [row.source for row in remove_duplicates(rows)] == [Source.TAXONOMY]


def test_what_stays_does_not_depend_on_the_order_of_reading(candidate: Make) -> None:
    rows = [candidate("email", vendor=vendor, source=Source.VENDOR) for vendor in ("b", "c", "a")]
    assert remove_duplicates(rows) == remove_duplicates(reversed(rows))


def test_one_text_with_two_labels_stays_twice(candidate: Make) -> None:
    assert (
        len(remove_duplicates([candidate("id", "PII.Other"), candidate("id", "PII.Digital.Username")])) == 2
    )


def test_each_held_out_family_keeps_its_own_case(candidate: Make) -> None:
    rows = [
        candidate("hate", source=Source.VENDOR, split=Split.HELDOUT, family=family, vendor=vendor)
        for family, vendor in (("openai", "a"), ("nvidia", "b"), ("nvidia", "c"))
    ]
    assert sorted(row.family for row in remove_duplicates(rows)) == ["nvidia", "openai"]


def test_opaque_codes_are_kept_for_each_vendor(candidate: Make) -> None:
    rows = [candidate("S1", source=Source.VENDOR, vendor=vendor, opaque=True) for vendor in ("a", "b")]
    assert raws(remove_duplicates(rows)) == ["S1", "S1"]
