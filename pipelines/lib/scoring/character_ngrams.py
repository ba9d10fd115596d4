"""Pieces of words as features: what a label looks like, in every script, beside what it means."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from mapper_svc.domain.normalised_label import normalise

BUCKETS = 1 << 15
"""Number of features. A piece's feature is CRC-32 of its UTF-8 bytes modulo this."""
_SIZES = (1, 2, 3, 4, 5)


def ngram_features(raws: Sequence[str]) -> csr_matrix:
    """Returns the features of raw labels, rows by `BUCKETS`, each row of length one.

    The pieces of a label are all runs of 1 to 5 characters within its normalised form with a space at each
    end, and its whole words; each counts once however often it is there.
    """
    indices: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float32]] = []
    starts = [0]
    for raw in raws:
        places = np.unique(np.array([_bucket(piece) for piece in _pieces(raw)], dtype=np.int64))
        indices.append(places)
        values.append(np.full(len(places), 1 / np.sqrt(max(1, len(places))), dtype=np.float32))
        starts.append(starts[-1] + len(places))
    return csr_matrix(
        (np.concatenate(values), np.concatenate(indices), starts),
        shape=(len(raws), BUCKETS),
        dtype=np.float32,
    )


def _pieces(raw: str) -> set[str]:
    words = normalise(raw)
    text = f" {words} "
    pieces = {text[at : at + size] for size in _SIZES for at in range(len(text) - size + 1)}
    return pieces | {f"<{word}>" for word in words.split()}


def _bucket(piece: str) -> int:
    return zlib.crc32(piece.encode("utf-8", "replace")) % BUCKETS
