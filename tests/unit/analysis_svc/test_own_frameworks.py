"""A tenant's own framework: what is refused, who may approve, and what analyses make of it."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest

from analysis_svc.adapters.framework_documents import digest_of, document_of, framework_of
from analysis_svc.api.oscal_wire import read_oscal
from analysis_svc.domain import tenant_catalogues
from analysis_svc.domain.analyze import analyze
from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.catalogue import Catalogue, JudgedOn, Priority, Relation
from analysis_svc.domain.check_framework import DraftControl, DraftLink, FrameworkDraft, check_framework
from analysis_svc.domain.cite import MAX_QUOTE, quote_of
from analysis_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from analysis_svc.domain.models import AnalysisRequest, EvidenceState, Finding
from analysis_svc.domain.own_frameworks import (
    Decision,
    OwnFramework,
    VersionState,
    check_decision,
    state_after,
)
from analysis_svc.domain.tenant_catalogues import FRESH_S, KNOWN_S, LeftOut, TenantCatalogues, with_own

TENANT = uuid4()
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
KEY = Finding("f1", "SECRET.ApiKey", 1.0, 0.95)


def draft() -> FrameworkDraft:
    return FrameworkDraft(
        id="house-rules",
        title="Rules of our house",
        edition="2026",
        source="Handbook",
        controls=[
            DraftControl("H-1", "No keys", "Nobody pastes keys.", Priority.HIGH, JudgedOn.REQUEST),
            DraftControl("H-2", "No names", "Names stay out."),
        ],
        links=[
            DraftLink("SECRET.ApiKey", "H-1", Relation.DIRECT, "A key is what the rule forbids."),
            DraftLink("PII.Person.Name", "H-2", Relation.SUPPORTING, "A name came in."),
        ],
    )


def own(catalogue: Catalogue, version: int = 1) -> OwnFramework:
    return replace(check_framework(draft(), catalogue), version=version)


H1, LINK = draft().controls[0], draft().links[0]
FAULTS: dict[str, tuple[str, Callable[[FrameworkDraft], FrameworkDraft]]] = {
    "id of a shipped one": ("id", lambda d: replace(d, id="gdpr")),
    "id with a blank": ("id", lambda d: replace(d, id="house rules")),
    "id that ends its line": ("id", lambda d: replace(d, id="house\n")),
    "no title": ("title", lambda d: replace(d, title="  ")),
    "long edition": ("edition", lambda d: replace(d, edition="x" * 61)),
    "no controls": ("controls", lambda d: replace(d, controls=())),
    "too many controls": ("controls", lambda d: replace(d, controls=[H1] * 2001)),
    "control twice": ("controls[1].id", lambda d: replace(d, controls=[H1, H1])),
    "control id as markup": ("controls[0].id", lambda d: replace(d, controls=[replace(H1, id="<b>")])),
    "escape in a statement": (
        "controls[0].statement",
        lambda d: replace(d, controls=[replace(H1, statement="a\x1b[2Jb")]),
    ),
    "label that is none": ("links[0].label", lambda d: replace(d, links=[replace(LINK, label="PII.Nose")])),
    "label that bears on nothing": (
        "links[0].label",
        lambda d: replace(d, links=[replace(LINK, label="OTHER.Safe")]),
    ),
    "control that is none": ("links[0].control", lambda d: replace(d, links=[replace(LINK, control="H-9")])),
    "link twice": ("links[1]", lambda d: replace(d, links=[LINK, replace(LINK, why="again")])),
    "rationale of its neighbour": (
        "links[1].why",
        lambda d: replace(d, links=[LINK, replace(LINK, control="H-2")]),
    ),
    "links from nowhere": ("links_from", lambda d: replace(d, links_from="soc3")),
}


@pytest.mark.parametrize(("field", "change"), FAULTS.values(), ids=FAULTS)
def test_faulty_framework_is_refused_with_the_field(
    catalogue: Catalogue, field: str, change: Callable[[FrameworkDraft], FrameworkDraft]
) -> None:
    with pytest.raises(ServiceError) as caught:
        check_framework(change(draft()), catalogue)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, field)


def test_what_is_kept_reads_back_as_it_was(catalogue: Catalogue) -> None:
    kept = own(catalogue, version=3)
    document = document_of(kept)
    assert framework_of(json.loads(json.dumps(document)), 3) == kept
    assert digest_of(document) == digest_of(document_of(framework_of(document, 3)))
    changed = document_of(check_framework(replace(draft(), edition="2027"), catalogue))
    assert digest_of(document) != digest_of(changed)


def test_nobody_approves_their_own_upload() -> None:
    state = VersionState.PROPOSED
    with pytest.raises(ServiceError) as caught:
        check_decision(state, proposed_by="a", actor="a", decision=Decision.APPROVE)
    assert caught.value.code is ErrorCode.INSUFFICIENT_RBAC
    check_decision(state, proposed_by="a", actor="b", decision=Decision.APPROVE)
    check_decision(state, proposed_by="a", actor="a", decision=Decision.REJECT)


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (VersionState.APPROVED, Decision.APPROVE),
        (VersionState.APPROVED, Decision.REJECT),
        (VersionState.REJECTED, Decision.APPROVE),
        (VersionState.WITHDRAWN, Decision.APPROVE),
        (VersionState.PROPOSED, Decision.WITHDRAW),
        (VersionState.REJECTED, Decision.WITHDRAW),
    ],
)
def test_decision_out_of_turn_is_a_conflict(state: VersionState, decision: Decision) -> None:
    with pytest.raises(ServiceError) as caught:
        check_decision(state, proposed_by="a", actor="b", decision=decision)
    assert caught.value.code is ErrorCode.CONFLICT


def test_state_is_what_was_decided_last() -> None:
    assert state_after(frozenset()) is VersionState.PROPOSED
    assert state_after(frozenset({Decision.APPROVE})) is VersionState.APPROVED
    assert state_after(frozenset({Decision.APPROVE, Decision.WITHDRAW})) is VersionState.WITHDRAWN


def test_own_framework_is_answered_for_without_being_named_and_says_its_version(catalogue: Catalogue) -> None:
    merged = with_own(catalogue, [own(catalogue, version=4)])
    answer = analyze(AnalysisRequest((KEY,)), catalogue=merged, now=NOW)
    (entry,) = [one for one in answer.compliance if one.framework == "house-rules"]
    assert (entry.control, entry.evidence_state) == ("H-1", EvidenceState.VIOLATED)
    assert entry.edition == answer.version_info.frameworks["house-rules"] == "2026 (version 4)"
    assert "pci-dss" not in answer.version_info.frameworks
    before = analyze(AnalysisRequest((KEY,)), catalogue=catalogue, now=NOW)
    assert answer.risk == before.risk


def test_further_framework_is_answered_for_when_named(catalogue: Catalogue) -> None:
    answer = analyze(AnalysisRequest((KEY,), frameworks=("pci-dss",)), catalogue=catalogue, now=NOW)
    assert {entry.framework for entry in answer.compliance} == {"pci-dss"}


def test_long_statement_is_quoted_by_its_first_words_and_word_for_word() -> None:
    statement = "Every word counts. " * 40
    quote = quote_of(statement.strip())
    assert len(quote) <= MAX_QUOTE
    assert statement.startswith(f"{quote} ")
    assert len(quote_of("x" * 400)) == MAX_QUOTE


def test_links_of_a_shipped_framework_are_taken_over_by_controls_of_the_same_id(catalogue: Catalogue) -> None:
    made = check_framework(
        FrameworkDraft(
            "mine",
            "Mine",
            "1",
            "S",
            [DraftControl("IA-5", "Authenticators", "Text."), DraftControl("ZZ-1", "Other", "Text.")],
            links_from="nist-800-53",
        ),
        catalogue,
    )
    assert made.framework.controls["IA-5"].judged_on is JudgedOn.REQUEST
    assert made.framework.controls["ZZ-1"].judged_on is JudgedOn.PROGRAMME
    tied = {link.control.id for links in made.links.values() for link in links}
    assert tied == {"IA-5"}
    assert "SECRET.ApiKey" in made.links


class FakeStore:
    """Frameworks in memory; `down` makes the database go away."""

    def __init__(self, owns: Sequence[OwnFramework] = ()) -> None:
        self.owns = owns
        self.down = False
        self.reads = 0

    async def in_force(self, tenant_id: UUID) -> Sequence[OwnFramework]:
        self.reads += 1
        if self.down:
            raise StorageUnavailableError
        return self.owns if tenant_id == TENANT else ()


class Hours:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def catalogues_of(
    catalogue: Catalogue, store: FakeStore, clock: Hours, report: Mock | None = None
) -> tuple[TenantCatalogues, BackgroundWork]:
    background = BackgroundWork()
    made = TenantCatalogues(catalogue, store, background, report=report or Mock(), clock=clock)  # type: ignore[arg-type]
    return made, background


async def test_catalogue_of_a_tenant_is_read_once_and_is_no_other_tenants(catalogue: Catalogue) -> None:
    store, clock = FakeStore([own(catalogue)]), Hours()
    catalogues, _ = catalogues_of(catalogue, store, clock)
    for _ in range(3):
        assert "house-rules" in (await catalogues.of(TENANT)).frameworks
    assert store.reads == 1
    assert "house-rules" not in (await catalogues.of(uuid4())).frameworks


async def test_first_request_waits_for_a_slow_database_where_its_caller_has_the_time(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SlowStore(FakeStore):
        async def in_force(self, tenant_id: UUID) -> Sequence[OwnFramework]:
            await asyncio.sleep(0.01)
            return await super().in_force(tenant_id)

    monkeypatch.setattr(tenant_catalogues, "FIRST_LIMIT_S", 0.0)
    for within_s, known in ((None, False), (60.0, True)):
        catalogues, _ = catalogues_of(catalogue, SlowStore([own(catalogue)]), Hours())
        assert ("house-rules" in (await catalogues.of(TENANT, within_s=within_s)).frameworks) is known


async def test_without_the_database_the_last_catalogue_is_used_and_after_a_while_said_to_be_old(
    catalogue: Catalogue,
) -> None:
    store, clock = FakeStore([own(catalogue)]), Hours()
    catalogues, background = catalogues_of(catalogue, store, clock)
    await catalogues.of(TENANT)
    store.down = True
    clock.now = FRESH_S + 1
    assert "house-rules" in (await catalogues.of(TENANT)).frameworks
    await background.close()
    assert catalogues.up_to_date(TENANT)
    clock.now = KNOWN_S + 1
    assert "house-rules" in (await catalogues.of(TENANT)).frameworks
    assert not catalogues.up_to_date(TENANT)


async def test_nothing_known_and_no_database_is_never_taken_for_no_frameworks(catalogue: Catalogue) -> None:
    store, clock = FakeStore([own(catalogue)]), Hours()
    store.down = True
    catalogues, _ = catalogues_of(catalogue, store, clock)
    assert await catalogues.of(TENANT) is catalogue
    assert not catalogues.up_to_date(TENANT)


async def test_release_that_drops_a_label_or_takes_an_id_costs_a_tenant_that_alone(
    catalogue: Catalogue,
) -> None:
    taken = own(catalogue)
    taken = replace(taken, framework=replace(taken.framework, id="gdpr"))
    links = {label: ties for label, ties in catalogue.links.items() if label != "SECRET.ApiKey"}
    released, report = replace(catalogue, links=links), Mock()
    catalogues, _ = catalogues_of(released, FakeStore([own(catalogue), taken]), Hours(), report)
    for _ in range(2):
        await catalogues.refresh(TENANT)
    seen = await catalogues.of(TENANT)
    assert catalogues.up_to_date(TENANT)
    assert "house-rules" in {one.control.framework for one in seen.links["PII.Person.Name"]}
    assert seen.frameworks["gdpr"] == catalogue.frameworks["gdpr"]
    missing = (LeftOut("house-rules", ("SECRET.ApiKey",)), LeftOut("gdpr"))
    report.assert_called_once_with(TENANT, missing)


OSCAL = {
    "uuid": "u",
    "metadata": {"title": "T", "version": "1"},
    "groups": [
        {
            "title": "G",
            "controls": [
                {
                    "id": "ac-2",
                    "title": "Accounts",
                    "props": [{"name": "label", "value": "AC-2"}],
                    "params": [
                        {"id": "p1", "label": "people"},
                        {"id": "p2", "select": {"choice": ["now", "{{ insert: param, p1 }}"]}},
                    ],
                    "parts": [
                        {
                            "name": "statement",
                            "prose": "Tell {{ insert: param, p1 }}",
                            "parts": [
                                {
                                    "name": "item",
                                    "props": [{"name": "label", "value": "a."}],
                                    "prose": "{{ insert: param, p2 }}.",
                                }
                            ],
                        },
                        {"name": "guidance", "prose": "not this"},
                    ],
                    "controls": [
                        {
                            "id": "ac-2.1",
                            "title": "Gone",
                            "props": [{"name": "status", "value": "withdrawn"}],
                        }
                    ],
                }
            ],
        }
    ],
}


def test_oscal_statement_has_its_parameters_put_in_and_withdrawn_controls_are_left_out() -> None:
    (control,) = read_oscal(OSCAL, framework="mine", links_from=None).controls
    assert control.id == "AC-2"
    assert control.statement == "Tell [people] a. [Selection: now; [people]]."


@pytest.mark.parametrize(
    ("catalog", "field"),
    [
        ({}, "catalog.uuid"),
        ({"uuid": "u", "metadata": {"title": "T"}}, "catalog.metadata.version"),
        ({**OSCAL, "groups": [{"controls": []}]}, "catalog.groups[0].title"),
        ({**OSCAL, "groups": "x"}, "catalog.groups"),
    ],
)
def test_what_is_not_oscal_is_refused_with_the_field(catalog: object, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        read_oscal(catalog, framework="mine", links_from=None)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, field)


@pytest.mark.parametrize("where", ["groups", "controls"])
@pytest.mark.parametrize("depth", [20, 900])
def test_deep_nesting_is_refused_and_breaks_nothing(where: str, depth: int) -> None:
    inner: dict[str, object] = {"id": "x", "title": "x"}
    for _ in range(depth):
        inner = {"id": "x", "title": "x", where: [inner]}
    catalog = {"uuid": "u", "metadata": {"title": "T", "version": "1"}, where: [inner]}
    with pytest.raises(ServiceError) as caught:
        read_oscal(catalog, framework="mine", links_from=None)
    assert caught.value.field == "catalog"


def test_parameters_that_name_each_other_without_end_cost_nothing() -> None:
    names = " ".join(f"{{{{ insert: param, p{n} }}}}" for n in range(10))
    control = {
        "id": "a",
        "title": "A",
        "params": [{"id": f"p{n}", "label": names} for n in range(10)],
        "parts": [{"name": "statement", "prose": f"{names} " * 30}],
    }
    catalog = {"uuid": "u", "metadata": {"title": "T", "version": "1"}, "controls": [control]}
    (made,) = read_oscal(catalog, framework="mine", links_from=None).controls
    assert len(made.statement) < 30 * 10 * 401
    long = {**control, "parts": [{"name": "statement", "prose": f"{names} " * 20_000}]}
    with pytest.raises(ServiceError, match="at most 8000"):
        read_oscal({**catalog, "controls": [long]}, framework="mine", links_from=None)


def test_official_catalogue_is_read_as_it_is(catalogue: Catalogue, official_oscal: Path) -> None:
    document = json.loads(official_oscal.read_text(encoding="utf-8"))
    made = read_oscal(document["catalog"], framework="moderate", links_from="nist-800-53")
    read = check_framework(made, catalogue)
    assert len(read.framework.controls) == 287
    assert read.framework.edition == "5.1.1+u4"
    assert read.framework.controls["AC-2(1)"].statement.startswith(
        "Support the management of system accounts"
    )
    assert "insert: param" not in " ".join(one.statement for one in read.framework.controls.values())
    tied = {link.control.id for links in read.links.values() for link in links}
    assert {"IA-5", "SI-4", "AC-6"} <= tied
    answer = analyze(AnalysisRequest((KEY,)), catalogue=with_own(catalogue, [read]), now=NOW)
    assert "IA-5" in {entry.control for entry in answer.compliance if entry.framework == "moderate"}
    assert all(len(citation.quote) <= MAX_QUOTE for citation in answer.citations)


@pytest.fixture
def official_oscal(shared_data: Path) -> Path:
    return shared_data / "regulatory" / "oscal-800-53r5-moderate.json"
