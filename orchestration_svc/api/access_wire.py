"""Tenants, keys and audit events over the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from orchestration_svc.domain.access import Role
from orchestration_svc.domain.keys import ApiKey, IssuedKey

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
_DAY_S = 86_400


class TenantIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new tenant."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$(?!\n)")]


class TenantOut(msgspec.Struct, frozen=True):
    """A tenant."""

    tenant_id: UUID
    name: str
    created_at: datetime


class TenantList(msgspec.Struct, frozen=True):
    """All tenants by name."""

    tenants: list[TenantOut]


class KeyIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new key. Without ``scopes`` it gets all that its roles have."""

    name: Name
    roles: Annotated[list[Role], Meta(min_length=1, max_length=5)]
    scopes: Annotated[list[Name], Meta(max_length=32)] | None = None
    lifetime_s: Annotated[int, Meta(ge=60, le=366 * _DAY_S)] = 90 * _DAY_S


class RotateIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the old key works on beside its successor, in seconds."""

    overlap_s: Annotated[int, Meta(ge=0, le=30 * _DAY_S)] = _DAY_S


class KeyOut(msgspec.Struct, frozen=True):
    """What is known of a key; never the token."""

    key_id: UUID
    name: str
    roles: list[str]
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class IssuedKeyOut(msgspec.Struct, frozen=True):
    """A new key. ``token`` is shown this once and kept nowhere."""

    key: KeyOut
    token: str


class KeyList(msgspec.Struct, frozen=True):
    """The tenant's keys, newest first."""

    keys: list[KeyOut]


class AuditEventOut(msgspec.Struct, frozen=True):
    """One act; ``hash`` covers it and the hash before."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, object]
    previous_hash: str
    hash: str


class AuditPage(msgspec.Struct, frozen=True):
    """Events newest first; ``before`` asks for the next page, null at the end."""

    events: list[AuditEventOut]
    before: int | None


class ChainStateOut(msgspec.Struct, frozen=True):
    """What verifying the chain found."""

    events: int
    intact: bool
    broken_at: int | None
    head: str


class Jwk(msgspec.Struct, frozen=True):
    """A public Ed25519 key (RFC 8037)."""

    kty: str
    crv: str
    use: str
    alg: str
    kid: str
    x: str


class Jwks(msgspec.Struct, frozen=True):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[Jwk]


class RevokedTokens(msgspec.Struct, frozen=True):
    """Ids of tokens that are revoked and not yet expired."""

    revoked: list[str]


def key_out(key: ApiKey) -> KeyOut:
    """Turn a key into its wire form."""
    return KeyOut(
        key_id=key.key_id,
        name=key.name,
        roles=sorted(role.value for role in key.roles),
        scopes=sorted(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )


def issued_out(issued: IssuedKey) -> IssuedKeyOut:
    """Turn a new key into its wire form."""
    return IssuedKeyOut(key_out(issued.key), issued.token)
