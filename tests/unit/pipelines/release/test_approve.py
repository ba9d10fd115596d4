import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.lib.release.approval_log import Act, ApprovalLog, LogFaultError
from pipelines.lib.release.approve import MLFLOW_INTERFACE, Approvals, Approver
from pipelines.lib.release.content_hash import content_sha256
from pipelines.lib.release.registered_version import Alias
from pipelines.lib.release.release_error import ApprovalRefusedError, GateError, RegistryError
from tests.unit.pipelines.release.conftest import MODEL, FakeRegistry, Killed

Rules = Callable[..., Approvals]
ADA, BEN, CAI = (Approver(name, "figures read") for name in ("Ada", "Ben", "Cai"))


def acts(log: ApprovalLog) -> list[tuple[Act, int, str]]:
    return [(one.act, one.version, one.by) for one in log.entries(MODEL)]


def test_a_yes_makes_the_candidate_the_approved_version(
    registry: FakeRegistry, log: ApprovalLog, approvals: Rules
) -> None:
    registry.register()
    said = approvals().approve(MODEL, "candidate", ADA)
    assert (said.version.number, said.missing, said.before) == (1, 0, None)
    assert registry.aliases == {"approved": 1}
    assert registry.tags[1]["approved_by"] == "Ada"
    assert registry.tags[1]["approved_reason"] == "figures read"
    assert registry.tags[1]["approval_entry"] == log.entries()[-1].sha256
    assert acts(log) == [(Act.APPROVE, 1, "Ada"), (Act.IN_USE, 1, "Ada")]


def test_previous_rolls_back_and_back_again(registry: FakeRegistry, approvals: Rules) -> None:
    for number in ("1", "2"):
        registry.register()
        approvals().approve(MODEL, number, ADA)
    assert registry.aliases == {"approved": 2, "previous": 1}
    assert approvals().approve(MODEL, "previous", ADA).before == 2
    assert registry.aliases == {"approved": 1, "previous": 2}
    approvals().approve(MODEL, "previous", ADA)
    assert registry.aliases == {"approved": 2, "previous": 1}


def test_a_newer_candidate_stays_one_when_an_older_version_is_approved(
    registry: FakeRegistry, approvals: Rules
) -> None:
    registry.register()
    registry.register()
    approvals().approve(MODEL, "1", ADA)
    assert registry.aliases == {"approved": 1, "candidate": 2}


def test_a_failed_gate_cannot_be_approved(registry: FakeRegistry, log: ApprovalLog, approvals: Rules) -> None:
    registry.register(gates={"golden": True, "held_out": False, "ece": False})
    with pytest.raises(GateError, match="did not pass its gates: held_out, ece"):
        approvals().approve(MODEL, "1", ADA)
    assert registry.aliases == {"candidate": 1}
    assert log.entries() == []


@pytest.mark.parametrize("evaluation", [None, "{}", '{"gates": []}', '{"gates": [{"name": "golden"}]}'])
def test_what_was_not_evaluated_cannot_be_approved(
    registry: FakeRegistry, approvals: Rules, evaluation: str | None
) -> None:
    registry.register()
    file = registry.root / "1" / "evaluation.json"
    file.unlink() if evaluation is None else file.write_text(evaluation)
    registry.tags[1]["content_sha256"] = content_sha256(registry.root / "1")
    with pytest.raises(GateError, match="not evaluated"):
        approvals().approve(MODEL, "1", ADA)


def test_files_that_were_changed_after_registration_cannot_be_approved(
    registry: FakeRegistry, approvals: Rules
) -> None:
    registry.register()
    (registry.root / "1" / "weights").write_text("others")
    with pytest.raises(ApprovalRefusedError, match="not those that were registered"):
        approvals().approve(MODEL, "1", ADA)


def test_an_unknown_version_is_named_with_those_that_exist(registry: FakeRegistry, approvals: Rules) -> None:
    registry.register()
    with pytest.raises(RegistryError, match="no version '7'; it has: 1"):
        approvals().approve(MODEL, "7", ADA)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (" ", "good"),
        ("Ada", ""),
        ("A" * 101, "good"),
        ("Ada", "good\nbad"),
        (MLFLOW_INTERFACE.upper(), "good"),
    ],
)
def test_a_yes_has_a_person_and_a_reason(
    registry: FakeRegistry, approvals: Rules, name: str, reason: str
) -> None:
    registry.register()
    with pytest.raises(ApprovalRefusedError):
        approvals().approve(MODEL, "1", Approver(name, reason))


@pytest.mark.parametrize("tag", ["trained_by", "registered_by"])
def test_under_four_eyes_the_maker_cannot_approve(registry: FakeRegistry, approvals: Rules, tag: str) -> None:
    registry.register(tags={tag: "ada "})
    with pytest.raises(ApprovalRefusedError, match="somebody else has to"):
        approvals(four_eyes=True).approve(MODEL, "1", ADA)


def test_under_four_eyes_two_different_people_are_needed(registry: FakeRegistry, approvals: Rules) -> None:
    registry.register(tags={"registered_by": "Cai"})
    rules = approvals(four_eyes=True)
    first = rules.approve(MODEL, "1", ADA)
    assert (first.approvers, first.missing) == (("Ada",), 1)
    assert registry.aliases == {"candidate": 1}
    with pytest.raises(ApprovalRefusedError, match="a second person has to"):
        rules.approve(MODEL, "1", Approver("  ADA", "again"))
    second = rules.approve(MODEL, "1", BEN)
    assert (second.approvers, second.missing) == (("Ada", "Ben"), 0)
    assert registry.aliases == {"approved": 1}
    assert registry.tags[1]["approvals"] == "Ada, Ben"


def test_a_yes_is_to_what_was_registered_and_not_to_a_number(
    registry: FakeRegistry, approvals: Rules
) -> None:
    registry.register()
    rules = approvals(four_eyes=True)
    rules.approve(MODEL, "1", ADA)
    (registry.root / "1" / "weights").write_text("others")
    registry.tags[1]["content_sha256"] = content_sha256(registry.root / "1")
    assert rules.approve(MODEL, "1", BEN).missing == 1


def test_an_alias_set_in_mlflow_is_a_yes_and_is_written_down_once(
    registry: FakeRegistry, log: ApprovalLog, approvals: Rules
) -> None:
    registry.register()
    approvals().approve(MODEL, "1", ADA)
    registry.register()
    registry.aliases["approved"] = 2
    first = approvals().in_use(MODEL)
    second = approvals().in_use(MODEL)
    assert first is not None
    assert second is not None
    assert first[1] == second[1]
    assert acts(log)[-1] == (Act.IN_USE, 2, MLFLOW_INTERFACE)
    assert registry.aliases == {"approved": 2, "previous": 1}


def test_an_alias_set_in_mlflow_does_not_get_past_a_gate(
    registry: FakeRegistry, log: ApprovalLog, approvals: Rules
) -> None:
    registry.register(gates={"golden": False})
    registry.aliases["approved"] = 1
    with pytest.raises(GateError, match="golden"):
        approvals().in_use(MODEL)
    assert log.entries() == []


def test_an_alias_set_in_mlflow_does_not_get_past_four_eyes(registry: FakeRegistry, approvals: Rules) -> None:
    registry.register()
    rules = approvals(four_eyes=True)
    rules.approve(MODEL, "1", ADA)
    registry.aliases["approved"] = 1
    with pytest.raises(ApprovalRefusedError, match="1 of 2 people"):
        rules.in_use(MODEL)


def test_nothing_is_in_use_before_anything_is_approved(registry: FakeRegistry, approvals: Rules) -> None:
    registry.register()
    assert approvals().in_use(MODEL) is None


@pytest.mark.parametrize("changes", range(6))
def test_killed_before_any_change_the_same_command_ends_as_if_it_had_not_been(
    registry: FakeRegistry, log: ApprovalLog, approvals: Rules, changes: int
) -> None:
    for number in ("1", "2"):
        registry.register()
        if number == "1":
            approvals().approve(MODEL, number, ADA)
    registry.changes_left = changes
    with contextlib.suppress(Killed):
        approvals().approve(MODEL, "2", BEN)
    registry.changes_left = None
    approvals().approve(MODEL, "2", BEN)
    assert registry.aliases == {"approved": 2, "previous": 1}
    assert registry.tags[2]["approved_by"] == "Ben"
    assert registry.tags[2]["approvals"] == "Ben"
    assert acts(log)[-1] == (Act.IN_USE, 2, "Ben")
    in_use = approvals().in_use(MODEL)
    assert in_use is not None
    assert in_use[0].number == 2


def test_a_command_killed_after_the_alias_is_still_the_person_and_not_mlflow(
    registry: FakeRegistry, log: ApprovalLog, approvals: Rules
) -> None:
    registry.register()
    registry.changes_left = 1  # the alias, and then nothing more
    with pytest.raises(Killed):
        approvals().approve(MODEL, "1", ADA)
    assert registry.holder(MODEL, Alias.APPROVED) is not None
    registry.changes_left = None
    approvals().in_use(MODEL)
    assert acts(log)[-1] == (Act.IN_USE, 1, "Ada")


def test_a_log_that_was_changed_is_believed_no_more(
    registry: FakeRegistry, approvals: Rules, tmp_path: Path
) -> None:
    registry.register()
    approvals().approve(MODEL, "1", ADA)
    file = tmp_path / "approvals.jsonl"
    file.write_text(file.read_text().replace("Ada", "Eve"))
    with pytest.raises(LogFaultError, match="line 1"):
        approvals().approve(MODEL, "1", CAI)
