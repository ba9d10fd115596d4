"""A server of a model that can be asked: the wire of the Bento `llm`, as far as a release needs it."""

from collections.abc import Mapping, Sequence
from typing import Self, TypeVar

import httpx
import msgspec

from pipelines.lib.release.expected_answers import ExpectedAnswer
from pipelines.lib.release.release_error import ReleaseError

_AT_ONCE = 64
_SECONDS = 60.0
_T = TypeVar("_T")


class _Version(msgspec.Struct, frozen=True):
    name: str
    version: str


class _Item(msgspec.Struct, frozen=True):
    combined: tuple[float, ...]


class _Mapped(msgspec.Struct, frozen=True):
    labels: tuple[str, ...]
    items: tuple[_Item, ...]


class ModelServer:
    """One server.

    Args:
        url: its base URL.
        token: the service token.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_SECONDS,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def is_ready(self) -> bool:
        """Tells whether it can answer now."""
        try:
            return self._client.get("/readyz", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def release(self) -> str:
        """Returns the id of the release that it answers with.

        Raises:
            ReleaseError: it does not say.
        """
        return self._ask("GET", "/v1/version", _Version).version

    def refuses_strangers(self) -> bool:
        """Tells whether a caller without a token is refused."""
        try:
            bare = httpx.get(f"{self._url}/v1/version", timeout=_SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            raise ReleaseError(f"the model server broke off: {error}") from error
        return bare.status_code == httpx.codes.UNAUTHORIZED

    def answers(self, asked: Sequence[ExpectedAnswer]) -> list[Mapping[str, float]]:
        """Returns what it answers now, for each the probability by canonical label.

        Raises:
            ReleaseError: it does not answer, or otherwise than agreed.
        """
        found: list[Mapping[str, float]] = []
        for first in range(0, len(asked), _AT_ONCE):
            some = asked[first : first + _AT_ONCE]
            items = [{"vendor": one.vendor, "label": one.label} for one in some]
            mapped = self._ask("POST", "/v1/map", _Mapped, {"items": items})
            if len(mapped.items) != len(some):
                raise ReleaseError(
                    f"asked for {len(some)} labels, the model server answered {len(mapped.items)}"
                )
            found += [dict(zip(mapped.labels, item.combined, strict=True)) for item in mapped.items]
        return found

    def _ask(self, method: str, path: str, kind: type[_T], body: object = None) -> _T:
        try:
            answer = self._client.request(method, path, json=body)
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=kind)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise ReleaseError(f"the model server does not answer {path} as agreed: {error}") from error
