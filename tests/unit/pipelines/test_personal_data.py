import pytest

from pipelines.lib.personal_data import find_personal_data


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mail jane.doe@example.com found", "e-mail address"),
        ("card 4111 1111 1111 1111", "card number"),
        ("card 4111-1111-1111-1111", "card number"),
        ("account 123456789", "long number"),
        ("ssn 078-05-1120", "US social security number"),
        ("key AKIAIOSFODNN7EXAMPLE", "access key"),
        ("token ghp_" + "a" * 36, "access token"),
        ("sk-proj-" + "Ab1" * 8, "API key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private key"),
        ("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.sig", "JSON web token"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
    ],
)
def test_what_no_label_holds_is_found(text: str, kind: str) -> None:
    assert find_personal_data(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "DLP-1042: patient chart number in chat",
        "email_address",
        "AWS Access Key",
        "sk-key prefix seen",
        "12345678",
        "2026-11-22 rule 17 fired",
        "4111 1111 1111",
        "sensitiveInformationPolicy.piiEntities[].type=INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    ],
)
def test_labels_that_only_speak_of_such_data_pass(text: str) -> None:
    assert find_personal_data(text) is None


def test_a_number_with_a_wrong_check_digit_is_no_card() -> None:
    assert find_personal_data("4111 1111 1111 1112") is None
