"""What every page behind the sign-in has: its frame, who looks at it, and the forms on it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.datastructures import Cookie

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.web import csrf, paths
from analysis_svc.web.cookies import jar_of
from analysis_svc.web.doors import Visitor, visitor_of
from analysis_svc.web.html import leave_for, render
from analysis_svc.web.stretches import OWN, PERIODS, USUAL, Chosen, chosen_stretch

_MOST_CHARACTERS = 256
A_PERSON_WAITS_S = 3.0
"""Seconds that whoever looks at a page has for what an analysis would not wait for."""

THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation.

    Attributes:
        title: as it is shown.
        path: where it leads.
        scope: that the page needs.
    """

    title: str
    path: str
    scope: str


PLACES = (
    Place("Overview", paths.HOME, "evidence:read"),
    Place("Risk over time", f"{paths.HOME}/risk", "evidence:read"),
    Place("Findings by label", f"{paths.HOME}/findings", "evidence:read"),
    Place("Frameworks", f"{paths.HOME}/frameworks", "evidence:read"),
    Place("Incidents", f"{paths.HOME}/incidents", "insights:read"),
    Place("Evidence", f"{paths.HOME}/evidence", "evidence:read"),
    Place("Search", f"{paths.HOME}/search", "knowledge:read"),
    Place("Reports", f"{paths.HOME}/reports", "reports:read"),
)


def theme_of(request: Request) -> str:  # type: ignore[type-arg]
    """Return dark, light, or auto: as the browser has it."""
    theme = request.cookies.get(jar_of(request).theme, "")
    return theme if theme in THEMES else "auto"


class Page:
    """One page for one visitor."""

    def __init__(self, request: Request) -> None:  # type: ignore[type-arg]
        self._request = request
        self.visitor: Visitor = visitor_of(request.scope)
        self.principal = self.visitor.principal

    def show(
        self,
        template: str,
        *,
        status_code: int = 200,
        cookies: tuple[Cookie, ...] = (),
        **context: Any,  # noqa: ANN401 - what a template shows
    ) -> Response[str]:
        """Answer the page.

        Args:
            template: its file name.
            status_code: of the answer.
            cookies: to set.
            context: what the template shows.
        """
        return render(
            template, frame(self._request, self.visitor) | context, status=status_code, cookies=cookies
        )

    def go(self, address: str) -> Response[str]:
        """Send the visitor to another page, once a form was done with."""
        return leave_for(address, by_htmx=by_htmx(self._request))

    async def form(self) -> csrf.Form:
        """Read the form that was sent, once it is sure that it is this session's own.

        Raises:
            ServiceError: INSUFFICIENT_RBAC when it is not; INVALID_REQUEST.
        """
        return await csrf.read_form(self._request, self.visitor.secret)

    def chosen(self, usual: str = USUAL) -> Chosen:
        """Read from the address what stretch of time the page is about.

        Args:
            usual: the period where the address names none.

        Raises:
            ServiceError: INVALID_REQUEST naming the field.
        """
        return chosen_stretch(
            datetime.now(UTC),
            period=self.asked("period"),
            since=self.asked("from"),
            until=self.asked("to"),
            application=self.asked("application"),
            usual=usual,
        )

    def asked(self, name: str) -> str | None:
        """Return what the address says under a name; None for nothing or blanks.

        Raises:
            ServiceError: INVALID_REQUEST when it is longer than any name, or no text that can be compared.
        """
        value = str(self._request.query_params.get(name, "")).strip()
        if len(value) > _MOST_CHARACTERS or "\x00" in value:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST,
                f"'{name}' is a text of at most {_MOST_CHARACTERS} characters",
                field=name,
            )
        return value or None

    def asked_id(self, name: str) -> UUID | None:
        """Return the id that the address gives under a name.

        Raises:
            ServiceError: INVALID_REQUEST when it is none.
        """
        text = self.asked(name)
        if text is None:
            return None
        try:
            return UUID(text)
        except ValueError:
            raise ServiceError(ErrorCode.INVALID_REQUEST, f"'{name}' is no id", field=name) from None


def frame(request: Request, visitor: Visitor | None) -> dict[str, Any]:  # type: ignore[type-arg]
    """What the frame around a page shows."""
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["path"]
    return {
        "theme": theme_of(request),
        "themes": THEMES,
        "here": f"{path}?{query}" if query else path,
        "path": path.rstrip("/") or path,
        "places": [one for one in PLACES if visitor and one.scope in visitor.principal.scopes],
        "visitor": visitor,
        "csrf_token": csrf.token_of(visitor.secret) if visitor else "",
        "periods": [(name, title) for name, (title, _, _) in PERIODS.items()],
        "own_period": OWN,
        "may": lambda scope: visitor is not None and scope in visitor.principal.scopes,
    }


def by_htmx(request: Request) -> bool:  # type: ignore[type-arg]
    """Tell whether the page itself fetches this, to put it into the page that is there."""
    return request.headers.get("hx-request") == "true"


def provide_page(request: Request) -> Page:  # type: ignore[type-arg]
    """Hand the page to its handler."""
    return Page(request)
