from pathlib import Path

import pytest
import yaml

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.taxonomy_files import available_editions, load_taxonomy
from mapper_svc.domain.taxonomy import Taxonomy

SOUND = """\
edition: "1"
groups: {PII: Personal data, OTHER: State, POLICY: Policy}
aliases:
  PII.Email: PII.Contact.Email
labels:
  PII.Contact.Email: {severity: 0.5, means: mail}
  POLICY.Violation: {severity: 0.5, means: blocked}
  OTHER.Safe: {severity: 0.0, means: nothing}
  OTHER.NeedsReview: {severity: 0.4, means: unsure}
  OTHER.ModelError: {severity: 0.2, means: failed}
  OTHER.Unknown: {severity: 0.3, means: unknown}
"""


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load_taxonomy("2026.11")


def test_labels_and_severities_are_those_of_the_edition(taxonomy: Taxonomy, shared_data: Path) -> None:
    listed = yaml.safe_load((shared_data / "taxonomy-2026.11.yaml").read_text(encoding="utf-8"))["labels"]
    ours = {label.name: label.severity for label in taxonomy.labels.values()}
    assert ours == {name: entry["severity"] for name, entry in listed.items()}
    assert list(ours) == list(listed)


def test_the_edition_has_114_labels_with_a_meaning_and_a_titled_pillar(taxonomy: Taxonomy) -> None:
    assert len(taxonomy.labels) == 114
    assert all(label.means for label in taxonomy.labels.values())
    assert {label.pillar for label in taxonomy.labels.values()} <= taxonomy.groups.keys()
    assert all(any(name.startswith(f"{prefix}.") for name in taxonomy.labels) for prefix in taxonomy.groups)
    assert available_editions() == ("2026.11",)


def test_a_label_is_found_by_name_alias_and_spelling(taxonomy: Taxonomy) -> None:
    for name in ("PII.Contact.Email", "PII.Email", "pii.contact.email", "PII/Contact/Email"):
        label = taxonomy.find(name)
        assert label is not None
        assert label.name == "PII.Contact.Email"
    assert taxonomy.find("PII.Nothing") is None


def test_the_hash_tells_two_contents_apart(tmp_path: Path) -> None:
    def loaded(text: str) -> Taxonomy:
        (tmp_path / "1.yaml").write_text(text, encoding="utf-8")
        return load_taxonomy("1", tmp_path)

    first = loaded(SOUND).content_hash
    assert loaded(SOUND + "# a remark\n").content_hash == first
    assert loaded(SOUND.replace("means: mail", "means: post")).content_hash != first


@pytest.mark.parametrize(
    ("found", "instead", "fault"),
    [
        (
            "{severity: 0.5, means: mail}",
            "{severity: 1.5, means: mail}",
            "1.yaml:6: severity: must be from 0 to 1",
        ),
        (
            "{severity: 0.5, means: mail}",
            "{severity: true, means: mail}",
            "1.yaml:6: severity: expected a number",
        ),
        (
            "{severity: 0.5, means: mail}",
            "{severity: 0.5}",
            "1.yaml:6: PII.Contact.Email: the field means is missing",
        ),
        ("{severity: 0.5, means: mail}", "{severity: 0.5, means: ''}", "1.yaml:6: means: expected a text"),
        ("  OTHER.Unknown:", "  OTHER.Safe:", "1.yaml:11: OTHER.Safe: is there twice, first on line 8"),
        ("  OTHER.Unknown:", "  OTHER.unsafe:", "1.yaml:6: labels: the label OTHER.Unknown is missing"),
        ("  OTHER.Unknown:", "  OTHER.SAFE:", "1.yaml:11: OTHER.SAFE: differs from OTHER.Safe only in case"),
        ("  OTHER.Unknown:", "  other:", "1.yaml:11: other: a label is PILLAR.Group.Leaf"),
        ("PII: Personal data, ", "", "1.yaml:6: PII.Contact.Email: the pillar PII has no title"),
        ("PII.Email: PII.Contact.Email", "PII.Email: PII.Mail", "1.yaml:4: PII.Email: PII.Mail is no label"),
        ("PII.Email: PII", "OTHER.Safe: PII", "1.yaml:4: OTHER.Safe: is already the name OTHER.Safe"),
        ('edition: "1"', 'edition: "2"', "1.yaml:1: edition: must be '1'"),
        ('edition: "1"', "edition: 1", "1.yaml:1: edition: expected a text"),
        ("groups:", "group:", "1.yaml:2: group: is no field here"),
        ("labels:", "labels: [", "1.yaml:7: is not YAML"),
    ],
)
def test_a_fault_names_file_line_and_key(found: str, instead: str, fault: str, tmp_path: Path) -> None:
    assert found in SOUND
    (tmp_path / "1.yaml").write_text(SOUND.replace(found, instead, 1), encoding="utf-8")
    with pytest.raises(DataFaultError) as caught:
        load_taxonomy("1", tmp_path)
    assert str(caught.value).startswith(fault)


def test_an_edition_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text(SOUND, encoding="utf-8")
    with pytest.raises(DataFaultError, match=r"2\.yaml:1: edition: there is no such edition; there are 1"):
        load_taxonomy("2", tmp_path)


@pytest.mark.parametrize(
    ("content", "fault"), [(b"", "is empty"), (b"\xff", "is not UTF-8"), (b"a: 1\n---\nb: 2", "is not YAML")]
)
def test_a_file_that_is_no_document_is_refused(content: bytes, fault: str, tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_bytes(content)
    with pytest.raises(DataFaultError, match=fault):
        load_taxonomy("1", tmp_path)
