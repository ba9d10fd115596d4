"""Bearer tokens: EdDSA-signed JWTs, verified here with the issuer's public keys."""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import jwt
from jwt import PyJWK

from mapper_svc.adapters.revocations import RevocationsUnavailableError
from mapper_svc.adapters.signing_keys import SigningKeysUnavailableError
from mapper_svc.domain.access import Principal
from mapper_svc.domain.errors import ErrorCode, ServiceError

ALGORITHM = "EdDSA"
_REQUIRED = ["exp", "iat", "iss", "aud", "jti", "tenant", "roles", "scopes"]
_CLOCK_SKEW_S = 5
_MAX_TOKEN = 8192
_REMEMBERED_MAX = 4096


class SigningKeys(Protocol):
    """Finds a public key by its id."""

    async def get(self, kid: str) -> PyJWK | None:
        """Return the key, None if there is none, or raise SigningKeysUnavailableError."""
        ...


class RevocationList(Protocol):
    """Knows revoked tokens."""

    async def is_revoked(self, token_id: str) -> bool:
        """Tell, or raise RevocationsUnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """A token that was found good: whose it is, by which key it was signed, and until when it holds."""

    principal: Principal
    kid: str
    key: PyJWK
    expires_at: int


class TokenVerifier:
    """Checks signature, algorithm, issuer, audience, expiry, shape and revocation of a token.

    A token that was found good is remembered by its hash for as long as its key is the same, for its
    signature does not change; expiry, key and revocation are looked at each time.
    """

    def __init__(self, keys: SigningKeys, revocations: RevocationList, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._revocations = revocations
        self._issuer = issuer
        self._audience = audience
        self._remembered: OrderedDict[bytes, _Found] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """Return the caller.

        Raises:
            ServiceError: UNAUTHORIZED for a token that is not good, SERVICE_UNAVAILABLE when keys or
                revocations cannot be known (closed, not open).
        """
        try:
            principal = await self.holder(token)
            revoked = await self._revocations.is_revoked(principal.token_id)
        except (SigningKeysUnavailableError, RevocationsUnavailableError):
            raise ServiceError(
                ErrorCode.SERVICE_UNAVAILABLE, "tokens cannot be checked at the moment; try again"
            ) from None
        if revoked:
            raise _refused("this token was revoked")
        return principal

    async def holder(self, token: str) -> Principal:
        """Return whose token it is; that it was not revoked is for the caller to find out.

        Raises:
            ServiceError: UNAUTHORIZED for a token that is not good.
            SigningKeysUnavailableError: keys cannot be known.
        """
        if len(token) > _MAX_TOKEN:
            raise _refused("the token is not valid")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._remembered.get(digest)
        if known is not None:
            if (
                await self._keys.get(known.kid) is known.key
                and time.time() < known.expires_at + _CLOCK_SKEW_S
            ):
                self._remembered.move_to_end(digest)
                return known.principal
            self._remembered.pop(digest, None)
        found = await self._looked_at(token)
        self._remembered[digest] = found
        if len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return found.principal

    async def _looked_at(self, token: str) -> _Found:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise _refused("the token is not valid") from None
        kid = header.get("kid")
        if header.get("alg") != ALGORITHM or not isinstance(kid, str):
            raise _refused("the token is not signed the way this service accepts")
        key = await self._keys.get(kid)
        if key is None:
            raise _refused("the token was not issued for this service")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_CLOCK_SKEW_S,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("the token has expired") from None
        except jwt.PyJWTError:
            raise _refused("the token is not valid for this service") from None
        return _Found(_from_claims(claims), kid, key, int(claims["exp"]))


def _from_claims(claims: dict[str, Any]) -> Principal:
    roles, scopes, token_id = claims["roles"], claims["scopes"], claims["jti"]
    if not (_is_texts(roles) and _is_texts(scopes) and isinstance(token_id, str)):
        raise _refused("the token is not valid for this service")
    try:
        tenant_id = UUID(str(claims["tenant"]))
    except ValueError:
        raise _refused("the token is not valid for this service") from None
    return Principal(
        tenant_id=tenant_id,
        token_id=token_id,
        roles=frozenset(roles),
        scopes=frozenset(scopes),
    )


def _is_texts(claim: object) -> bool:
    return isinstance(claim, list) and all(isinstance(one, str) for one in claim)


def _refused(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.UNAUTHORIZED, detail)
