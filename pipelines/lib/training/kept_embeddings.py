"""Embeddings of the rows to learn from, kept between two trainings: computing them takes minutes."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from pipelines.lib.scoring.atomic_file import write_atomically
from pipelines.lib.scoring.embedder import Embedder
from pipelines.lib.scoring.embedding_head import embed_texts, text_to_embed

_FOLDER = "embeddings"
_DIGITS = 16
_AT_ONCE = 2048
_Kept = dict[bytes, NDArray[np.float32]]


def kept_embeddings(
    raws: Sequence[str], embedder: Embedder, data_root: Path, say: Callable[[str], None] = lambda _: None
) -> NDArray[np.float32]:
    """Returns what `embed_raw` does, and computes only what the last call did not leave.

    The file has a row for each text of this call by the hash of the text, and none of an earlier call: what
    has been taken out of the data set is in it no longer. One that cannot be read is made anew.

    Args:
        raws: raw labels.
        embedder: the embedder; each has a file of its own.
        data_root: folder that everything made is written under.
        say: is told how much is to be computed, and how much of it is.
    """
    path = data_root / _FOLDER / f"{embedder.sha256[:_DIGITS]}.safetensors"
    texts = [text_to_embed(raw) for raw in raws]
    keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
    wanted = dict(zip(keys, texts, strict=True))
    kept = _read(path, embedder.size)
    found = {key: row for key, row in kept.items() if key in wanted}
    new = sorted((key for key in wanted if key not in found), key=lambda key: len(wanted[key]))
    say(f"{len(new)} texts to embed; {len(found)} are kept from before")
    for start in range(0, len(new), _AT_ONCE):
        part = new[start : start + _AT_ONCE]
        found.update(zip(part, embed_texts([wanted[key] for key in part], embedder), strict=True))
        say(f"embedded {start + len(part)} of {len(new)}")
    if new or len(kept) != len(found):
        _write(path, found)
    return np.stack([found[key] for key in keys])


def _read(path: Path, size: int) -> _Kept:
    if not path.is_file():
        return {}
    try:
        tensors = load_file(path)
        keys, rows = tensors["keys"], tensors["rows"]
    except (SafetensorError, KeyError, OSError):
        return {}
    if rows.shape != (len(keys), size) or rows.dtype != np.float32 or not np.isfinite(rows).all():
        return {}
    return {key.tobytes(): row for key, row in zip(keys, rows, strict=True)}


def _write(path: Path, kept: _Kept) -> None:
    keys = np.frombuffer(b"".join(kept), dtype=np.uint8).reshape(len(kept), -1)
    write_atomically(path, save({"keys": keys, "rows": np.stack(list(kept.values()))}))
