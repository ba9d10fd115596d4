"""What a release tells the mapper: which model server answers with it, and that it is to be asked."""

from typing import Protocol

import httpx
import msgspec

from pipelines.lib.release.release_error import ReleaseError

_SECONDS = 30.0


class MapperModels(Protocol):
    """The mapper's list of model versions."""

    def active(self) -> str | None:
        """Returns the id of the release that serves everybody; None when none does yet."""

    def announce(self, url: str) -> None:
        """Makes the release that a model server answers with known; again is no fault."""

    def activate(self, release: str, reason: str) -> None:
        """Has everybody served by a release; again is no fault."""

    def start_canary(self, release: str, percent: int, reason: str) -> None:
        """Has a share of the tenants, in percent, served by a release; again is no fault."""


class Models(msgspec.Struct, frozen=True):
    """What is read of the mapper's list."""

    active: str | None


class MapperModelsOverHttp:
    """The list of a running mapper.

    Args:
        url: base URL of the mapper.
        token: a token of the operator tenant with the right to change models.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    def active(self) -> str | None:
        """Returns the id of the release that serves everybody; None when none does yet."""
        answer = self._ask("GET", "/api/v1/models")
        try:
            return msgspec.json.decode(answer.content, type=Models).active
        except msgspec.DecodeError as error:
            raise ReleaseError(f"the mapper's list of models is not as agreed: {error}") from error

    def announce(self, url: str) -> None:
        """Makes the release that a model server answers with known; again is no fault."""
        self._ask("POST", "/api/v1/models", {"url": url})

    def activate(self, release: str, reason: str) -> None:
        """Has everybody served by a release; again is no fault."""
        self._ask("POST", f"/api/v1/models/{release}/activate", {"reason": reason})

    def start_canary(self, release: str, percent: int, reason: str) -> None:
        """Has a share of the tenants, in percent, served by a release; again is no fault."""
        self._ask("POST", f"/api/v1/models/{release}/canary", {"percent": percent, "reason": reason})

    def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> httpx.Response:
        try:
            answer = httpx.request(
                method, self._url + path, json=body, headers=self._headers, timeout=_SECONDS, trust_env=False
            )
        except httpx.HTTPError as error:
            raise ReleaseError(f"the mapper cannot be told: {error}") from error
        if not answer.is_success:
            raise ReleaseError(
                f"the mapper does not take it: {path} answers {answer.status_code}: {_said(answer)}"
            )
        return answer


def _said(answer: httpx.Response) -> str:
    """Returns what a problem says of itself; the rest of the body is not ours to repeat."""
    try:
        body = answer.json()
    except ValueError:
        return "no problem+json"
    detail = (body.get("detail") or body.get("title")) if isinstance(body, dict) else None
    return str(detail or "no reason")
