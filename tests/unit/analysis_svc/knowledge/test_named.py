"""A law is known by the names that people call it by, and one that is not indexed is told from it."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from analysis_svc.domain.knowledge.models import DocumentFacts
from analysis_svc.domain.knowledge.named import documents_named, foreign_laws, unknown_names


def document(source: str, title: str) -> DocumentFacts:
    return DocumentFacts(
        id=uuid4(),
        source=source,
        title=title,
        edition="",
        format="jsonl",
        digest=b"",
        embedder="e",
        chunks=1,
        lexemes=1,
        added_at=datetime.now(UTC),
        added_by="test",
    )


DOCUMENTS = [
    document("gdpr", "General Data Protection Regulation"),
    document("eu-ai-act", "EU Artificial Intelligence Act (our summary)"),
    document("iso27001", "ISO/IEC 27001 Annex A"),
    document("nist-800-53", "NIST SP 800-53"),
]


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("Article 33(1) GDPR", ["gdpr"]),
        ("what does the general data protection regulation say?", ["gdpr"]),
        ("Article 5 of the AI Act", ["eu-ai-act"]),
        ("the Artificial Intelligence Act, Annex III", ["eu-ai-act"]),
        ("ISO 27001 A.8.12", ["iso27001"]),
        ("ISO/IEC 27001 and SP 800-53", ["iso27001", "nist-800-53"]),
        ("Must I act on a breach?", []),
        ("NIST SP 800-531", []),
    ],
)
def test_document_is_known_by_its_key_and_by_its_title(question: str, named: list[str]) -> None:
    assert [one.source for one in documents_named(question, DOCUMENTS)] == named


@pytest.mark.parametrize(
    ("question", "laws"),
    [
        ("What does Article 6 of the Data Act say?", ["Data Act"]),
        ("What does the Colorado AI Act require?", ["Colorado AI Act"]),
        ("Which fines are there under the LGPD?", ["LGPD"]),
        ("Which fines are there under the GDPR?", []),
        ("Does the AI Act prohibit this?", []),
        ("Artificial Intelligence Act, Article 5", []),
        ("What does New York City Local Law 144 say?", ["New York City Local Law 144"]),
        ("How does the Medical Device Regulation classify software?", ["Medical Device Regulation"]),
        ("Which EU Regulation governs high-risk systems?", []),
        ("What does European Union Law say of consent, and the AI Regulation?", []),
        ("This Regulation", []),
        ("Must providers act under a code of conduct?", []),
    ],
)
def test_law_that_no_document_is_is_told_by_its_name(question: str, laws: list[str]) -> None:
    assert foreign_laws(question, DOCUMENTS) == laws


def test_name_is_unknown_when_no_source_has_its_word_and_a_place_is_no_name() -> None:
    assert unknown_names("What does Article 17 of DORA require?", {"dora": 0, "requir": 9, "17": 0}) == [
        "dora"
    ]
    assert unknown_names("What does Article 17 require?", {"requir": 9, "17": 0}) == []
    assert unknown_names("Who must be told, and by whom?", {"told": 0}) == []


def test_question_of_nothing_but_capitals_is_read_in_time() -> None:
    assert foreign_laws("A" * 2_000, DOCUMENTS) == []
    assert foreign_laws("Ab " * 700, DOCUMENTS) == []
