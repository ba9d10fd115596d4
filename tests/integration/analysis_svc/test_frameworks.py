"""Frameworks are read with a scope of their own."""

import pytest

from orchestration_svc.domain.access import SCOPES_OF, Role
from tests.integration.analysis_svc.conftest import Analysis


@pytest.mark.parametrize("path", ["/api/v1/frameworks", "/api/v1/frameworks/gdpr"])
async def test_frameworks_need_a_scope_of_their_own_and_not_that_of_evidence(
    analysis: Analysis, path: str
) -> None:
    async def status(scope: str) -> int:
        headers = {"Authorization": f"Bearer {analysis.tenant} {scope}"}
        return (await analysis.client.get(path, headers=headers)).status_code

    assert await status("evidence:read") == 403
    assert await status("frameworks:read") == 200


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_read_frameworks(role: Role) -> None:
    assert "frameworks:read" in SCOPES_OF[role]
