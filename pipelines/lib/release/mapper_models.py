"""What a release tells the mapper: which model server answers with it, and that it is to be asked."""

from typing import Protocol

import httpx

from pipelines.lib.release.release_error import ReleaseError

_SECONDS = 30.0


class MapperModels(Protocol):
    """The mapper's list of model versions."""

    def announce(self, url: str) -> None:
        """Makes the release that a model server answers with known; again is no fault."""

    def activate(self, release: str, reason: str) -> None:
        """Has everybody served by a release; again is no fault."""

    def start_canary(self, release: str, percent: int, reason: str) -> None:
        """Has a share of the tenants served by a release; again is no fault."""


class MapperModelsOverHttp:
    """The list of a running mapper.

    Args:
        url: base URL of the mapper.
        token: a token of the operator tenant with the right to change models.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    def announce(self, url: str) -> None:
        """Makes the release that a model server answers with known; again is no fault."""
        self._post("/api/v1/models", {"url": url})

    def activate(self, release: str, reason: str) -> None:
        """Has everybody served by a release; again is no fault."""
        self._post(f"/api/v1/models/{release}/activate", {"reason": reason})

    def start_canary(self, release: str, percent: int, reason: str) -> None:
        """Has a share of the tenants served by a release; again is no fault."""
        self._post(f"/api/v1/models/{release}/canary", {"percent": percent, "reason": reason})

    def _post(self, path: str, body: dict[str, object]) -> None:
        try:
            answer = httpx.post(
                self._url + path, json=body, headers=self._headers, timeout=_SECONDS, trust_env=False
            )
        except httpx.HTTPError as error:
            raise ReleaseError(f"the mapper cannot be told: {error}") from error
        if not answer.is_success:
            raise ReleaseError(
                f"the mapper does not take it: {path} answers {answer.status_code}: {_said(answer)}"
            )


def _said(answer: httpx.Response) -> str:
    """Returns what a problem says of itself; the rest of the body is not ours to repeat."""
    try:
        body = answer.json()
    except ValueError:
        return "no problem+json"
    return (
        str(body.get("detail") or body.get("title") or "no reason") if isinstance(body, dict) else "no reason"
    )
