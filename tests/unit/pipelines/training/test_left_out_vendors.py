"""Vendors of the training, asked about by heads that did not learn from them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from scipy.sparse import csr_matrix

from pipelines.lib.training import left_out_vendors as module
from pipelines.lib.training.left_out_vendors import left_out_vendors
from pipelines.lib.training.training_rows import TrainingRow

LABELS = ("PII.Person.Name", "OTHER.Safe")


class Echo:
    """A head whose logits are the number of each row it is asked about, and the rows that it learnt from."""

    def __init__(self, rows: Sequence[TrainingRow]) -> None:
        self.learnt = {row.raw for row in rows}

    def logits(self, raws: Sequence[str], embeddings: Any) -> Any:
        assert not self.learnt & set(raws)
        assert len(embeddings) == len(raws)
        return np.repeat(embeddings, len(LABELS), axis=1)


def rows(vendors: int) -> list[TrainingRow]:
    theirs = [
        TrainingRow(raw=f"{vendor} {at}", label=LABELS[0], vendor=f"v{vendor}", group=f"family {vendor // 2}")
        for vendor in range(vendors)
        for at in range(vendor + 1)
    ]
    return [TrainingRow(raw="a phrasing", label=LABELS[1], group="phrasing"), *theirs]


@pytest.mark.parametrize("vendors", [0, 1, 4, 20])
def test_no_head_is_asked_about_a_family_that_it_learnt_from(
    monkeypatch: pytest.MonkeyPatch, vendors: int
) -> None:
    heads: list[set[str]] = []

    def train(learnt: Sequence[TrainingRow], embeddings: Any, pieces: Any, *_: object, **__: object) -> Echo:
        assert len(embeddings) == len(learnt)
        assert pieces.toarray().tolist() == embeddings.tolist()
        heads.append({row.group for row in learnt})
        return Echo(learnt)

    monkeypatch.setattr(module, "train_embedding_head", train)
    training = rows(vendors)
    numbers = np.arange(len(training), dtype=np.float32)[:, None]
    pieces = csr_matrix(numbers)
    found = left_out_vendors(training, numbers, pieces, LABELS, sizes=(1,), embedder_sha256="", seed=1)
    assert [row.raw for row in found.rows] == [row.raw for row in training if row.vendor]
    assert found.logits[:, 0].tolist() == list(range(1, len(training)))
    assert len(heads) == min(5, -(-vendors // 2))
    assert all("phrasing" in groups for groups in heads)
