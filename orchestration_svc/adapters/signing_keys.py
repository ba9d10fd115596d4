"""The Ed25519 keys that sign tokens: in Postgres, encrypted at rest, rotated with overlap."""

import asyncio
import base64
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jwt import PyJWK
from sqlalchemy import insert, select, text, update

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import signing_keys
from orchestration_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError

_NONCE_BYTES = 12
_REFRESH_AFTER_S = 30.0
_WAIT_AFTER_S = 300.0
_RETRY_AFTER_S = 2.0


class SigningKeysUnavailableError(ServiceError):
    """The keys cannot be read: no database and nothing cached, or the wrong key-encryption key."""

    def __init__(self, detail: str = "the signing keys cannot be read at the moment; try again") -> None:
        super().__init__(ErrorCode.SERVICE_UNAVAILABLE, detail)


class KeyRing:
    """All signing keys that still count; the newest one signs.

    A known key answers at once; when the ring is half a minute old it is read anew in the background, and
    when it is five minutes old before it is used again. An unknown kid waits for a reading, of which there
    is one at most every two seconds. A cached ring serves on while Postgres is away.
    Verifying needs no secret, so the wrong key-encryption key stops signing and nothing else.
    """

    def __init__(self, database: Database, *, key_encryption_key: str, issuer: str) -> None:
        self._database = database
        self._cipher = AESGCM(base64.urlsafe_b64decode(key_encryption_key))
        self._issuer = issuer
        self._public: dict[str, PyJWK] = {}
        self._sealed: tuple[str, bytes] | None = None
        self._signing: tuple[str, Ed25519PrivateKey] | None = None
        self._loaded_at = float("-inf")
        self._asked_at = float("-inf")
        self._retires_at: dict[str, datetime] = {}
        self._lock = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def get(self, kid: str) -> PyJWK | None:
        """Return the public key of that id, None when there is none or it has retired."""
        await self._keep_fresh(known=kid in self._public)
        self._require_loaded()
        retires_at = self._retires_at.get(kid)
        if retires_at is not None and retires_at <= datetime.now(UTC):
            return None
        return self._public.get(kid)

    async def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JSON Web Key Set (RFC 7517, RFC 8037)."""
        await self._keep_fresh(known=bool(self._public))
        self._require_loaded()
        return {"keys": [_public_jwk(kid, key.key) for kid, key in self._public.items()]}

    async def sign(
        self,
        *,
        token_id: str,
        tenant_id: UUID,
        roles: frozenset[str],
        scopes: frozenset[str],
        audiences: Sequence[str],
        expires_at: datetime,
    ) -> str:
        """Sign a token with the newest key, making the first one when there is none yet.

        Raises:
            SigningKeysUnavailableError: there is no key to sign with, or the key-encryption key is wrong.
        """
        await self._keep_fresh(known=self._sealed is not None)
        if self._sealed is None:
            self._require_loaded()
            await self._make(overlap=timedelta(0), only_the_first=True)
        kid, private_key = self._signing_key()
        claims = {
            "iss": self._issuer,
            "aud": list(audiences),
            "iat": datetime.now(UTC),
            "exp": expires_at,
            "jti": token_id,
            "tenant": str(tenant_id),
            "roles": sorted(roles),
            "scopes": sorted(scopes),
        }
        return jwt.encode(claims, private_key, algorithm="EdDSA", headers={"kid": kid})

    async def rotate(self, *, overlap: timedelta) -> str:
        """Make a new signing key; older ones stop to verify after ``overlap``. Returns its kid.

        Raises:
            SigningKeysUnavailableError: the key-encryption key is not that of the key in use.
        """
        await self._refresh(now=True)
        self._require_loaded()
        if self._sealed is not None:
            self._signing_key()
        return await self._make(overlap=overlap, only_the_first=False)

    async def _make(self, *, overlap: timedelta, only_the_first: bool) -> str:
        private_key = Ed25519PrivateKey.generate()
        kid, now = secrets.token_hex(8), datetime.now(UTC)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, private_key.private_bytes_raw(), kid.encode())
        async with self._database.platform() as connection:
            await connection.execute(text("select pg_advisory_xact_lock(hashtext('signing keys'))"))
            current = (
                await connection.execute(
                    select(signing_keys.c.kid).where(signing_keys.c.retires_at.is_(None))
                )
            ).scalars()
            if only_the_first and (existing := current.first()) is not None:
                kid = existing  # another process made it while we waited for the lock
            else:
                await connection.execute(
                    update(signing_keys)
                    .where(signing_keys.c.retires_at.is_(None))
                    .values(retires_at=now + overlap)
                )
                await connection.execute(
                    insert(signing_keys).values(
                        kid=kid,
                        public_key=private_key.public_key().public_bytes_raw(),
                        private_key_encrypted=sealed,
                        created_at=now,
                    )
                )
        await self._refresh(now=True)
        return kid

    def _require_loaded(self) -> None:
        if self._loaded_at == float("-inf"):
            raise SigningKeysUnavailableError

    async def _keep_fresh(self, *, known: bool) -> None:
        age = time.monotonic() - self._loaded_at
        if not known or age > _WAIT_AFTER_S:
            await self._refresh()
        elif age > _REFRESH_AFTER_S and (self._background is None or self._background.done()):
            self._background = asyncio.create_task(self._refresh())

    async def _refresh(self, *, now: bool = False) -> None:
        async with self._lock:
            if not now and time.monotonic() - self._asked_at < _RETRY_AFTER_S:
                return
            try:
                async with self._database.platform() as connection:
                    rows = (
                        await connection.execute(
                            select(signing_keys).order_by(signing_keys.c.created_at.desc())
                        )
                    ).all()
            except StorageUnavailableError:
                return
            finally:
                self._asked_at = time.monotonic()  # when it ended: who waited must not ask in turn
            at = datetime.now(UTC)
            live = [row for row in rows if row.retires_at is None or row.retires_at > at]
            self._public = {
                row.kid: PyJWK(_public_jwk(row.kid, Ed25519PublicKey.from_public_bytes(row.public_key)))
                for row in live
            }
            self._retires_at = {row.kid: row.retires_at for row in live if row.retires_at is not None}
            newest = next((row for row in live if row.retires_at is None), None)
            self._sealed = None if newest is None else (newest.kid, bytes(newest.private_key_encrypted))
            self._loaded_at = time.monotonic()

    def _signing_key(self) -> tuple[str, Ed25519PrivateKey]:
        if self._sealed is None:
            raise SigningKeysUnavailableError
        kid, sealed = self._sealed
        if self._signing is None or self._signing[0] != kid:
            self._signing = (kid, self._unseal(kid, sealed))
        return self._signing

    def _unseal(self, kid: str, sealed: bytes) -> Ed25519PrivateKey:
        try:
            raw = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], kid.encode())
        except InvalidTag:
            raise SigningKeysUnavailableError(
                "ORCHESTRATION_KEY_ENCRYPTION_KEY is not the one the signing keys were encrypted with"
            ) from None
        return Ed25519PrivateKey.from_private_bytes(raw)


def _public_jwk(kid: str, key: Ed25519PublicKey) -> dict[str, str]:
    x = base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x}
