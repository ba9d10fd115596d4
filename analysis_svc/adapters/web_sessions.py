"""Sessions of the dashboard in Valkey, where only the browser's secret can read them."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.asyncio import Redis
from redis.exceptions import RedisError

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.web_session import WebSession

LIFETIME = timedelta(minutes=30)
_PREFIX = "analysis:web-session:"
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # of 32 bytes in URL-safe base64 without padding
_NONCE_BYTES = 12


class ValkeySessions:
    """Keeps each session for half an hour.

    The key that a session was opened with is in Valkey only as AES-256-GCM ciphertext. What opens it is
    derived from the secret in the browser's cookie, and so is the name that it lies under: neither who reads
    Valkey nor who reads a cookie of an ended session learns a key.
    """

    def __init__(self, valkey: Redis, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._valkey = valkey
        self._now = now

    async def open(self, token: str) -> tuple[str, WebSession]:
        """Open a session and return its secret."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        opened_at = self._now()
        session = WebSession(token, opened_at, opened_at + LIFETIME)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(_derived(secret, b"seal")).encrypt(nonce, msgspec.json.encode(session), None)
        try:
            await self._valkey.set(_place(secret), sealed.hex(), ex=LIFETIME)
        except (RedisError, OSError, TimeoutError):
            raise _away() from None
        return secret, session

    async def get(self, secret: str) -> WebSession | None:
        """Return the session of a secret; None when there is none or it ended."""
        if not _plausible(secret):
            return None
        try:
            found = await self._valkey.get(_place(secret))
        except (RedisError, OSError, TimeoutError):
            raise _away() from None
        if not isinstance(found, str):
            return None
        try:
            sealed = bytes.fromhex(found)
            plain = AESGCM(_derived(secret, b"seal")).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None
            )
            session = msgspec.json.decode(plain, type=WebSession)
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            return None
        # Valkey forgets it as well; a clock that runs differently there prolongs nothing.
        return session if self._now() < session.ends_at else None

    async def close(self, secret: str) -> None:
        """End the session."""
        if not _plausible(secret):
            return
        try:
            await self._valkey.delete(_place(secret))
        except (RedisError, OSError, TimeoutError):
            raise _away() from None


def _plausible(secret: str) -> bool:
    return len(secret) == _SECRET_LENGTH and secret.isascii()


def _derived(secret: str, purpose: bytes) -> bytes:
    """One of several keys of a secret that has 256 random bits, so that a single HMAC is enough."""
    return hmac.digest(secret.encode(), b"web-session " + purpose, hashlib.sha256)


def _place(secret: str) -> str:
    return _PREFIX + _derived(secret, b"place").hex()


def _away() -> ServiceError:
    return ServiceError(ErrorCode.SERVICE_UNAVAILABLE, "sessions cannot be kept at the moment; try again")
