"""A key that orchestration_svc issued opens the dashboard, and its revocation closes it."""

import re

import httpx

from tests.contracts.test_tokens import issue_key, make_tenant, revoke
from tests.contracts.world import World


async def test_issued_key_opens_the_dashboard_until_it_is_revoked(world: World) -> None:
    client = world.running["analysis_svc"].client
    tenant_id = await make_tenant(world)
    key_id, key = await issue_key(world, tenant_id)
    form = await client.get("/dashboard/sign-in")
    visit = cookie_of(form)
    token = re.search(r'name="csrf_token" value="(\w+)"', form.text)
    assert token
    assert "Secure" in form.headers["set-cookie"], "the host is not this machine"
    answer = await client.post(
        "/dashboard/sign-in", data={"csrf_token": token[1], "key": key}, headers={"Cookie": visit}
    )
    assert answer.headers["location"] == "/dashboard"
    session = {"Cookie": cookie_of(answer)}
    assert (await client.get("/dashboard", headers=session)).status_code == 200
    await revoke(world, tenant_id, key_id)
    answer = await client.get("/dashboard", headers=session)
    assert answer.headers["location"] == "/dashboard/sign-in?notice=key"


def cookie_of(answer: httpx.Response) -> str:
    """Return the first cookie as it is sent back; the client itself keeps Secure ones to TLS."""
    return answer.headers["set-cookie"].partition(";")[0]
