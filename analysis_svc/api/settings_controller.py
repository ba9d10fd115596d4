"""/api/v1/settings: what the caller's tenant chose for its data."""

from typing import Annotated

from litestar import Controller, Response, get, post, put
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter, QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.api.settings_wire import (
    RestoreRequest,
    SettingsHistory,
    SettingsOut,
    SettingsSet,
    chosen_of,
    settings_out,
    version_out,
)
from analysis_svc.domain.access import Principal
from analysis_svc.domain.change_settings import ChangeSettings
from analysis_svc.domain.chosen_settings import SettingsVersion
from analysis_svc.domain.errors import ErrorCode

IfMatch = Annotated[
    str,
    HeaderParameter(
        name="If-Match",
        pattern=r'^"(0|[1-9][0-9]{0,14})"$',
        description='version that the change builds on, as in the ETag of GET: "3"; "0" when there is none',
        examples=[Example(id="first", value='"0"')],
    ),
]
_CHANGES = faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)


class SettingsController(Controller):
    """Settings of the caller's tenant: versioned, audited, guarded against lost updates by If-Match."""

    path = "/api/v1/settings"
    tags = ("settings",)

    @get("/", summary="The settings that hold", guards=[requires("settings:read")], responses=faults())
    async def current(
        self, principal: Injected[Principal], change_settings: Injected[ChangeSettings]
    ) -> Response[SettingsOut]:
        """Answer what the tenant set, beside the defaults."""
        return _answer(await change_settings.latest(principal.tenant_id))

    @put("/", summary="Set everything anew", guards=[requires("settings:manage")], responses=_CHANGES)
    async def replace(
        self,
        data: Annotated[
            SettingsSet,
            Body(
                examples=[
                    Example(id="year", summary="a year", value={"retention_days": {"evidence": 365}}),
                    Example(id="archive", value={"archive_evidence": True}),
                ]
            ),
        ],
        if_match: IfMatch,
        principal: Injected[Principal],
        change_settings: Injected[ChangeSettings],
    ) -> Response[SettingsOut]:
        """Make a new version of exactly this; 409 when another change came first."""
        made = await change_settings.put(principal, chosen_of(data), after=int(if_match.strip('"')))
        return _answer(made)

    @get("/history", summary="Every version", guards=[requires("settings:read")], responses=faults())
    async def history(
        self,
        principal: Injected[Principal],
        change_settings: Injected[ChangeSettings],
        before: Annotated[int | None, QueryParameter(ge=1, le=2**53)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> SettingsHistory:
        """Answer versions, the newest first."""
        found = await change_settings.history(principal.tenant_id, before=before, limit=limit)
        more = len(found) == limit and found[-1].version > 1
        return SettingsHistory([version_out(one) for one in found], found[-1].version if more else None)

    @post(
        "/restore",
        status_code=200,
        summary="Go back to a version",
        guards=[requires("settings:manage")],
        responses=_CHANGES,
    )
    async def restore(
        self,
        data: Annotated[RestoreRequest, Body(examples=[Example(id="defaults", value={"version": 0})])],
        if_match: IfMatch,
        principal: Injected[Principal],
        change_settings: Injected[ChangeSettings],
    ) -> Response[SettingsOut]:
        """Make a new version of what an earlier one set; sent twice, the second is refused with 409."""
        made = await change_settings.restore(principal, data.version, after=int(if_match.strip('"')))
        return _answer(made)


def _answer(version: SettingsVersion) -> Response[SettingsOut]:
    return Response(settings_out(version), headers={"ETag": f'"{version.version}"'})
