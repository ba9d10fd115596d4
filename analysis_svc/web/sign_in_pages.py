"""Signing in with a key, signing out, and choosing dark or light."""

import secrets
from datetime import timedelta
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.web_session import WebSessions
from analysis_svc.web import csrf, paths
from analysis_svc.web.cookies import jar_of
from analysis_svc.web.doors import Verifier, signed_in, visitor_of
from analysis_svc.web.html import leave_for, render
from analysis_svc.web.injected import Injected
from analysis_svc.web.page import THEMES, frame

_VISIT = timedelta(hours=1)
_YEAR = timedelta(days=365)
_NOTICES = {
    "ended": "Your session has ended. Sign in again to go on.",
    "key": "Your key is no longer valid: it has expired or was revoked.",
    "out": "You are signed out.",
}


class SignInPages(Controller):
    """The door."""

    path = paths.HOME
    include_in_schema = False

    @get("/sign-in", status_code=200)
    async def ask(
        self, request: Request[Any, Any, Any], web_sessions: Injected[WebSessions]
    ) -> Response[str]:
        """Ask for a key, or go on with the session that there is."""
        secret = request.cookies.get(jar_of(request).session)
        if secret and await web_sessions.get(secret):
            return leave_for(paths.back_to(request.query_params.get("next", "")))
        return _form(request, notice=_NOTICES.get(request.query_params.get("notice", ""), ""))

    @post("/sign-in", status_code=303)
    async def sign_in(
        self,
        request: Request[Any, Any, Any],
        web_sessions: Injected[WebSessions],
        verifier: Injected[Verifier],
    ) -> Response[str]:
        """Exchange a key for a session."""
        jar = jar_of(request)
        form = await csrf.read_form(request, request.cookies.get(jar.visit))
        key = form.get("key", "").strip()
        if not key:
            return _form(request, fault="Paste a key to sign in.", status=400)
        try:
            await verifier.verify(key)
        except ServiceError as error:
            if error.code is not ErrorCode.UNAUTHORIZED:
                raise
            return _form(request, fault=f"This key does not open the dashboard: {error.detail}.", status=401)
        # A session of before ends; what it was opened with stays nowhere.
        if former := request.cookies.get(jar.session):
            await web_sessions.close(former)
        secret, session = await web_sessions.open(key)
        lifetime = session.ends_at - session.opened_at
        cookies = (jar.give(jar.session, secret, lifetime), jar.take(jar.visit))
        return leave_for(paths.back_to(form.get("next", "")), cookies=cookies)

    @post("/sign-out", guards=[signed_in()], status_code=303)
    async def sign_out(
        self, request: Request[Any, Any, Any], web_sessions: Injected[WebSessions]
    ) -> Response[str]:
        """End the session here and in every copy of its cookie."""
        visitor = visitor_of(request.scope)
        await csrf.read_form(request, visitor.secret)
        await web_sessions.close(visitor.secret)
        jar = jar_of(request)
        return leave_for(f"{paths.SIGN_IN}?notice=out", cookies=(jar.take(jar.session),))

    @post("/theme", guards=[signed_in()], status_code=303)
    async def theme(self, request: Request[Any, Any, Any]) -> Response[str]:
        """Remember dark, light, or what the browser prefers."""
        form = await csrf.read_form(request, visitor_of(request.scope).secret)
        theme = form.get("theme", "")
        if theme not in THEMES:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, f"'theme' is one of {', '.join(THEMES)}", field="theme"
            )
        jar = jar_of(request)
        return leave_for(paths.back_to(form.get("next", "")), cookies=(jar.give(jar.theme, theme, _YEAR),))

    @get("/{rest:path}", guards=[signed_in()])
    async def nothing(self, rest: FromPath[str]) -> None:
        """Say that there is no such page, to those who may know."""
        del rest
        raise ServiceError(ErrorCode.NOT_FOUND, "there is no such page")


def _form(
    request: Request[Any, Any, Any], *, notice: str = "", fault: str = "", status: int = 200
) -> Response[str]:
    jar = jar_of(request)
    secret = request.cookies.get(jar.visit)
    cookies: tuple[Cookie, ...] = ()
    if not secret:
        secret = secrets.token_urlsafe(32)
        cookies = (jar.give(jar.visit, secret, _VISIT),)
    context = frame(request, None) | {
        "csrf_token": csrf.token_of(secret),
        "next": paths.back_to(request.query_params.get("next", "")),
        "notice": notice,
        "fault": fault,
    }
    return render("sign_in.html", context, status=status, cookies=cookies)
