from collections.abc import Callable

from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.resolve_conflicts import resolve_conflicts

Make = Callable[..., Candidate]


def test_the_most_trusted_source_decides(candidate: Make) -> None:
    rows = [
        candidate("malware", "SECURITY.Malware"),
        candidate("malware", "SECURITY.MaliciousURL", source=Source.VENDOR),
    ]
    examples, (conflict,) = resolve_conflicts(rows, rows)
    assert [(one.label, one.ambiguous) for one in examples] == [("SECURITY.Malware", False)]
    assert conflict.dropped == ("SECURITY.MaliciousURL",)
    assert conflict.reason == "the most trusted source is phrasing"


def test_in_one_source_the_label_that_more_families_give_stays(candidate: Make) -> None:
    rows = [candidate("token", "SECRET.AccessToken"), candidate("token", "SECRET.Other")]
    read = [*rows, candidate("TOKEN", "SECRET.AccessToken", family="phrasing_screaming")]
    examples, (conflict,) = resolve_conflicts(rows, read)
    assert [one.label for one in examples] == ["SECRET.AccessToken"]
    assert conflict.reason == "2 families against 1"


def test_when_nothing_decides_all_stay_and_are_marked(candidate: Make) -> None:
    rows = [candidate("token", "SECRET.AccessToken"), candidate("token", "SECRET.Other")]
    examples, (conflict,) = resolve_conflicts(rows, rows)
    assert [one.ambiguous for one in examples] == [True, True]
    assert (len(conflict.kept), conflict.dropped) == (2, ())


def test_held_out_rows_all_stay_because_each_table_is_right_for_its_vendor(candidate: Make) -> None:
    rows = [
        candidate("malware", label, source=Source.VENDOR, split=Split.HELDOUT, family=family, vendor=family)
        for label, family in (("SECURITY.Malware", "nvidia"), ("SECURITY.MaliciousURL", "urls"))
    ]
    examples, (conflict,) = resolve_conflicts(rows, rows)
    assert [one.ambiguous for one in examples] == [True, True]
    assert conflict.reason == "each vendor's table is right for that vendor"


def test_one_text_on_two_sides_is_no_conflict_here(candidate: Make) -> None:
    rows = [
        candidate("token", "SECRET.AccessToken"),
        candidate("token", "SECRET.Other", split=Split.VALIDATION),
    ]
    assert resolve_conflicts(rows, rows)[1] == []


def test_opaque_codes_of_several_vendors_do_not_conflict(candidate: Make) -> None:
    rows = [
        candidate("S1", label, source=Source.VENDOR, vendor=vendor, opaque=True)
        for label, vendor in (("HARM.VIOLENCE.Physical", "a"), ("HARM.SEXUAL.Explicit", "b"))
    ]
    examples, conflicts = resolve_conflicts(rows, rows)
    assert (len(examples), conflicts) == (2, [])
