"""Short-lived tokens with which this service calls the other two for a tenant."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from orchestration_svc.domain.ports import TokenSigner

_LIFETIME = timedelta(seconds=120)
_REUSE_S = 60.0
_MAX_CACHED = 1_000


class ServiceTokens:
    """Signs and caches them: by tenant, audience and scope, each used for a minute of its two."""

    def __init__(self, signer: TokenSigner) -> None:
        self._signer = signer
        self._cache: dict[tuple[UUID, str, str], tuple[float, str]] = {}

    async def get(self, tenant_id: UUID, *, audience: str, scope: str) -> str:
        """Return a token for one tenant, one audience and one scope."""
        cached = self._cache.get((tenant_id, audience, scope))
        if cached is not None and time.monotonic() - cached[0] < _REUSE_S:
            return cached[1]
        token = await self._signer.sign(
            token_id=str(uuid4()),
            tenant_id=tenant_id,
            roles=frozenset({"service"}),
            scopes=frozenset({scope}),
            audiences=(audience,),
            expires_at=datetime.now(UTC) + _LIFETIME,
        )
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache[tenant_id, audience, scope] = (time.monotonic(), token)
        return token
