"""Tenants, keys and revocations put together: the server and the command line use the same."""

from dataclasses import dataclass

from redis.asyncio import Redis

from orchestration_svc.adapters.clock import SystemClock
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.key_repository import KeyRepository
from orchestration_svc.adapters.revocations import Revocations
from orchestration_svc.adapters.signing_keys import KeyRing
from orchestration_svc.adapters.tenant_repository import TenantRepository
from orchestration_svc.domain.keys import ManageKeys
from orchestration_svc.domain.tenants import ManageTenants


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that issues and takes back access."""

    key_ring: KeyRing
    revocations: Revocations
    keys: ManageKeys
    tenants: ManageTenants


def make_access(database: Database, valkey: Redis, *, key_encryption_key: str, issuer: str) -> Access:
    """Put it together."""
    key_ring = KeyRing(database, key_encryption_key=key_encryption_key, issuer=issuer)
    revocations = Revocations(valkey, database)
    return Access(
        key_ring=key_ring,
        revocations=revocations,
        keys=ManageKeys(KeyRepository(database), key_ring, revocations, SystemClock()),
        tenants=ManageTenants(TenantRepository(database)),
    )
