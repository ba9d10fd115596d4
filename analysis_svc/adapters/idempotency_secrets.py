"""What idempotency records are hashed and sealed with: two keys derived from the key-encryption key."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from analysis_svc.domain.errors import ErrorCode, ServiceError

_NONCE_BYTES = 12


class RequestHash:
    """HMAC-SHA256: who reads the table cannot tell a body by trying likely ones.

    Args:
        key_encryption_key: 32 bytes as URL-safe base64.
    """

    def __init__(self, key_encryption_key: str) -> None:
        self._key = _derived(key_encryption_key, "hashes of idempotent requests")

    def __call__(self, *parts: bytes) -> bytes:
        """Hash the parts, each with its length, so that none can pass for its neighbour."""
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


class SealedAnswers:
    """AES-256-GCM; tenant and kind are authenticated, so that an answer opens for its own tenant only.

    Args:
        key_encryption_key: 32 bytes as URL-safe base64.
    """

    def __init__(self, key_encryption_key: str) -> None:
        self._cipher = AESGCM(_derived(key_encryption_key, "answers to idempotent requests"))

    async def seal(self, tenant_id: UUID, texts: Sequence[tuple[str, str]]) -> list[bytes]:
        """Encrypt (what it is, text) pairs."""
        sealed = []
        for kind, text in texts:
            nonce = secrets.token_bytes(_NONCE_BYTES)
            sealed.append(nonce + self._cipher.encrypt(nonce, text.encode(), _bound(tenant_id, kind)))
        return sealed

    async def open(self, tenant_id: UUID, sealed: Sequence[tuple[str, bytes]]) -> list[str]:
        """Decrypt (what it is, sealed) pairs.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when they were sealed with another key, or altered.
        """
        try:
            return [
                self._cipher.decrypt(
                    data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(tenant_id, kind)
                ).decode()
                for kind, data in sealed
            ]
        except (InvalidTag, ValueError):
            raise ServiceError(
                ErrorCode.SERVICE_UNAVAILABLE,
                "the first answer under this Idempotency-Key cannot be read: the key-encryption key changed",
            ) from None


def _bound(tenant_id: UUID, kind: str) -> bytes:
    return tenant_id.bytes + kind.encode()


def _derived(key_encryption_key: str, purpose: str) -> bytes:
    source = base64.urlsafe_b64decode(key_encryption_key)
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"llama-mapper {purpose}".encode()).derive(
        source
    )
