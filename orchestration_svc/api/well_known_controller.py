"""/.well-known: what the other services need to check tokens by themselves."""

from typing import Protocol

import msgspec
from litestar import Controller, get

from orchestration_svc.api.access_wire import Jwks, RevokedTokens
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.problems import public_faults


class PublicKeys(Protocol):
    """Knows the public halves of the signing keys."""

    async def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return them as a JSON Web Key Set."""
        ...


class RevokedList(Protocol):
    """Knows the revoked tokens."""

    async def current(self) -> frozenset[str]:
        """Return their ids."""
        ...


class WellKnownController(Controller):
    """Public: keys are public by nature, and a revoked id alone tells nothing."""

    path = "/.well-known"
    tags = ("keys",)

    @get("/jwks.json", summary="Public signing keys", security=[{}], responses=public_faults())
    async def jwks(self, public_keys: Injected[PublicKeys]) -> Jwks:
        """Answer the keys that tokens may be signed with."""
        return msgspec.convert(await public_keys.jwks(), Jwks)

    @get("/revoked.json", summary="Revoked tokens", security=[{}], responses=public_faults())
    async def revoked(self, revoked_list: Injected[RevokedList]) -> RevokedTokens:
        """Answer the ids of tokens that are revoked and not yet expired."""
        return RevokedTokens(sorted(await revoked_list.current()))
