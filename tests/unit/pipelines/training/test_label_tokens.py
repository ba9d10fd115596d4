from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.scoring.label_tokens import (
    LabelTokenError,
    load_label_tokens,
    save_label_tokens,
)
from pipelines.lib.training.choose_label_tokens import choose_label_tokens

Words = Callable[..., Any]


def test_every_label_has_one_token_of_its_own(taxonomy: Taxonomy, words: Words) -> None:
    tokens = choose_label_tokens(taxonomy, words())
    assert tokens.labels == tuple(taxonomy.labels)
    assert len(set(tokens.ids)) == len(taxonomy.labels)


def test_a_token_means_something_like_its_label(taxonomy: Taxonomy, words: Words) -> None:
    tokens = choose_label_tokens(taxonomy, words()).tokens
    assert tokens["PII.Contact.Email"].text == " email"
    assert tokens["SECRET.Password"].text == " password"
    assert tokens["OTHER.Safe"].text == " safe"


def test_the_choice_is_the_same_every_time(taxonomy: Taxonomy, words: Words) -> None:
    assert choose_label_tokens(taxonomy, words()) == choose_label_tokens(taxonomy, words())


def test_a_vocabulary_that_is_too_poor_is_refused(taxonomy: Taxonomy, words: Words) -> None:
    with pytest.raises(LabelTokenError):
        choose_label_tokens(taxonomy, words(without=10**6))


def test_a_saved_table_is_read_back(taxonomy: Taxonomy, words: Words, tmp_path: Path) -> None:
    tokens = choose_label_tokens(taxonomy, words())
    save_label_tokens(tokens, tmp_path / "tokens.json")
    assert load_label_tokens(tmp_path / "tokens.json", taxonomy, words()) == tokens


def test_another_tokenizer_is_refused(taxonomy: Taxonomy, words: Words, tmp_path: Path) -> None:
    save_label_tokens(choose_label_tokens(taxonomy, words()), tmp_path / "tokens.json")
    with pytest.raises(LabelTokenError, match="vocabulary"):
        load_label_tokens(tmp_path / "tokens.json", taxonomy, words(without=1))


def test_another_edition_is_refused(taxonomy: Taxonomy, words: Words, tmp_path: Path) -> None:
    save_label_tokens(choose_label_tokens(taxonomy, words()), tmp_path / "tokens.json")
    with pytest.raises(LabelTokenError, match="edition"):
        load_label_tokens(tmp_path / "tokens.json", replace(taxonomy, edition="2027.01"), words())


def test_an_edition_of_that_name_with_other_content_is_refused(
    taxonomy: Taxonomy, words: Words, tmp_path: Path
) -> None:
    save_label_tokens(choose_label_tokens(taxonomy, words()), tmp_path / "tokens.json")
    labels = dict(taxonomy.labels)
    labels["OTHER.Safe"] = replace(labels["OTHER.Safe"], means="something else")
    with pytest.raises(LabelTokenError, match="edition"):
        load_label_tokens(tmp_path / "tokens.json", replace(taxonomy, labels=labels), words())


def test_a_token_for_two_labels_is_refused(taxonomy: Taxonomy, words: Words, tmp_path: Path) -> None:
    tokens = choose_label_tokens(taxonomy, words())
    first = next(iter(tokens.tokens.values()))
    twice = msgspec.structs.replace(tokens, tokens={**tokens.tokens, "OTHER.Safe": first})
    save_label_tokens(twice, tmp_path / "tokens.json")
    with pytest.raises(LabelTokenError, match="share a token"):
        load_label_tokens(tmp_path / "tokens.json", taxonomy, words())


@pytest.mark.parametrize("content", [b"", b"[]", b'{"edition": 3}'])
def test_a_broken_table_is_refused(taxonomy: Taxonomy, words: Words, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokens.json").write_bytes(content)
    with pytest.raises(LabelTokenError, match=r"tokens\.json"):
        load_label_tokens(tmp_path / "tokens.json", taxonomy, words())
