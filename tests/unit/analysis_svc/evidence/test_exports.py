"""What leaves the house can be checked by anybody, and cannot be changed by anybody."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis_svc.adapters.evidence_keys import signature_holds
from analysis_svc.domain.audit import ChainState
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.errors import ServiceError
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.exports import make_export
from analysis_svc.domain.exports.as_oscal import token, tokens
from analysis_svc.domain.exports.export import ExportFormat
from analysis_svc.domain.exports.make_export import SETTLED, ExportOrder, settled_period
from analysis_svc.domain.exports.seal import canonical
from analysis_svc.domain.exports.verify import NotIntactError, verify
from tests.unit.analysis_svc.evidence.exported import (
    ASIDE,
    CALLER,
    KEY,
    PERIOD,
    TENANT,
    Ledger,
    Source,
    events,
    export,
    exporter,
    records,
)

FORMATS = list(ExportFormat)
TRUSTED = {"k1": bytes.fromhex(KEY.sign(b"").public_key)}
INTACT = ChainState(3, intact=True, broken_at=None, head="00")


@pytest.mark.parametrize("form", FORMATS)
async def test_export_verifies_with_nothing_but_the_file(catalogue: Catalogue, form: ExportFormat) -> None:
    made = await export(catalogue, form)
    found = verify(made.content, signature_holds)
    assert (found.tenant, found.records, found.sequence) == (str(TENANT), 3, 1)
    assert (found.known_signer, found.audit_intact) == (None, True)
    assert verify(made.content, signature_holds, TRUSTED).known_signer is True


@pytest.mark.parametrize("form", FORMATS)
async def test_export_with_a_flipped_byte_is_refused(catalogue: Catalogue, form: ExportFormat) -> None:
    content = (await export(catalogue, form)).content
    # Every kind of place is met: digits, letters, quotes, headers, the seal, the very end.
    step = len(content) // 60 | 1
    places = [*range(0, len(content), step), *range(len(content) - 700, len(content), 13), len(content) - 1]
    for place in places:
        for bit in (0x01, 0x20, 0x80):
            changed = bytearray(content)
            changed[place] ^= bit
            with pytest.raises(NotIntactError):
                verify(bytes(changed), signature_holds)


@pytest.mark.parametrize("form", FORMATS)
async def test_export_that_is_cut_or_added_to_is_refused(catalogue: Catalogue, form: ExportFormat) -> None:
    content = (await export(catalogue, form)).content
    for changed in (
        content[:-1],
        content[: len(content) // 2],
        content + b"\n",
        content + content,
        b"",
        b"PK",
    ):
        with pytest.raises(NotIntactError):
            verify(changed, signature_holds)


def resealed(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Change a JSON export and write it anew, as somebody would who knows the form but has no key."""
    document = json.loads(content)
    change(document)
    return canonical(document) + b"\n"


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a record removed": lambda one: one["content"]["analyses"].pop(1),
    "a state improved": lambda one: one["content"]["controls"][0].update(state="satisfied"),
    "a gap removed": lambda one: one["content"]["controls"][0].update(gaps=[]),
    "an audit row removed": lambda one: one["content"]["audit"]["events"].pop(1),
    "the last audit row removed": lambda one: one["content"]["audit"]["events"].pop(),
    "a policy version changed": lambda one: one["content"]["about"]["versions"]["made_with"][0].update(
        stated={}
    ),
    "a word added to the signature": lambda one: one["seal"]["signature"].update(note="approved"),
    "a word added to the seal": lambda one: one["seal"]["sealed"].update(note="approved"),
    "another number": lambda one: one["seal"]["sealed"].update(sequence=7),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_export_that_is_changed_with_care_is_refused(
    catalogue: Catalogue, change: Callable[[dict[str, Any]], None]
) -> None:
    made = await export(catalogue, ExportFormat.JSON)
    with pytest.raises(NotIntactError):
        verify(resealed(made.content, change), signature_holds)


async def test_forger_who_signs_with_a_key_of_his_own_is_not_known(
    catalogue: Catalogue,
) -> None:
    made = await export(catalogue, ExportFormat.JSON)
    with pytest.raises(NotIntactError, match="none of those given"):
        verify(made.content, signature_holds, {"k1": b"x" * 32})


async def test_audit_log_that_lacks_a_row_is_refused_even_with_a_good_signature(catalogue: Catalogue) -> None:
    log = events(3)
    for form in FORMATS:
        made = await export(catalogue, form, source=Source(records(2), [log[0], log[2]], INTACT))
        with pytest.raises(NotIntactError, match="audit log is broken before event 3"):
            verify(made.content, signature_holds)


async def test_export_made_over_a_broken_audit_log_says_so(catalogue: Catalogue) -> None:
    broken = ChainState(1, intact=False, broken_at=2, head="00")
    made = await export(catalogue, ExportFormat.OSCAL, source=Source(records(1), events(1), broken))
    assert verify(made.content, signature_holds).audit_intact is False


async def test_each_export_names_the_one_before_it(catalogue: Catalogue) -> None:
    make = exporter(catalogue, ledger=Ledger())
    found = [
        verify((await make.make(CALLER, ExportOrder("soc2", PERIOD, form))).content, signature_holds)
        for form in FORMATS
    ]
    assert [one.sequence for one in found] == [1, 2, 3]
    assert [one.previous for one in found[1:]] == [one.digest for one in found[:-1]]
    assert found[0].previous == "0" * 64


async def test_every_format_carries_the_versions_of_everything(catalogue: Catalogue) -> None:
    told = {
        "taxonomy": "2026.11",
        "framework": catalogue.frameworks["iso27001"].edition,
        "evidence_rules": 0,
        "made_with": [
            {"taxonomy": "2026.11", "analyses": 300, "stated": {"policy": "default", "model": "smollm2:1"}}
        ],
    }
    plain = json.loads((await export(catalogue, ExportFormat.JSON)).content)
    assert plain["content"]["about"]["versions"] == told
    with zipfile.ZipFile(io.BytesIO((await export(catalogue, ExportFormat.CSV)).content)) as archive:
        assert json.loads(archive.read("about.json"))["versions"] == told
    oscal = json.loads((await export(catalogue, ExportFormat.OSCAL)).content)
    (versions,) = [
        one
        for one in oscal["assessment-results"]["back-matter"]["resources"]
        if one["base64"]["filename"] == "versions.json"
    ]
    assert json.loads(base64.b64decode(versions["base64"]["value"])) == told


async def test_every_format_names_what_reviews_put_aside_and_keeps_the_finding(catalogue: Catalogue) -> None:
    document = json.loads((await export(catalogue, ExportFormat.JSON)).content)["content"]
    (told,) = document["put_aside"]
    assert (told["feedback_id"], told["given_by"], told["reviewed_by"]) == (
        str(ASIDE[0].feedback_id),
        "token-2",
        "token-3",
    )
    assert document["summary"]["put_aside"] == 1
    (kept,) = [one for one in document["analyses"] if one["evidence_id"] == told["evidence_id"]]
    assert kept["findings"][0]["label"] == told["label"] == "SECRET.ApiKey"
    results = json.loads((await export(catalogue, ExportFormat.OSCAL)).content)["assessment-results"]
    (resource,) = [
        one
        for one in results["back-matter"]["resources"]
        if one.get("base64", {}).get("filename") == "put-aside.json"
    ]
    assert json.loads(base64.b64decode(resource["base64"]["value"])) == {"findings": [told]}
    archive = zipfile.ZipFile(io.BytesIO((await export(catalogue, ExportFormat.CSV)).content))
    row = archive.read("put_aside.csv").decode().splitlines()[1].split(",")
    assert (row[2], row[5], row[8:10]) == ("'=f1", told["feedback_id"], [told["reviewed_at"], "token-3"])


async def test_what_is_not_shown_is_not_satisfied_in_oscal_either(catalogue: Catalogue) -> None:
    document = json.loads((await export(catalogue, ExportFormat.OSCAL)).content)
    (result,) = document["assessment-results"]["results"]
    states = {}
    for finding in result["findings"]:
        (exact,) = [one["value"] for one in finding["props"] if one["name"] == "evidence-state"]
        status = finding["target"]["status"]
        states[exact] = (status["state"], status["reason"])
        if exact == "insufficient":
            assert status["remarks"]
    assert states == {
        "satisfied": ("satisfied", "pass"),
        "violated": ("not-satisfied", "fail"),
        "insufficient": ("not-satisfied", "other"),
    }


async def test_satisfied_control_is_satisfied_in_an_export_whose_period_nobody_named(
    catalogue: Catalogue,
) -> None:
    now = datetime.now(UTC)
    period = settled_period(None, None, None, now=now)
    assert period.end <= now - SETTLED, "what is newer may not be kept yet"
    made = await exporter(catalogue).make(CALLER, ExportOrder("iso27001", period, ExportFormat.JSON))
    states = {one["control"]: one["state"] for one in json.loads(made.content)["content"]["controls"]}
    expected = json.loads((await export(catalogue, ExportFormat.JSON)).content)["content"]["controls"]
    assert states == {one["control"]: one["state"] for one in expected}
    assert "satisfied" in states.values()


async def test_named_end_is_waited_for_and_never_moved(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_export, "SETTLED", timedelta(seconds=0.2))
    end = datetime.now(UTC)
    period = Period(end - timedelta(days=30), end)
    made = await exporter(catalogue).make(CALLER, ExportOrder("iso27001", period, ExportFormat.JSON))
    assert datetime.now(UTC) >= end + timedelta(seconds=0.2)
    about = json.loads(made.content)["content"]["about"]
    assert datetime.fromisoformat(about["period"]["end"]) == end
    ahead = Period(period.start, end + timedelta(hours=1))
    with pytest.raises(ServiceError, match="must not lie ahead") as refused:
        await exporter(catalogue).make(CALLER, ExportOrder("iso27001", ahead, ExportFormat.JSON))
    assert refused.value.field == "to"


async def test_cells_of_a_table_are_no_formulas(catalogue: Catalogue) -> None:
    made = await export(catalogue, ExportFormat.CSV)
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert "'=cmd|" in archive.read("analyses.csv").decode()
        for name in archive.namelist():
            for line in archive.read(name).decode().splitlines():
                assert not line.startswith(("=", "+", "@"))
                assert ",=" not in line


async def test_export_that_would_be_too_large_is_refused_by_number(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_export, "MAX_ANALYSES", 2)
    with pytest.raises(ServiceError, match="there are 3 analyses in this period") as refused:
        await export(catalogue, ExportFormat.JSON)
    assert refused.value.field == "from"


@pytest.mark.parametrize(
    "garbage",
    [
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"content":1,"seal":2}',
        b'{"assessment-results":{}}',
        b"1e999",
    ],
)
def test_garbage_is_refused_and_nothing_worse(garbage: bytes) -> None:
    for data in (garbage, garbage + b"\n"):
        with pytest.raises(NotIntactError):
            verify(data, signature_holds)


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("AC-2(1)", "ac-2.1"),
        ("Art. 5(1)(a)", "art-5.1.a"),
        ("164.312(e)(1)", "_164.312.e.1"),
        ("MEASURE 2.7", "measure-2.7"),
        ("A.8.12", "a.8.12"),
        ("LLM01:2025", "llm01-2025"),
        ("§", "_"),
    ],
)
def test_ids_of_controls_become_tokens(control: str, expected: str) -> None:
    assert token(control) == expected


def test_no_two_controls_of_a_framework_share_a_token(catalogue: Catalogue) -> None:
    for framework in catalogue.frameworks.values():
        named = tokens(list(framework.controls))
        assert len(set(named.values())) == len(framework.controls)
    assert len(set(tokens(["a b", "a-b", "§", "¶"]).values())) == 4
