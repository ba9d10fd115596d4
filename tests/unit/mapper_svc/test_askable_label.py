"""Which labels a model may be asked about, and in which form."""

import pytest

from mapper_svc.domain.askable_label import askable_form, is_opaque
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.label_model import LABEL_MAX
from pipelines.lib.build_dataset import DATA_DIR
from pipelines.lib.families import VendorFamilies, load_vendor_families


@pytest.mark.parametrize(
    "code",
    [
        *("S10", "s1", "O1", "S1.1", "LABEL_1", "label-0", "class_17", "category 7", "T1059", "DLP-1042"),
        *("O", "", "  ", "42", "18+", "-", "AB12", "GDPR-22"),
    ],
)
def test_codes_are_never_asked(code: str) -> None:
    assert is_opaque(code)
    assert askable_form(code) is None


@pytest.mark.parametrize(
    "label",
    [
        *(
            "US_SSN",
            "IPV4",
            "IP",
            "ID",
            "NL",
            "D.O.B.",
            "SHA256",
            "Violence 3",
            "hate/threatening",
            "名",
            "Ü",
        ),
        *("DLP-1042: patient chart number in chat", "OWASP LLM01", "filters[].type=HATE", "NLNumberV2"),
    ],
)
def test_labels_that_say_something_are_asked_as_they_are(label: str) -> None:
    assert askable_form(label) == label


@pytest.fixture(scope="module")
def families() -> VendorFamilies:
    return load_vendor_families(DATA_DIR / "vendor_families.yaml")


def test_every_code_that_the_data_set_leaves_out_is_left_out_here(
    catalogue: Catalogue, families: VendorFamilies
) -> None:
    patterns = families.opaque_patterns
    codes = [
        raw
        for vendor in catalogue.vendors.values()
        for raw in vendor.labels
        if any(pattern.fullmatch(raw) for pattern in patterns)
    ]
    assert len(codes) > 50
    assert [raw for raw in codes if not is_opaque(raw)] == []


def test_no_clear_label_of_a_vendor_is_taken_for_a_code(
    catalogue: Catalogue, families: VendorFamilies
) -> None:
    taken = [
        (vendor.id, raw)
        for vendor in catalogue.vendors.values()
        for raw in vendor.labels
        if askable_form(raw) is None and not families.is_opaque(vendor.id, raw)
    ]
    assert taken == []


@pytest.mark.parametrize(
    ("raw", "asked"),
    [
        ("leak of eve@example.com", "leak of [email]"),
        ("rule 20241103 patient name", "rule [number] patient name"),
        ("sent to https://example.com/x?y=1 in chat", "sent to [url] in chat"),
    ],
)
def test_what_looks_like_content_is_hidden_from_the_model(raw: str, asked: str) -> None:
    assert askable_form(raw) == asked


@pytest.mark.parametrize("raw", ["eve@example.com", "4111 1111 1111 1111", "https://example.com", "[email]"])
def test_nothing_but_content_is_not_asked(raw: str) -> None:
    assert askable_form(raw) is None


def test_a_sentence_is_asked_whole_though_review_does_not_keep_it() -> None:
    sentence = "the user asks how to build a device that hurts many people"
    assert askable_form(sentence) == sentence


def test_no_question_is_longer_than_a_model_takes() -> None:
    form = askable_form("word " * 300)
    assert form is not None
    assert len(form) <= LABEL_MAX
