from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.domain.access import (
    OPERATOR_TENANT_ID,
    SCOPES_OF,
    Principal,
    Role,
    grantable_scopes,
)
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.keys import AUDIENCES, IssuedKey, ManageKeys
from orchestration_svc.domain.tenants import ManageTenants
from tests.unit.orchestration_svc.fakes import (
    NOW,
    OTHER_TENANT,
    TENANT,
    FakeClock,
    FakeFeed,
    FakeSigner,
    MemoryKeyStore,
)

DAY = timedelta(days=1)
ADMIN = Principal(TENANT, "admin-token", frozenset({"admin"}), SCOPES_OF[Role.ADMIN])
PLATFORM = Principal(
    OPERATOR_TENANT_ID, "platform-token", frozenset({"platform_admin"}), SCOPES_OF[Role.PLATFORM_ADMIN]
)


@dataclass
class Bench:
    store: MemoryKeyStore = field(default_factory=MemoryKeyStore)
    signer: FakeSigner = field(default_factory=FakeSigner)
    feed: FakeFeed = field(default_factory=FakeFeed)
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def keys(self) -> ManageKeys:
        return ManageKeys(self.store, self.signer, self.feed, self.clock)

    async def issue(
        self,
        *roles: Role,
        scopes: frozenset[str] | None = None,
        granter: Principal | None = None,
        name: str = "ci",
        lifetime: timedelta = 90 * DAY,
    ) -> IssuedKey:
        return await self.keys.issue(
            tenant_id=granter.tenant_id if granter else TENANT,
            granter=granter,
            name=name,
            roles=frozenset(roles or {Role.ANALYST}),
            scopes=scopes,
            lifetime=lifetime,
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_issued_token_carries_what_was_kept(bench: Bench) -> None:
    issued = await bench.issue(Role.ANALYST, lifetime=DAY)
    assert issued.token == f"token:{issued.key.key_id}"
    assert bench.signer.signed == [
        {
            "token_id": str(issued.key.key_id),
            "tenant_id": TENANT,
            "roles": frozenset({"analyst"}),
            "scopes": SCOPES_OF[Role.ANALYST],
            "audiences": AUDIENCES,
            "expires_at": NOW + DAY,
        }
    ]
    assert await bench.keys.list(TENANT) == [issued.key]
    assert await bench.keys.list(OTHER_TENANT) == []


async def test_token_is_kept_nowhere(bench: Bench) -> None:
    issued = await bench.issue()
    assert issued.token not in repr(bench.store.keys)


@pytest.mark.parametrize(
    "lifetime", [timedelta(0), -DAY, timedelta(milliseconds=999), 366 * DAY + timedelta(seconds=1)]
)
async def test_key_without_a_sensible_end_is_refused(bench: Bench, lifetime: timedelta) -> None:
    with pytest.raises(ServiceError) as caught:
        await bench.issue(lifetime=lifetime)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "lifetime")
    assert bench.signer.signed == []


@pytest.mark.parametrize("name", ["", "x" * 129, "a\x00b", "a\nb", "\x7f"])
async def test_name_that_cannot_be_shown_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await bench.issue(name=name)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "name")


@pytest.mark.parametrize("role", list(Role))
def test_role_gives_its_scopes_in_the_tenant_where_it_may_exist(role: Role) -> None:
    assert grantable_scopes(OPERATOR_TENANT_ID, frozenset({role}), None) == SCOPES_OF[role]
    if role is Role.PLATFORM_ADMIN:
        with pytest.raises(ServiceError):
            grantable_scopes(TENANT, frozenset({role}), None)
    else:
        assert "tenants:manage" not in grantable_scopes(TENANT, frozenset({role}), None)


def test_a_higher_role_has_all_that_a_lower_one_has() -> None:
    ladder = [SCOPES_OF[role] for role in Role]
    assert all(low < high for low, high in pairwise(ladder))


@given(
    roles=st.frozensets(st.sampled_from(list(Role)), max_size=3),
    wanted=st.none() | st.frozensets(st.sampled_from(sorted(SCOPES_OF[Role.PLATFORM_ADMIN])), max_size=4),
)
def test_no_token_gets_a_scope_that_its_roles_do_not_have(
    roles: frozenset[Role], wanted: frozenset[str] | None
) -> None:
    available = frozenset[str]().union(*(SCOPES_OF[role] for role in roles))
    if roles and (wanted is None or wanted <= available):
        given_scopes = grantable_scopes(OPERATOR_TENANT_ID, roles, wanted)
        assert given_scopes == (available if wanted is None else wanted)
    else:
        with pytest.raises(ServiceError) as caught:
            grantable_scopes(OPERATOR_TENANT_ID, roles, wanted)
        assert caught.value.code is ErrorCode.INVALID_REQUEST


async def test_admin_cannot_make_a_platform_admin(bench: Bench) -> None:
    operator_admin = Principal(OPERATOR_TENANT_ID, "t", frozenset({"admin"}), SCOPES_OF[Role.ADMIN])
    with pytest.raises(ServiceError) as caught:
        await bench.issue(Role.PLATFORM_ADMIN, granter=operator_admin)
    assert caught.value.code is ErrorCode.INSUFFICIENT_RBAC
    assert bench.store.keys == {}


async def test_admin_cannot_take_a_platform_admins_key_by_rotating_it(bench: Bench) -> None:
    key = (await bench.issue(Role.PLATFORM_ADMIN, granter=PLATFORM)).key
    operator_admin = Principal(OPERATOR_TENANT_ID, "t", frozenset({"admin"}), SCOPES_OF[Role.ADMIN])
    with pytest.raises(ServiceError) as caught:
        await bench.keys.rotate(
            tenant_id=OPERATOR_TENANT_ID, granter=operator_admin, key_id=key.key_id, overlap=DAY
        )
    assert caught.value.code is ErrorCode.INSUFFICIENT_RBAC
    assert [one.revoked_at for one in bench.store.keys.values()] == [None]


async def test_narrow_token_cannot_make_or_take_a_wider_key(bench: Bench) -> None:
    narrow = Principal(TENANT, "t", frozenset({"admin"}), frozenset({"keys:manage"}))
    key = (await bench.issue(Role.ADMIN)).key
    for attempt in (
        bench.issue(Role.ADMIN, granter=narrow),
        bench.issue(Role.VIEWER, granter=narrow),
        bench.keys.rotate(tenant_id=TENANT, granter=narrow, key_id=key.key_id, overlap=DAY),
    ):
        with pytest.raises(ServiceError) as caught:
            await attempt
        assert caught.value.code is ErrorCode.INSUFFICIENT_RBAC
    equal = await bench.issue(Role.ADMIN, granter=narrow, scopes=frozenset({"keys:manage"}))
    assert equal.key.scopes == {"keys:manage"}


async def test_only_the_platform_gives_another_tenant_a_key(bench: Bench) -> None:
    async def first_key(granter: Principal) -> IssuedKey:
        return await bench.keys.issue(
            tenant_id=OTHER_TENANT,
            granter=granter,
            name="first",
            roles=frozenset({Role.ADMIN}),
            scopes=None,
            lifetime=DAY,
        )

    with pytest.raises(ServiceError) as caught:
        await first_key(ADMIN)
    assert caught.value.code is ErrorCode.INSUFFICIENT_RBAC
    narrow = Principal(OPERATOR_TENANT_ID, "t", PLATFORM.roles, frozenset({"tenants:manage"}))
    assert (await first_key(narrow)).key.roles == {Role.ADMIN}


async def test_rotated_key_works_on_for_the_overlap_beside_an_equal_successor(bench: Bench) -> None:
    old = (await bench.issue(Role.ANALYST, scopes=frozenset({"map"}), lifetime=10 * DAY)).key
    bench.clock.pass_by(2 * DAY)
    new = await bench.keys.rotate(tenant_id=TENANT, granter=ADMIN, key_id=old.key_id, overlap=DAY)
    assert new.key.key_id != old.key_id
    assert (new.key.name, new.key.roles, new.key.scopes) == (old.name, old.roles, old.scopes)
    assert new.key.expires_at == bench.clock.time + 10 * DAY
    assert (await bench.store.get(TENANT, old.key_id)).revoked_at == bench.clock.time + DAY
    assert bench.store.acts[-2:] == [("admin-token", "key.issued"), ("admin-token", "key.rotated")]
    assert bench.feed.published == 1


@pytest.mark.parametrize("overlap", [-timedelta(seconds=1), 30 * DAY + timedelta(seconds=1)])
async def test_overlap_has_bounds(bench: Bench, overlap: timedelta) -> None:
    key = (await bench.issue()).key
    with pytest.raises(ServiceError) as caught:
        await bench.keys.rotate(tenant_id=TENANT, granter=None, key_id=key.key_id, overlap=overlap)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "overlap_s")


async def test_key_is_rotated_once(bench: Bench) -> None:
    key = (await bench.issue()).key
    await bench.keys.rotate(tenant_id=TENANT, granter=None, key_id=key.key_id, overlap=DAY)
    with pytest.raises(ServiceError) as caught:
        await bench.keys.rotate(tenant_id=TENANT, granter=None, key_id=key.key_id, overlap=DAY)
    assert caught.value.code is ErrorCode.CONFLICT


async def test_revoking_ends_an_overlap_at_once_and_twice_is_once(bench: Bench) -> None:
    key = (await bench.issue()).key
    await bench.keys.rotate(tenant_id=TENANT, granter=None, key_id=key.key_id, overlap=DAY)
    await bench.keys.revoke(tenant_id=TENANT, actor="a", key_id=key.key_id)
    assert (await bench.store.get(TENANT, key.key_id)).revoked_at == NOW
    bench.clock.pass_by(DAY)
    await bench.keys.revoke(tenant_id=TENANT, actor="a", key_id=key.key_id)
    assert (await bench.store.get(TENANT, key.key_id)).revoked_at == NOW
    assert [act for _, act in bench.store.acts].count("key.revoked") == 1
    assert bench.feed.published == 3


async def test_another_tenants_key_is_as_if_it_were_not_there(bench: Bench) -> None:
    key = (await bench.issue()).key
    for attempt in (
        bench.keys.revoke(tenant_id=OTHER_TENANT, actor="a", key_id=key.key_id),
        bench.keys.rotate(tenant_id=OTHER_TENANT, granter=None, key_id=key.key_id, overlap=DAY),
        bench.keys.revoke(tenant_id=TENANT, actor="a", key_id=uuid4()),
    ):
        with pytest.raises(ServiceError) as caught:
            await attempt
        assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a_b", "a.b", "a" * 64, "a\n", "ä", "a b"])
async def test_tenant_name_is_a_dns_label(name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await ManageTenants(None).create(name, actor="a")  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "name")
