"""Which tier names a label, and what the finding then says."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from mapper_svc.domain.ask_model import AskModel
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import MapResult, Tier, UnmappedLabel
from mapper_svc.domain.label_model import ModelFault
from mapper_svc.domain.map_request import MapRequests
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry
from mapper_svc.domain.tenant_settings import STALE, CurrentChoices, MappingChoices, Piece
from tests.unit.mapper_svc.model_stand_ins import VERSION, Cache, Heard, Model, Router

MEANINGS: Mapping[str, Mapping[str, float]] = {
    "wants to hurt somebody": {"HARM.SPEECH.Threat": 0.9},
    "may want to hurt somebody": {"HARM.SPEECH.Threat": 0.65, "HARM.SPEECH.Harassment": 0.3},
    "all is well here": {"OTHER.Safe": 0.99},
    "no idea at all": {"OTHER.Unknown": 0.99},
    "harassment": {"HARM.SPEECH.Insult": 0.5},
}


class Settings:
    def __init__(self, choices: MappingChoices, note: str = "") -> None:
        self.current = CurrentChoices(choices, note=note)

    async def of(self, tenant_id: UUID) -> CurrentChoices:  # noqa: ARG002 - the shape of the port
        return self.current


class Review:
    def __init__(self) -> None:
        self.kept: list[UnmappedLabel] = []

    async def keep(self, tenant_id: UUID, labels: Any) -> None:  # noqa: ARG002 - the shape of the port
        self.kept.extend(labels)

    async def page(self, tenant_id: UUID, *, limit: int, after: Any = None, state: Any = None) -> list[Any]:
        raise NotImplementedError


class Mapper:
    """The use case with a model of a few words."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        choices: MappingChoices | None = None,
        note: str = "",
        threshold: float | None = 0.7,
    ) -> None:
        labels = tuple(catalogue.taxonomy.labels)
        self.model = Model(labels, MEANINGS, replace(VERSION, threshold=threshold))
        self.review = Review()
        self.router = Router(self.model)
        ask = AskModel(
            self.router,
            Cache(),
            Heard(),
            BackgroundWork(),
            calls_per_tenant=64,
            budget_s=0.5,
            labels_per_call=256,
            labels=labels,
        )
        self._map = MapRequests(
            catalogue,
            self.review,
            Heard(),
            BackgroundWork(),
            tenant_settings=Settings(choices or MappingChoices(), note),
            ask_model=ask,
        )

    async def __call__(self, output: object, detector: str = "in-house") -> MapResult:
        (result,) = await self.batch(MapperPayload(detector, output))
        return result

    async def batch(self, *payloads: MapperPayload) -> list[MapResult]:
        return await self._map(payloads, tenant_id=uuid4())


def one(result: MapResult) -> Any:
    (finding,) = result.findings
    return finding


async def test_a_label_that_the_model_is_sure_of_is_the_models(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    result = await mapper([{"label": "wants to hurt somebody", "score": 0.6}])
    finding = one(result)
    assert (finding.taxonomy, finding.tier) == (("HARM.SPEECH.Threat",), Tier.MODEL)
    assert finding.scores == {"HARM.SPEECH.Threat": 0.6}, "scores are risks, as everywhere"
    assert finding.confidence == pytest.approx(0.9, abs=0.01)
    assert (finding.provenance.model, finding.provenance.adapter) == (VERSION.name, VERSION.adapter)
    assert finding.version_info.model == result.version_info.model == VERSION.version
    assert not result.fallback_used
    assert mapper.review.kept == []


async def test_rules_come_first_and_the_model_is_not_asked(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    result = await mapper("harassment", "openai_moderation")
    assert one(result).tier is Tier.RULE
    assert (mapper.model.asked, result.version_info.model) == ([], None)


async def test_the_vendor_goes_with_the_label_as_it_is(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    await mapper("wants to hurt somebody", "Azure-AI-Content-Safety")
    await mapper("wants to hurt somebody", "nobody-knows")
    assert [call[0].vendor for call in mapper.model.calls] == ["azure_content_safety", None]


async def test_under_the_threshold_likeness_decides(catalogue: Catalogue) -> None:
    result = await Mapper(catalogue)("harassment")
    finding = one(result)
    assert (finding.taxonomy, finding.tier) == (("HARM.SPEECH.Harassment",), Tier.SEMANTIC)
    assert finding.confidence == 0.95
    assert finding.provenance.model is None
    assert not result.fallback_used


async def test_what_nobody_is_sure_of_is_unknown_with_the_models_guesses(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    result = await mapper("may want to hurt somebody")
    finding = one(result)
    assert (finding.taxonomy, finding.tier, finding.confidence) == (("OTHER.Unknown",), Tier.FALLBACK, 0.0)
    assert "HARM.SPEECH.Threat (0.65), HARM.SPEECH.Harassment (0.30)" in finding.notes
    assert (finding.version_info.model, finding.provenance.model) == (VERSION.version, None)
    assert result.fallback_used
    (kept,) = mapper.review.kept
    assert kept.raw == "may want to hurt somebody"
    assert kept.guesses[:2] == ("HARM.SPEECH.Threat", "HARM.SPEECH.Harassment")
    assert len(kept.guesses) == 5


async def test_no_version_answers_below_six_tenths(catalogue: Catalogue) -> None:
    result = await Mapper(catalogue, threshold=0.1)("harassing, it seems, perhaps")
    assert one(result).tier is Tier.FALLBACK
    assert one(await Mapper(catalogue, threshold=0.1)("may want to hurt somebody")).tier is Tier.MODEL


async def test_a_version_of_unproven_precision_only_guesses(catalogue: Catalogue) -> None:
    finding = one(await Mapper(catalogue, threshold=None)("wants to hurt somebody"))
    assert finding.tier is Tier.FALLBACK
    assert "HARM.SPEECH.Threat" in finding.notes


async def test_a_tenant_may_ask_for_more_confidence_in_a_label_but_not_for_less(catalogue: Catalogue) -> None:
    stricter = MappingChoices(label_thresholds={"HARM.SPEECH.Threat": 0.95})
    assert one(await Mapper(catalogue, choices=stricter)("wants to hurt somebody")).tier is Tier.FALLBACK
    laxer = MappingChoices(label_thresholds={"HARM.SPEECH.Threat": 0.1}, threshold=0.1)
    assert one(await Mapper(catalogue, choices=laxer)("may want to hurt somebody")).tier is Tier.FALLBACK
    alike = MappingChoices(label_thresholds={"HARM.SPEECH.Harassment": 0.99})
    assert one(await Mapper(catalogue, choices=alike)("harassment")).tier is Tier.FALLBACK


@pytest.mark.parametrize("label", ["all is well here", "no idea at all"])
async def test_the_model_alone_can_clear_nothing(label: str, catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    finding = one(await mapper([{"label": label, "score": 0.9}]))
    assert (finding.taxonomy, finding.tier) == (("OTHER.Unknown",), Tier.FALLBACK)
    assert ("reads the label as safe" in finding.notes) is (label == "all is well here")
    assert mapper.review.kept


async def test_codes_are_the_vendors_business(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    for detector, code in (("llama_guard", "S99"), ("in-house", "LABEL_1"), ("in-house", "DLP-1042")):
        assert one(await mapper(code, detector)).tier is Tier.FALLBACK
    assert mapper.model.asked == []


async def test_a_tenant_without_the_model_is_answered_by_the_embedding_head(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue, choices=MappingChoices(off=frozenset({Piece.MODEL})))
    mapper.model.head = {"wants to hurt somebody": {"HARM.SPEECH.Insult": 0.8}}
    finding = one(await mapper("wants to hurt somebody"))
    assert (finding.taxonomy, finding.tier) == (("HARM.SPEECH.Insult",), Tier.SEMANTIC)


async def test_nothing_is_sent_for_a_tenant_without_model_and_head(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue, choices=MappingChoices(off=frozenset({Piece.MODEL, Piece.SEMANTIC})))
    mapper.router.fault = ModelFault.UNREACHABLE
    result = await mapper("harassment")
    assert mapper.model.asked == []
    assert one(result).tier is Tier.SEMANTIC
    assert not result.fallback_used, "a model that is not wanted is not missed"


async def test_a_tenant_without_likeness_gets_no_answer_by_it(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue, choices=MappingChoices(off=frozenset({Piece.SIMILARITY})))
    assert one(await mapper("harassment")).tier is Tier.FALLBACK


async def test_without_rules_labels_are_the_models_but_safe_stays_the_vendors(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue, choices=MappingChoices(off=frozenset({Piece.RULE})))
    assert one(await mapper("harassment", "openai_moderation")).tier is Tier.SEMANTIC
    assert one(await mapper("safe", "llama_guard")).taxonomy == ("OTHER.Safe",)
    assert one(await mapper("unsafe\nS1", "llama_guard")).taxonomy == ("OTHER.Unknown",)
    scored = await mapper([{"entity_type": "PERSON", "score": 0.2}], "presidio")
    assert one(scored).taxonomy == ("OTHER.Safe",), "scores are read as ever"


@pytest.mark.parametrize("fault", [ModelFault.TIMEOUT, ModelFault.MISMATCH, ModelFault.BREAKER_OPEN])
async def test_a_model_that_is_missed_is_told_even_where_likeness_answers(
    fault: ModelFault, catalogue: Catalogue
) -> None:
    mapper = Mapper(catalogue)
    mapper.router.fault = fault
    named, unnamed = await mapper("harassment"), await mapper("wants to hurt somebody")
    assert one(named).tier is Tier.SEMANTIC
    assert one(unnamed).tier is Tier.FALLBACK
    for result in (named, unnamed):
        assert result.fallback_used
        assert "The model was not heard: " in one(result).notes
    by_rule = await mapper("harassment", "openai_moderation")
    assert not by_rule.fallback_used, "nothing was missed where rules know"


async def test_a_batch_asks_the_labels_of_all_items_together_and_each_once(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    entries = tuple(
        ProvenanceEntry(f"d{n}", ["wants to hurt somebody", f"thing {'ab' * n} x"]) for n in (1, 2)
    )
    payloads = [MapperPayload("aggregate", provenance=entries), MapperPayload("other", "no idea at all")] * 3
    results = await mapper.batch(*payloads)
    (call,) = mapper.model.calls
    assert sorted(label.label for label in call) == [
        "no idea at all",
        "thing ab x",
        "thing abab x",
        "wants to hurt somebody",
    ]
    assert [len(result.findings) for result in results] == [4, 1] * 3


async def test_labels_that_look_alike_once_scrubbed_keep_their_own_meanings(catalogue: Catalogue) -> None:
    threat = "the user says that he wants to hurt somebody in the street"
    other = "the user talks on and on about nothing in particular at all"
    mapper = Mapper(catalogue)
    mapper.model.meanings = {threat: {"HARM.SPEECH.Threat": 0.9}}
    result = await mapper([threat, other, threat])
    found = {finding.taxonomy[0]: finding for finding in result.findings}
    assert found.keys() == {"HARM.SPEECH.Threat", "OTHER.Unknown"}
    assert {finding.raw.label for finding in result.findings} == {"[text]"}
    assert found["HARM.SPEECH.Threat"].occurrences == 2


async def test_two_spellings_that_mean_the_same_are_one_finding(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    mapper.model.meanings = {"mail [email] leaked": {"PII.Contact.Email": 0.9}}
    finding = one(await mapper(["mail bob@example.com leaked", "mail eve@example.com leaked"]))
    assert (finding.raw.label, finding.occurrences) == ("mail [email] leaked", 2)
    assert mapper.model.asked == ["mail [email] leaked"]


async def test_likeness_to_the_words_of_another_version_proves_nothing(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    entry = ProvenanceEntry("llama_guard", "unsafe\nharassment", version="9")
    (result,) = await mapper.batch(MapperPayload("aggregate", provenance=(entry,)))
    assert {finding.tier for finding in result.findings} <= {Tier.FALLBACK, Tier.RULE}


async def test_settings_that_could_not_be_read_are_told(catalogue: Catalogue) -> None:
    finding = one(await Mapper(catalogue, note=STALE)("wants to hurt somebody"))
    assert STALE in finding.notes


async def test_a_flood_of_labels_is_asked_in_part_and_counted_in_full(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    result = await mapper([f"thing {chr(97 + n // 26)}{chr(97 + n % 26)}q" for n in range(600)])
    assert len(mapper.model.asked) == 100
    assert sum(finding.occurrences for finding in result.findings) == 600


async def test_other_requests_go_on_while_a_model_thinks(catalogue: Catalogue) -> None:
    mapper = Mapper(catalogue)
    mapper.model.delay_s = 0.2
    slow = asyncio.create_task(mapper("wants to hurt somebody"))
    await asyncio.sleep(0.02)
    assert one(await mapper("harassment", "openai_moderation")).tier is Tier.RULE
    assert not slow.done()
    assert one(await slow).tier is Tier.MODEL
