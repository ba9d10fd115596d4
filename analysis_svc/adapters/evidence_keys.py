"""The Ed25519 keys that exports are signed with: in Postgres, encrypted at rest, published for ever.

A key is never taken away: what it signed must be checkable as long as anybody keeps the file. The newest one
signs.
"""

import base64
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select, text

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.export_tables import evidence_keys
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.exports.seal import Signature

_NONCE_BYTES = 12
_PUBLISHED_FOR_S = 5.0


class EvidenceKey:
    """One key, in clear, in memory."""

    def __init__(self, kid: str, private_key: Ed25519PrivateKey) -> None:
        self._kid = kid
        self._private_key = private_key

    @property
    def kid(self) -> str:
        """Its name."""
        return self._kid

    def sign(self, message: bytes) -> Signature:
        """Sign a message."""
        public_key = self._private_key.public_key().public_bytes_raw()
        return Signature(self._kid, public_key.hex(), self._private_key.sign(message).hex())


class EvidenceKeys:
    """Every key there ever was.

    Args:
        database: where they are.
        key_encryption_key: 32 bytes as URL-safe base64, or empty: then nothing can be signed.
    """

    def __init__(self, database: Database, *, key_encryption_key: str) -> None:
        self._database = database
        key = key_encryption_key
        self._cipher = AESGCM(base64.urlsafe_b64decode(key)) if key else None
        self._known: EvidenceKey | None = None
        self._published: dict[str, list[dict[str, str]]] = {}
        self._published_at = float("-inf")

    async def current(self) -> EvidenceKey:
        """Return the newest key, making the first when there is none; see the port."""
        cipher = self._cipher
        if cipher is None:
            raise _unavailable("ANALYSIS_KEY_ENCRYPTION_KEY is not set, so that exports cannot be signed")
        query = (
            select(evidence_keys).order_by(evidence_keys.c.created_at.desc(), evidence_keys.c.kid).limit(1)
        )
        async with self._database.tenant(OPERATOR_TENANT_ID) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return await self._make(cipher, only_the_first=True)
        if self._known is None or self._known.kid != row.kid:
            self._known = _unseal(cipher, row.kid, bytes(row.private_key_encrypted))
        return self._known

    async def rotate(self) -> str:
        """Make a new key, which signs from now on; the older ones stay published. Returns its kid."""
        await self.current()  # so that the wrong key-encryption key does not go unnoticed
        if self._cipher is None:
            raise _unavailable("ANALYSIS_KEY_ENCRYPTION_KEY is not set")
        return (await self._make(self._cipher, only_the_first=False)).kid

    async def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public halves of all keys as a JSON Web Key Set (RFC 7517, RFC 8037), newest first.

        Anybody may ask, so the database is asked once in a while only.
        """
        if time.monotonic() - self._published_at < _PUBLISHED_FOR_S:
            return self._published
        query = select(evidence_keys.c.kid, evidence_keys.c.public_key).order_by(
            evidence_keys.c.created_at.desc(), evidence_keys.c.kid
        )
        async with self._database.tenant(OPERATOR_TENANT_ID) as connection:
            rows = (await connection.execute(query)).all()
        self._published = {"keys": [_jwk(row.kid, bytes(row.public_key)) for row in rows]}
        self._published_at = time.monotonic()
        return self._published

    async def _make(self, cipher: AESGCM, *, only_the_first: bool) -> EvidenceKey:
        private_key, kid = Ed25519PrivateKey.generate(), secrets.token_hex(8)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + cipher.encrypt(nonce, private_key.private_bytes_raw(), kid.encode())
        newest = select(evidence_keys).order_by(evidence_keys.c.created_at.desc()).limit(1)
        async with self._database.tenant(OPERATOR_TENANT_ID) as connection:
            await connection.execute(text("select pg_advisory_xact_lock(hashtext('evidence keys'))"))
            existing = (await connection.execute(newest)).one_or_none()
            if only_the_first and existing is not None:  # another process made it while we waited
                return _unseal(cipher, existing.kid, bytes(existing.private_key_encrypted))
            await connection.execute(
                insert(evidence_keys).values(
                    kid=kid,
                    public_key=private_key.public_key().public_bytes_raw(),
                    private_key_encrypted=sealed,
                    created_at=datetime.now(UTC),
                )
            )
        return EvidenceKey(kid, private_key)


def signature_holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Check an Ed25519 signature."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_jwks(document: Mapping[str, Any]) -> dict[str, bytes]:
    """Read the Ed25519 keys of a JSON Web Key Set, by their kid.

    Raises:
        ValueError: it is none.
    """
    try:
        return {
            str(key["kid"]): base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
            for key in document["keys"]
            if key["kty"] == "OKP" and key["crv"] == "Ed25519"
        }
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a JSON Web Key Set: {error}") from None


def _unseal(cipher: AESGCM, kid: str, sealed: bytes) -> EvidenceKey:
    try:
        raw = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], kid.encode())
    except InvalidTag:
        raise _unavailable(
            "ANALYSIS_KEY_ENCRYPTION_KEY is not the one the keys of exports were encrypted with"
        ) from None
    return EvidenceKey(kid, Ed25519PrivateKey.from_private_bytes(raw))


def _jwk(kid: str, public_key: bytes) -> dict[str, str]:
    x = base64.urlsafe_b64encode(public_key).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x}


def _unavailable(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.SERVICE_UNAVAILABLE, detail)
