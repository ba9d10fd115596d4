"""The dashboard, put together for the composition root."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from litestar import Router
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.static_files import create_static_files_router
from redis.asyncio import Redis

from analysis_svc.adapters.dashboard_repository import DashboardRepository
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.web_sessions import ValkeySessions
from analysis_svc.domain.web_session import WebSessions
from analysis_svc.settings import Settings
from analysis_svc.web import paths
from analysis_svc.web.doors import Verifier
from analysis_svc.web.evidence_pages import EvidencePages
from analysis_svc.web.faults import EXCEPTION_HANDLERS
from analysis_svc.web.framework_pages import FrameworkPages
from analysis_svc.web.html import STATIC_FOLDER
from analysis_svc.web.incident_pages import IncidentPages
from analysis_svc.web.page import provide_page
from analysis_svc.web.report_pages import ReportPages
from analysis_svc.web.search_pages import SearchPages
from analysis_svc.web.sign_in_pages import SignInPages

_CONNECTIONS = 3
_STATEMENT_TIMEOUT_MS = 10_000
_MOST_FORM_BYTES = 64 * 1024
_YEAR = int(timedelta(days=365).total_seconds())


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What the application takes in.

    Attributes:
        routers: the pages and what they are drawn with.
        sessions: belongs in the application's state as ``web_sessions``, where guards look for it.
        close: ends what only the dashboard uses.
    """

    routers: tuple[Router, ...]
    sessions: WebSessions
    close: Callable[[], Awaitable[None]]


def compose_dashboard(settings: Settings, valkey: Redis, verifier: Verifier) -> Dashboard:
    """Put the dashboard together.

    Args:
        settings: of the service.
        valkey: where sessions are kept.
        verifier: checks the keys that people sign in with, and on every request of a session.
    """
    # Connections of its own: whoever looks at ninety days must not keep an analysis from being stored.
    database = Database(
        settings.database_url, pool_size=_CONNECTIONS, statement_timeout_ms=_STATEMENT_TIMEOUT_MS
    )
    sessions = ValkeySessions(valkey)
    views = DashboardRepository(database)
    pages = Router(
        path="/",
        route_handlers=[SignInPages, EvidencePages, FrameworkPages, IncidentPages, ReportPages, SearchPages],
        dependencies={
            "page": Provide(provide_page, sync_to_thread=False),
            "web_sessions": Provide(lambda: sessions, sync_to_thread=False),
            "verifier": Provide(lambda: verifier, sync_to_thread=False),
            "dashboard_views": Provide(lambda: views, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        include_in_schema=False,
        request_max_body_size=_MOST_FORM_BYTES,
    )
    static = create_static_files_router(
        path=paths.STATIC,
        directories=[STATIC_FOLDER],
        include_in_schema=False,
        # The address of a file has its digest in it.
        cache_control=CacheControlHeader(public=True, max_age=_YEAR, immutable=True),
    )
    return Dashboard((pages, static), sessions, database.close)
