"""Asks a Bento what it serves, before it is taken."""

import asyncio
from collections.abc import Callable

import httpx
import msgspec

from mapper_svc.adapters.model_wire import MapAnswerIn, question, read_version
from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.label_model import AskedLabel, ModelUnavailableError, ModelVersion
from mapper_svc.domain.model_ports import Served

_LIMIT_S = 5.0
_LONGEST_ANSWER = 1024 * 1024
# Any label will do: what is wanted is the list of labels that an answer is over.
_QUESTION = question([AskedLabel(None, "probe")])


class UnknownTokenError(Exception):
    """The environment has no such variable."""


class BentoProbe:
    """Implements the port `ModelProbe`.

    Args:
        client: of a Bento; follows no redirects and takes no proxies from the environment.
        token_of: gives the token by the name of its variable, None for the service's own setting; raises
            UnknownTokenError.
    """

    def __init__(self, client: httpx.AsyncClient, token_of: Callable[[str | None], str]) -> None:
        self._client = client
        self._token_of = token_of

    async def ask(self, url: str, token_env: str | None) -> Served:
        """Return what the Bento says of itself and the labels that it answers in.

        Raises:
            ServiceError: INVALID_REQUEST when there is no such token, it is not accepted, or what answers is
                no Bento of this kind; SERVICE_UNAVAILABLE when nothing answers in five seconds.
        """
        try:
            token = self._token_of(token_env)
        except UnknownTokenError:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST,
                "this service's environment has no such variable",
                field="token_env",
            ) from None
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with asyncio.timeout(_LIMIT_S):
                version = read_version(await self._send("GET", f"{url}/v1/version", headers, None))
                answer = await self._send("POST", f"{url}/v1/map", headers, _QUESTION)
            labels = tuple(msgspec.json.decode(answer, type=MapAnswerIn).labels)
        except (TimeoutError, httpx.HTTPError):
            raise ServiceError(
                ErrorCode.SERVICE_UNAVAILABLE, "the model server does not answer", field="url"
            ) from None
        except (ModelUnavailableError, msgspec.DecodeError, UnicodeDecodeError, httpx.InvalidURL):
            raise _refused("what answers there is no model server of this kind") from None
        return Served(version, labels)

    async def check(self, url: str, token_env: str | None) -> ModelVersion:
        """Return the version that the Bento says it serves, or raise why it does not; for readiness."""
        headers = {"Authorization": f"Bearer {self._token_of(token_env)}"}
        return read_version(await self._send("GET", f"{url}/v1/version", headers, None))

    async def _send(self, method: str, url: str, headers: dict[str, str], content: bytes | None) -> bytes:
        async with self._client.stream(method, url, headers=headers, content=content) as response:
            if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                raise _refused("it does not accept the service token")
            if httpx.codes.is_server_error(response.status_code):
                raise ServiceError(
                    ErrorCode.SERVICE_UNAVAILABLE,
                    f"the model server answers {response.status_code}; it may not be ready yet",
                    field="url",
                )
            if response.status_code != httpx.codes.OK:
                raise _refused(f"{method} of its version or labels is answered {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LONGEST_ANSWER:
                    raise _refused("its answer is far too long")
            return bytes(body)


def _refused(why: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, f"the model server cannot be used: {why}", field="url")
