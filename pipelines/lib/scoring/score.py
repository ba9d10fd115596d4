"""Distributions over the labels for raw labels, from a trained folder: what the gates and the release ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from mapper_svc.domain.prompt import PROMPT_VERSION
from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.scoring.base_model import BaseModelError, weights_sha256
from pipelines.lib.scoring.calibration import Calibration, load_calibration
from pipelines.lib.scoring.embedder import Embedder
from pipelines.lib.scoring.embedding_head import EmbeddingHead, embed_raw, load_embedding_head
from pipelines.lib.scoring.label_tokens import LabelTokens, TextTokenizer, load_label_tokens
from pipelines.lib.scoring.merge_adapter import ADAPTER_WEIGHTS
from pipelines.lib.scoring.one_token_model import (
    OneTokenModel,
    label_logits,
    load_merged,
    load_tokenizer,
)
from pipelines.lib.scoring.raw_label import HasRawLabel, RawLabel, encode_prompt
from pipelines.lib.scoring.trained_folder import (
    ADAPTER,
    CALIBRATION,
    HEAD,
    LABEL_TOKENS,
    ORIGIN,
    MismatchError,
    Origin,
    load_origin,
)

__all__ = [
    "ADAPTER",
    "CALIBRATION",
    "HEAD",
    "LABEL_TOKENS",
    "ORIGIN",
    "MismatchError",
    "Origin",
    "Scorer",
    "TierLogits",
    "TrainedParts",
    "load_origin",
    "load_parts",
    "load_scorer",
]


@dataclass(frozen=True)
class TierLogits:
    """Logits of both tiers for the same rows, rows by labels."""

    model: NDArray[np.float32]
    head: NDArray[np.float32]


@dataclass(frozen=True)
class TrainedParts:
    """What a trained folder holds beside the language model, which an engine may compute elsewhere.

    Attributes:
        origin: what it was made of.
        tokenizer: tokenizer of the base model.
        embedder: what turns texts into numbers for the head.
        head: the embedding head.
        tokens: the table of label tokens.
        calibration: how the tiers are put together.
    """

    origin: Origin
    tokenizer: TextTokenizer
    embedder: Embedder
    head: EmbeddingHead
    tokens: LabelTokens
    calibration: Calibration

    def prompts(self, rows: Sequence[HasRawLabel]) -> list[tuple[int, ...]]:
        """Returns the token ids that the language model is to read.

        A vendor that was not trained on is shown as none, because that is what the model learnt to answer
        without.
        """
        known = self.origin.vendors
        return [
            encode_prompt(self.tokenizer, row.raw, row.vendor if row.vendor in known else None)
            for row in rows
        ]

    def head_logits(self, rows: Sequence[HasRawLabel]) -> NDArray[np.float32]:
        """Returns the logits of the embedding head, which is shown no vendor."""
        raws = [row.raw for row in rows]
        return self.head.logits(raws, embed_raw(raws, self.embedder))


@dataclass(frozen=True)
class Scorer:
    """Everything that is needed to answer in this process.

    Attributes:
        model: the language model, with or without its adapter merged.
        parts: the rest.
    """

    model: OneTokenModel
    parts: TrainedParts

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of every distribution."""
        return self.parts.tokens.labels

    @property
    def calibration(self) -> Calibration:
        """How the tiers are put together."""
        return self.parts.calibration

    def logits(self, rows: Sequence[HasRawLabel]) -> TierLogits:
        """Returns the logits of both tiers. The vendor is shown to the model only."""
        model = label_logits(self.model, self.parts.prompts(rows)).numpy()
        return TierLogits(model, self.parts.head_logits(rows))

    def score(self, asked: Sequence[tuple[str | None, str]]) -> NDArray[np.float64]:
        """Returns the calibrated distribution of both tiers together for pairs of vendor and raw label."""
        if not asked:
            return np.empty((0, len(self.labels)))
        found = self.logits([RawLabel(raw, vendor) for vendor, raw in asked])
        probabilities: NDArray[np.float64] = np.exp(self.calibration.combined(found.model, found.head))
        return probabilities


def load_parts(folder: Path, base: Path, taxonomy: Taxonomy, embedder: Embedder) -> TrainedParts:
    """Loads a trained folder but for the language model.

    Args:
        folder: what `python -m pipelines train` wrote.
        base: folder of the base model.
        taxonomy: the edition that answers are wanted in.
        embedder: the embedder.

    Raises:
        MismatchError: base, prompt or edition are not those of the training.
        LabelTokenError: the table of label tokens is of another edition or tokenizer.
        EmbeddingHeadError: the head is of other labels or another embedder.
        BaseModelError: the adapter is missing.
    """
    origin = load_origin(folder)
    try:
        calibration = load_calibration(folder / CALIBRATION)
    except (OSError, msgspec.DecodeError) as error:
        raise MismatchError(f"{folder} holds no calibration: {error}") from error
    wanted = {
        "prompt": (origin.prompt, PROMPT_VERSION),
        "edition": (origin.edition, taxonomy.edition),
        "taxonomy": (origin.taxonomy_sha256, taxonomy.content_hash),
        "base model": (origin.base_sha256, weights_sha256(base)),
        "embedder": (origin.embedder_sha256, embedder.sha256),
    }
    for name, (trained, found) in wanted.items():
        if trained != found:
            raise MismatchError(f"{folder.name} was trained with the {name} {trained[:16]}, not {found[:16]}")
    if not (folder / ADAPTER / ADAPTER_WEIGHTS).is_file():
        raise BaseModelError(f"{folder} holds no adapter")
    tokenizer = load_tokenizer(base)
    tokens = load_label_tokens(folder / LABEL_TOKENS, taxonomy, tokenizer)
    head = load_embedding_head(folder / HEAD, tokens.labels, embedder.sha256)
    return TrainedParts(origin, tokenizer, embedder, head, tokens, calibration)


def load_scorer(folder: Path, base: Path, taxonomy: Taxonomy, embedder: Embedder) -> Scorer:
    """Loads a trained folder with its language model, the adapter merged; raises what `load_parts` raises."""
    parts = load_parts(folder, base, taxonomy, embedder)
    model = load_merged(base, folder / ADAPTER, parts.tokens.ids, parts.origin.dtype)
    return Scorer(model, parts)
