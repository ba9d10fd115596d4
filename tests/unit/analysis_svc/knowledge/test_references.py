import pytest

from analysis_svc.domain.knowledge.references import normal_reference, references_in


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Article 33(3)(a)", "33.3.a"),
        ("Art. 33(1)", "33.1"),
        ("33.3.a", "33.3.a"),
        ("AC-2(1)", "ac-2.1"),
        ("164.308(a)(1)", "164.308.a.1"),
        ("Recital 26", "recital 26"),
        ("GOVERN 1.1", "govern 1.1"),
        ("ANNEX III", "annex iii"),
    ],
)
def test_one_place_has_one_name_however_it_is_written(written: str, normal: str) -> None:
    assert normal_reference(written) == normal


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What does Article 33(1) of the GDPR ask?", ["33.1"]),
        ("compare AC-2(1) and ia-5", ["ac-2.1", "ia-5"]),
        ("who answers for GV.OC-01?", ["gv.oc-01"]),
        ("is 164.308(a)(1) addressable?", ["164.308.a.1"]),
        ("what is in Annex III?", ["annex iii"]),
        ("MEASURE 2.7 and A.8.12", ["measure 2.7", "a.8.12"]),
        ("GV-1.1-001", ["gv-1.1-001"]),
        ("What does GOVERN 11.2 require?", ["govern 11.2"]),
        ("When must a breach be notified? Within 72 hours.", []),
        ("does an e-mail from a co-worker count as state-of-the-art", []),
    ],
)
def test_places_that_a_question_names_are_found_and_nothing_else(question: str, named: list[str]) -> None:
    assert references_in(question) == named
