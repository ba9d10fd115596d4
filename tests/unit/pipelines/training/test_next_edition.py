"""A model of one edition never answers in the labels of another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.scoring.label_tokens import LabelTokenError, load_label_tokens, save_label_tokens
from pipelines.lib.training.choose_label_tokens import choose_label_tokens

EDITIONS = Path(__file__).parents[3] / "data" / "editions"
Words = Callable[..., Any]


@pytest.fixture(scope="module")
def following() -> Taxonomy:
    return load_taxonomy("2027.05", EDITIONS)


def test_label_tokens_of_this_edition_are_refused_by_the_next(
    taxonomy: Taxonomy, following: Taxonomy, words: Words, tmp_path: Path
) -> None:
    save_label_tokens(choose_label_tokens(taxonomy, words()), tmp_path / "tokens.json")
    with pytest.raises(LabelTokenError, match=r"are of edition 2026\.11 .*, not of 2027\.05"):
        load_label_tokens(tmp_path / "tokens.json", following, words())


def test_label_tokens_of_the_next_edition_are_refused_by_this_one(
    taxonomy: Taxonomy, following: Taxonomy, words: Words, tmp_path: Path
) -> None:
    tokens = choose_label_tokens(following, words())
    save_label_tokens(tokens, tmp_path / "tokens.json")
    assert load_label_tokens(tmp_path / "tokens.json", following, words()) == tokens
    with pytest.raises(LabelTokenError, match="edition"):
        load_label_tokens(tmp_path / "tokens.json", taxonomy, words())
