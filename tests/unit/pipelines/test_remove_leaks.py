from collections.abc import Callable

from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.read_free_form import FreeForm
from pipelines.lib.remove_leaks import remove_leaks

Make = Callable[..., Candidate]
HELD = {"source": Source.VENDOR, "split": Split.HELDOUT, "family": "openai"}


def left(rows: list[Candidate], *free_form: FreeForm) -> set[tuple[str, Split]]:
    kept, _ = remove_leaks(rows, free_form)
    return {(row.raw, row.split) for row in kept}


def test_a_training_row_whose_text_is_held_out_goes_whatever_its_label(candidate: Make) -> None:
    rows = [candidate("E_MAIL", "PII.Other"), candidate("e-mail", **HELD)]
    kept, (leak,) = remove_leaks(rows, [])
    assert [row.split for row in kept] == [Split.HELDOUT]
    assert (leak.raw, leak.twin, leak.where, leak.exact) == ("E_MAIL", "e-mail", "heldout", True)


def test_a_validation_row_whose_text_is_held_out_goes(candidate: Make) -> None:
    rows = [candidate("email", split=Split.VALIDATION), candidate("email", **HELD)]
    assert left(rows) == {("email", Split.HELDOUT)}


def test_a_near_duplicate_of_a_held_out_row_goes_when_it_has_the_same_label(candidate: Make) -> None:
    rows = [
        candidate("customer email addresses", "PII.Contact.Email"),
        candidate("customer email addressee", "PII.Person.Name"),
        candidate("customer email address", "PII.Contact.Email", **HELD),
    ]
    kept, (leak,) = remove_leaks(rows, [])
    assert {row.raw for row in kept} == {"customer email addressee", "customer email address"}
    assert (leak.raw, leak.exact) == ("customer email addresses", False)


def test_short_texts_that_look_alike_are_no_near_duplicates(candidate: Make) -> None:
    assert len(left([candidate("iban codes"), candidate("iban code", **HELD)])) == 2


def test_training_is_kept_away_from_the_free_form_set(candidate: Make) -> None:
    case = FreeForm(raw="mail-address of caller", gold="PII.Other", also=("PII.Contact.Email",))
    rows = [
        candidate("Mail address of caller"),
        candidate("mail addresses of caller"),
        candidate("post code"),
    ]
    assert left(rows, case) == {("post code", Split.TRAIN)}


def test_training_yields_to_a_vendor_of_validation(candidate: Make) -> None:
    rows = [candidate("email"), candidate("Email", source=Source.VENDOR, split=Split.VALIDATION)]
    assert left(rows) == {("Email", Split.VALIDATION)}


def test_a_phrasing_of_validation_yields_to_training(candidate: Make) -> None:
    rows = [candidate("email"), candidate("eMail", split=Split.VALIDATION)]
    assert left(rows) == {("email", Split.TRAIN)}


def test_a_row_that_left_training_does_not_take_its_twin_from_validation(candidate: Make) -> None:
    rows = [
        candidate("mail address of a caller"),
        candidate("mail address of the caller", split=Split.VALIDATION, family="phrasing_camel"),
    ]
    case = FreeForm(raw="mail address of a caller", gold="PII.Other")
    assert left(rows, case) == {("mail address of the caller", Split.VALIDATION)}


def test_opaque_codes_are_no_leak(candidate: Make) -> None:
    rows = [
        candidate("S1", source=Source.VENDOR, split=split, vendor=vendor, opaque=True)
        for split, vendor in ((Split.VALIDATION, "a"), (Split.HELDOUT, "b"))
    ]
    assert len(left(rows)) == 2
