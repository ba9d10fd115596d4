"""The issuer's public keys, fetched from orchestration_svc and cached."""

import asyncio
import time

import httpx
from jwt import PyJWK, PyJWKSet, PyJWTError

# A key that orchestration_svc retired must not be trusted for longer than this after we last asked.
MAX_AGE_S = 3600.0
_REFRESH_AFTER_S = 60.0
_WAIT_AFTER_S = 300.0
_RETRY_AFTER_S = 2.0


class SigningKeysUnavailableError(Exception):
    """No usable key set: it never arrived, or the last one is too old."""


class RemoteSigningKeys:
    """The JWKS of orchestration_svc.

    A known key answers at once; when the set is a minute old it is fetched anew in the background, and
    when it is five minutes old before it is used again. A token that names an unknown kid waits for a
    fetch, of which there is one at most every two seconds, so that a flood of made-up kids or a hanging
    issuer does not become a queue. While orchestration_svc is away the last set serves on for an hour.
    """

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = f"{url.rstrip('/')}/.well-known/jwks.json"
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")
        self._lock = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def get(self, kid: str) -> PyJWK | None:
        """Return the key, or None when the issuer has no such key.

        Raises:
            SigningKeysUnavailableError: the issuer cannot be asked and nothing recent is known.
        """
        age = time.monotonic() - self._fetched_at
        if kid not in self._keys or age > _WAIT_AFTER_S:
            await self._refresh()
        elif age > _REFRESH_AFTER_S and (self._background is None or self._background.done()):
            self._background = asyncio.create_task(self._refresh())
        if time.monotonic() - self._fetched_at > MAX_AGE_S:
            raise SigningKeysUnavailableError
        return self._keys.get(kid)

    async def ensure_known(self) -> None:
        """Raise SigningKeysUnavailableError when no token could be checked; asks the issuer if need be."""
        if not self._keys:
            await self._refresh()
        if not self._keys or time.monotonic() - self._fetched_at > MAX_AGE_S:
            raise SigningKeysUnavailableError

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() - self._asked_at < _RETRY_AFTER_S:
                return
            try:
                response = await self._client.get(self._url)
                response.raise_for_status()
                keys = PyJWKSet.from_json(response.text).keys
            except (httpx.HTTPError, PyJWTError, ValueError, TypeError, AttributeError):
                # PyJWT takes the shape for granted and trips over any other.
                return
            finally:
                self._asked_at = time.monotonic()  # when it ended: who waited must not ask in turn
            self._keys = {key.key_id: key for key in keys if key.key_id}
            self._fetched_at = time.monotonic()
