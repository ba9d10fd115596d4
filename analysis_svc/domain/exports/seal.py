"""The seal of an export: what it binds, how its digest is made, and how records are chained.

Every file is written in one form that follows from what is in it: JSON with sorted keys and no spaces. Who
checks it writes it anew and compares, so that no byte can differ, not even one without meaning.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

FORMAT = "llama-mapper-evidence/1"
NOTHING = "0" * 64
"""Stands for the export before the first."""

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Signature:
    """An Ed25519 signature (RFC 8032).

    Attributes:
        kid: names the key.
        public_key: its public half, 32 bytes as hex.
        value: the signature, 64 bytes as hex.
    """

    kid: str
    public_key: str
    value: str


class SigningKey(Protocol):
    """The key that exports are signed with."""

    @property
    def kid(self) -> str:
        """Its name."""
        ...

    def sign(self, message: bytes) -> Signature:
        """Sign a message."""
        ...


@dataclass(frozen=True, slots=True)
class Seal:
    """What is signed.

    Attributes:
        format: of the file, FORMAT and the kind behind a colon.
        content: SHA-256 of everything else in the file, as hex.
        records: how many analyses the export speaks of.
        chains: the last hash of each chain in the file, by its name, as hex.
        sequence: the how manieth export of the tenant this is, from 1 without gaps.
        previous: SHA-256 of the seal before it, as hex; NOTHING for the first.
        made_at: when, ISO 8601, UTC.
        kid: names the key that signs it.
    """

    format: str
    content: str
    records: int
    chains: Mapping[str, str]
    sequence: int
    previous: str
    made_at: str
    kid: str

    def message(self) -> bytes:
        """What the signature is over."""
        return canonical(asdict(self) | {"chains": dict(self.chains)})

    def digest(self) -> str:
        """What the next export names as the one before it."""
        return sha256(self.message())

    def signed(self, signature: Signature) -> Node:
        """The seal with its signature, as it stands in the file."""
        return {
            "sealed": json.loads(self.message()),
            "signature": {"algorithm": "Ed25519", **asdict(signature)},
        }


def canonical(value: object) -> bytes:
    """Write JSON in its one form: sorted keys, no spaces, ASCII, numbers as Python writes them.

    Raises:
        ValueError: a number that JSON does not have.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def sha256(data: bytes) -> str:
    """Return the digest as hex."""
    return hashlib.sha256(data).hexdigest()


def chain(start: object, records: Iterable[object]) -> list[str]:
    """Return the hash of each record over the one before it and itself; the start's own is left out.

    Args:
        start: what the chain belongs to; it makes equal records of two chains different.
        records: in order.
    """
    last = sha256(canonical(start))
    hashes = []
    for record in records:
        last = sha256(last.encode() + canonical(record))
        hashes.append(last)
    return hashes


def head(start: object, hashes: list[str]) -> str:
    """Return the last hash of a chain, or that of its start when nothing is in it."""
    return hashes[-1] if hashes else sha256(canonical(start))
