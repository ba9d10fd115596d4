import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.bentos.conftest import TOKEN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_like_texts_are_near_and_others_far(start_bento: Callable[..., Any]) -> None:
    with start_bento("bentos.embedder.service:Embedder", {"EMBEDDER_SERVICE_TOKEN": TOKEN}) as started:
        started.wait_until(lambda: started.answers("/readyz", 200))
        texts = ["bank account number", "number of a bank account", "the weather is fine"]
        with started.client() as client:
            answer = client.post("/v1/embed", json={"texts": texts}).json()
    first, like, other = answer["embeddings"]
    assert answer["model"]["size"] == len(first) == 384
    assert math.hypot(*first) == pytest.approx(1, abs=1e-4)
    assert cosine(first, like) > 0.7
    assert cosine(first, other) < 0.3


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
