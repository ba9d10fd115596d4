"""A data key for each tenant, wrapped by a key from outside; what waits is sealed with it."""

import base64
import secrets
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import data_keys
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.job_ports import ContentUnreadableError

_NO_TENANT = "the token is of a tenant that this installation does not have"
_NONCE_BYTES = 12
_ID_BYTES = 16


class KeyWrapper(Protocol):
    """Wraps data keys with a key that this service need not hold itself, such as one in a KMS."""

    async def wrap(self, tenant_id: UUID, data_key: bytes) -> bytes:
        """Encrypt a data key for its tenant."""
        ...

    async def unwrap(self, tenant_id: UUID, wrapped: bytes) -> bytes:
        """Decrypt it, or raise ContentUnreadableError."""
        ...


class EnvironmentKeyWrapper:
    """Wraps with a key derived from ``ORCHESTRATION_KEY_ENCRYPTION_KEY``.

    Derived, so that nothing wrapped here can be taken for a signing key, which that key encrypts too.
    """

    def __init__(self, key_encryption_key: str) -> None:
        self._cipher = AESGCM(derived_key(key_encryption_key, purpose="data keys of tenants"))

    async def wrap(self, tenant_id: UUID, data_key: bytes) -> bytes:
        """Encrypt a data key for its tenant."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data_key, tenant_id.bytes)

    async def unwrap(self, tenant_id: UUID, wrapped: bytes) -> bytes:
        """Decrypt it, or raise ContentUnreadableError."""
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], tenant_id.bytes)
        except InvalidTag:
            raise ContentUnreadableError from None


def derived_key(key_encryption_key: str, *, purpose: str) -> bytes:
    """Derive 32 bytes for one purpose from the key-encryption key (urlsafe base64)."""
    source = base64.urlsafe_b64decode(key_encryption_key)
    info = f"llama-mapper {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(source)


class DataKeySealer:
    """Seals with AES-256-GCM under the tenant's newest data key; the first use makes one.

    What was sealed names its key, so that keys may follow one another. Tenant and kind are authenticated:
    bytes moved to another tenant, job or place do not open.
    """

    def __init__(self, database: Database, wrapper: KeyWrapper) -> None:
        self._database = database
        self._wrapper = wrapper
        self._newest: dict[UUID, bytes] = {}
        self._ciphers: dict[tuple[UUID, bytes], AESGCM] = {}

    async def seal(self, tenant_id: UUID, texts: Sequence[tuple[str, str]]) -> list[bytes]:
        """Encrypt (what it is, text) pairs.

        Raises:
            ServiceError: UNAUTHORIZED, when the first key is to be made of a tenant that is not there.
        """
        key_id = self._newest.get(tenant_id) or await self._load_newest(tenant_id)
        cipher = self._ciphers[tenant_id, key_id]
        sealed = []
        for kind, text in texts:
            nonce = secrets.token_bytes(_NONCE_BYTES)
            bound = tenant_id.bytes + kind.encode()
            sealed.append(key_id + nonce + cipher.encrypt(nonce, text.encode(), bound))
        return sealed

    async def open(self, tenant_id: UUID, sealed: Sequence[tuple[str, bytes]]) -> list[str]:
        """Decrypt (what it is, sealed) pairs.

        Raises:
            ContentUnreadableError: the key is not there or not the right one, or the bytes were altered.
        """
        texts = []
        for kind, data in sealed:
            cipher = await self._cipher(tenant_id, data[:_ID_BYTES])
            nonce = data[_ID_BYTES : _ID_BYTES + _NONCE_BYTES]
            bound = tenant_id.bytes + kind.encode()
            try:
                texts.append(cipher.decrypt(nonce, data[_ID_BYTES + _NONCE_BYTES :], bound).decode())
            except (InvalidTag, ValueError):
                raise ContentUnreadableError from None
        return texts

    async def _cipher(self, tenant_id: UUID, key_id: bytes) -> AESGCM:
        if known := self._ciphers.get((tenant_id, key_id)):
            return known
        if len(key_id) != _ID_BYTES:
            raise ContentUnreadableError
        query = select(data_keys.c.wrapped).where(data_keys.c.id == UUID(bytes=key_id))
        async with self._database.tenant(tenant_id) as connection:
            wrapped = (await connection.execute(query)).scalar_one_or_none()
        if wrapped is None:
            raise ContentUnreadableError
        return self._remember(tenant_id, key_id, await self._wrapper.unwrap(tenant_id, bytes(wrapped)))

    async def _load_newest(self, tenant_id: UUID) -> bytes:
        query = select(data_keys).order_by(data_keys.c.created_at.desc()).limit(1)
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                made, data_key = uuid4(), AESGCM.generate_key(256)
                wrapped = await self._wrapper.wrap(tenant_id, data_key)
                # Two processes may each make a first key; what was sealed says with which.
                values = {"tenant_id": tenant_id, "id": made, "wrapped": wrapped}
                try:
                    await connection.execute(insert(data_keys).values(values))
                except IntegrityError:
                    raise ServiceError(ErrorCode.UNAUTHORIZED, _NO_TENANT) from None
        if row is None:
            self._remember(tenant_id, made.bytes, data_key)
            key_id = made.bytes
        else:
            key_id = row.id.bytes
            self._remember(tenant_id, key_id, await self._wrapper.unwrap(tenant_id, bytes(row.wrapped)))
        self._newest[tenant_id] = key_id
        return key_id

    def _remember(self, tenant_id: UUID, key_id: bytes, data_key: bytes) -> AESGCM:
        cipher = self._ciphers[tenant_id, key_id] = AESGCM(data_key)
        return cipher
