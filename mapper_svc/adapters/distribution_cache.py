"""Remembers what models said, in process and in Valkey, under keys that tell nobody what was asked."""

import asyncio
import base64
import binascii
import hmac
import json
import secrets
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from mapper_svc.adapters.model_wire import distribution
from mapper_svc.domain.label_model import (
    AskedLabel,
    LabelDistributions,
    ModelAnswer,
    ModelUnavailableError,
    ModelVersion,
)

PREFIX = "mapper:distribution:"
_WAIT_S = 0.05
"""Longest that a request waits for Valkey, in seconds."""
_SKIP_VALKEY_S = 1.0
"""How long Valkey is left alone after it failed or was slow, in seconds."""
_KINDS = 3


class CacheMetrics(Protocol):
    """Hears where distributions were found."""

    def distributions_found(self, layer: str, count: int) -> None:
        """So many were found in ``memory`` or ``valkey``, or in ``none``."""
        ...


class CachedDistributions:
    """Keeps distributions by label and version.

    Keys are HMAC-SHA-256 of vendor, label and everything that decides the answer; values are numbers. So
    neither process memory beyond a request nor Valkey holds a label. Valkey slow or gone costs speed alone.

    Args:
        valkey: shared by all processes.
        key: of the HMAC; the processes that share Valkey need the same one. Empty: one of this process's own.
        metrics: hears of hits and misses.
        labels: how many numbers a distribution has.
        entries: most labels kept in process; the one used longest ago goes first.
        kept_s: how long an answer is kept, in seconds.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        valkey: Redis,
        key: str,
        metrics: CacheMetrics,
        *,
        labels: int,
        entries: int,
        kept_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._valkey = valkey
        self._key = (key or secrets.token_hex(32)).encode()
        self._metrics = metrics
        self._labels = labels
        self._entries = entries
        self._kept_s = kept_s
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, LabelDistributions]] = OrderedDict()
        self._skip_valkey_until = float("-inf")

    async def get(
        self, version: ModelVersion, asked: Sequence[AskedLabel]
    ) -> dict[AskedLabel, LabelDistributions]:
        """Return what is known; never fails, and waits for Valkey a twentieth of a second at most."""
        keys = {label: self.key_of(version, label) for label in asked}
        found = {label: kept for label, key in keys.items() if (kept := self._remembered(key)) is not None}
        self._metrics.distributions_found("memory", len(found))
        missing = [label for label in keys if label not in found]
        if missing:
            shared = await self._shared([keys[label] for label in missing])
            for label, kept in zip(missing, shared, strict=True):
                if kept is not None:
                    self._remember(keys[label], kept)
                    found[label] = kept
            hits = sum(kept is not None for kept in shared)
            self._metrics.distributions_found("valkey", hits)
            self._metrics.distributions_found("none", len(missing) - hits)
        return found

    async def put(self, asked: Sequence[AskedLabel], answer: ModelAnswer) -> None:
        """Keep what a model said: in process at once, then in Valkey as far as that takes it."""
        entries = {
            self.key_of(answer.version, label): said
            for label, said in zip(asked, answer.distributions, strict=True)
        }
        for key, said in entries.items():
            self._remember(key, said)
        if self._clock() < self._skip_valkey_until:
            return
        try:
            async with self._valkey.pipeline(transaction=False) as pipeline:
                for key, said in entries.items():
                    pipeline.set(PREFIX + key, _packed(said), ex=self._kept_s)
                await pipeline.execute()
        except (RedisError, OSError):
            self._leave_valkey()

    def key_of(self, version: ModelVersion, asked: AskedLabel) -> str:
        """Return the key of a label under a version, 64 hexadecimal digits."""
        decisive = [
            version.version,
            version.adapter,
            version.taxonomy,
            version.label_tokens,
            version.calibrator,
            asked.vendor,
            asked.label,
        ]
        return hmac.new(self._key, json.dumps(decisive).encode(), "sha256").hexdigest()

    def _remembered(self, key: str) -> LabelDistributions | None:
        until, kept = self._kept.get(key, (0.0, None))
        if kept is None or until <= self._clock():
            return None
        self._kept.move_to_end(key)
        return kept

    def _remember(self, key: str, said: LabelDistributions) -> None:
        self._kept[key] = (self._clock() + self._kept_s, said)
        self._kept.move_to_end(key)
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)

    async def _shared(self, keys: Sequence[str]) -> list[LabelDistributions | None]:
        if self._clock() < self._skip_valkey_until:
            return [None] * len(keys)
        try:
            async with asyncio.timeout(_WAIT_S):
                values = await self._valkey.mget([PREFIX + key for key in keys])
        except (RedisError, OSError, TimeoutError):
            self._leave_valkey()
            return [None] * len(keys)
        return [None if value is None else self._unpacked(value) for value in values]

    def _leave_valkey(self) -> None:
        self._skip_valkey_until = self._clock() + _SKIP_VALKEY_S

    def _unpacked(self, value: bytes | str) -> LabelDistributions | None:
        """Returns what was packed, or None for anything that no one of us can have written."""
        numbers = array("f")
        try:
            numbers.frombytes(base64.b64decode(value, validate=True))
            if len(numbers) != _KINDS * self._labels:
                return None
            size = self._labels
            parts = [distribution(numbers[at : at + size], size) for at in range(0, len(numbers), size)]
        except (binascii.Error, ValueError, ModelUnavailableError):
            return None
        if min(numbers) < 0:
            return None
        return LabelDistributions(*parts)


def _packed(said: LabelDistributions) -> str:
    numbers = array("f", [*said.combined, *said.model, *said.head])
    return base64.b64encode(numbers.tobytes()).decode()


def key_from(token: str) -> str:
    """Return a key for the cache made from another secret that all processes share; empty from none."""
    return hmac.new(token.encode(), b"llama-mapper distribution cache", "sha256").hexdigest() if token else ""
