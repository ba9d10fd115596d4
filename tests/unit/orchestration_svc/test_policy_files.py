from pathlib import Path

import pytest

from orchestration_svc.adapters.policy_files import PolicyFile, PolicyFileError
from orchestration_svc.domain.errors import ErrorCode, ServiceError

DEFAULT = """\
policies:
  - name: default
    version: "1"
    description: All of them.
    content_types: [text/plain]
    coverage_method: REQUIRED_SET
    coverage_threshold: 0.8
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "policies.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def with_another(**changes: str) -> str:
    entry = {
        "name": "other",
        "version": '"1"',
        "description": "Some.",
        "content_types": "[text/plain]",
        "coverage_method": "REQUIRED_SET",
        "coverage_threshold": "1.0",
    }
    lines = [f"{name}: {value}" for name, value in (entry | changes).items() if value]
    return DEFAULT + "  - " + "\n    ".join(lines) + "\n"


def test_shipped_policies_load_and_the_default_answers_for_no_name() -> None:
    policies = PolicyFile()
    assert policies.get(None) is policies.get("default")
    assert policies.get("privacy").required == ("presidio_analyzer", "detect_secrets")


@pytest.mark.parametrize("name", ["", "Default", "default ", "nothing"])
def test_unknown_policy_is_no_default_in_disguise(name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        PolicyFile().get(name)
    assert caught.value.code is ErrorCode.POLICY_NOT_FOUND
    assert caught.value.field == "policy"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "is empty"),
        ("policies: [", 1, "is not YAML"),
        (b"\xff\xfe\xff", 1, "is not YAML"),
        ("policies: \x00", 1, "is not YAML"),
        ("[]", 1, "Expected `object`"),
        ("other: []", 1, "field"),
        ("policies: []", 1, "there is no policy 'default'"),
        (with_another(name="default"), 8, "'default' is there twice"),
        (with_another(version="1"), 9, "Expected `str`"),
        (with_another(version=""), 8, "version"),
        (with_another(surprise="1"), 8, "surprise"),
        (with_another(coverage_method="GUESSED"), 12, "GUESSED"),
        (with_another(coverage_threshold="1.1"), 8, "coverage_threshold"),
        (with_another(coverage_threshold="-0.1"), 8, "coverage_threshold"),
        (with_another(coverage_threshold=".nan"), 8, "coverage_threshold"),
        (with_another(content_types="[]"), 8, "no content type"),
        (with_another(detectors="[]"), 8, "runs no detector"),
        (with_another(detectors="[a]", required="[a, b]"), 8, "requires 'b' but does not run it"),
        (with_another(detectors="[a, 7]"), 14, "Expected `str`"),
        (DEFAULT + "    version: '2'\n", 8, "'version' is there twice"),
        (DEFAULT + "policies: []\n", 8, "'policies' is there twice"),
    ],
)
def test_fault_names_file_and_line(tmp_path: Path, text: str | bytes, line: int, problem: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        PolicyFile(write(tmp_path, text))
    assert str(caught.value).startswith(f"policies.yaml:{line}: ")
    assert problem in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r"gone\.yaml:1: cannot be read"):
        PolicyFile(tmp_path / "gone.yaml")


def test_policy_may_require_without_naming_what_runs(tmp_path: Path) -> None:
    policy = PolicyFile(write(tmp_path, with_another(required="[a]"))).get("other")
    assert (policy.detectors, policy.required) == (None, ("a",))
