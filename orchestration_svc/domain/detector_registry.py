"""The use cases behind /api/v1/detectors: register, change, switch, split and remove at run time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from orchestration_svc.domain.access import OPERATOR_TENANT_ID, Principal, Role
from orchestration_svc.domain.detector_registration import (
    INSTALLED,
    VERSIONS_MAX,
    AdapterName,
    Connection,
    Registration,
    check_connection,
    check_names,
    check_split,
    wrong,
)
from orchestration_svc.domain.errors import ErrorCode, ServiceError


@dataclass(frozen=True, slots=True)
class Change:
    """What a step makes of an owner's registrations, and what the audit log says of it."""

    kept: Sequence[Registration]
    action: str
    subject: str
    detail: Mapping[str, object]


class RegistrationStore(Protocol):
    """Keeps registrations. Each call raises StorageUnavailableError."""

    async def load(self, owner: UUID) -> Sequence[Registration]:
        """Return what one owner registered, by name and version."""
        ...

    async def change(
        self, owner: UUID, step: Callable[[Sequence[Registration]], Change], *, actor: str
    ) -> Sequence[Registration]:
        """Apply a step to what is there now, with its audit event, one change after the other.

        Raises:
            ServiceError: whatever the step raises; nothing is changed then.
        """
        ...


class RegistrationNews(Protocol):
    """Tells every process of this service that an owner's registrations changed."""

    async def changed(self, owner: UUID) -> None:
        """Make the change hold here at once, elsewhere soon; never fails."""
        ...


class ConnectionCheck(Protocol):
    """Knows what adapters and the network take."""

    def check_url(self, url: str) -> None:
        """Raise ServiceError INVALID_REQUEST for a URL that may not be called."""
        ...

    def check_options(self, adapter: AdapterName, options: Mapping[str, Any]) -> None:
        """Raise ServiceError INVALID_REQUEST for options that the adapter cannot use."""
        ...


class DetectorRegistry:
    """Changes registrations: in the store, then here, then everywhere.

    Args:
        store: keeps them.
        news: hears of changes.
        check: knows adapters and addresses.
        installed: names of the detectors that are installed.
    """

    def __init__(
        self,
        store: RegistrationStore,
        news: RegistrationNews,
        check: ConnectionCheck,
        installed: Callable[[], Collection[str]],
    ) -> None:
        self._store = store
        self._news = news
        self._check = check
        self._installed = installed

    async def register(
        self,
        caller: Principal,
        name: str,
        version: str,
        connection: Connection,
        *,
        shared: bool,
        made_as: UUID,
    ) -> Registration:
        """Add a version. The first of a detector gets all its calls, later ones none until a split says so.

        Args:
            caller: who adds it.
            name: of the detector.
            version: of the server or model behind it.
            connection: how it is called.
            shared: whether every tenant is to have it.
            made_as: id of the request, the same when it is sent again: what it added already is returned.

        Raises:
            ServiceError: INVALID_REQUEST naming the field; CONFLICT for a version that is there or a name
                that another detector has; INSUFFICIENT_RBAC for a shared one by another than the platform.
        """
        owner = owner_for(caller, shared=shared)
        check_names(name, version)
        self._check_connection(connection)
        for one in await self._store.load(owner):
            if (one.name, one.version, one.made_as) == (name, version, made_as):
                return one
        await self._check_free(owner, name)

        def step(before: Sequence[Registration]) -> Change:
            siblings = [one for one in before if one.name == name]
            if any(one.version == version for one in siblings):
                raise ServiceError(ErrorCode.CONFLICT, "this version is registered already", field="version")
            if len(before) >= VERSIONS_MAX:
                raise ServiceError(ErrorCode.CONFLICT, f"at most {VERSIONS_MAX} versions can be registered")
            made = Registration(
                owner,
                name,
                version,
                connection,
                enabled=all(one.enabled for one in siblings),
                weight=0 if siblings else 100,
                made_as=made_as,
            )
            return _change([*before, made], "detector.registered", made, _detail(connection))

        return _one(await self._commit(caller, owner, step), name, version)

    async def update(
        self, caller: Principal, name: str, version: str, connection: Connection, *, shared: bool
    ) -> Registration:
        """Set anew how a version is called.

        Raises:
            ServiceError: NOT_FOUND for no such version, otherwise as `register`.
        """
        owner = owner_for(caller, shared=shared)
        self._check_connection(connection)

        def step(before: Sequence[Registration]) -> Change:
            old = _one(before, name, version)
            made = replace(old, connection=connection)
            kept = [made if one is old else one for one in before]
            return _change(kept, "detector.updated", made, _detail(connection))

        return _one(await self._commit(caller, owner, step), name, version)

    async def split(
        self, caller: Principal, name: str, weights: Mapping[str, int], shadow: str | None, *, shared: bool
    ) -> Sequence[Registration]:
        """Share a detector's calls out between its versions, and say which is only asked beside.

        Raises:
            ServiceError: NOT_FOUND for no such detector, INVALID_REQUEST for a split that cannot be.
        """
        owner = owner_for(caller, shared=shared)

        def step(before: Sequence[Registration]) -> Change:
            versions = _versions(before, name)
            check_split(versions, weights, shadow)
            kept = [
                replace(one, weight=weights.get(one.version, 0), shadow=one.version == shadow)
                if one in versions
                else one
                for one in before
            ]
            return Change(kept, "detector.split", name, {"weights": dict(weights), "shadow": shadow})

        return _versions(await self._commit(caller, owner, step), name)

    async def switch(self, caller: Principal, name: str, *, enabled: bool, shared: bool) -> None:
        """Let a detector run or not, all its versions or an installed one, for the tenant or for everybody.

        Raises:
            ServiceError: NOT_FOUND for a detector that is neither the owner's nor installed.
        """
        owner = owner_for(caller, shared=shared)

        def step(before: Sequence[Registration]) -> Change:
            mine = [one for one in before if one.name == name]
            kept = [replace(one, enabled=enabled) if one in mine else one for one in before]
            if not mine:
                if name not in self._installed():
                    raise _no_such_detector()
                plugin = Connection(AdapterName.PLUGIN, vendor=name)
                kept.append(Registration(owner, name, INSTALLED, plugin, enabled=enabled, weight=100))
            return Change(kept, "detector.enabled" if enabled else "detector.disabled", name, {})

        await self._commit(caller, owner, step)

    async def remove(self, caller: Principal, name: str, version: str, *, shared: bool) -> None:
        """Forget a version. One that still answers calls beside another can only go after a split.

        Raises:
            ServiceError: NOT_FOUND for no such version, CONFLICT while it is to answer calls beside another.
        """
        owner = owner_for(caller, shared=shared)

        def step(before: Sequence[Registration]) -> Change:
            old = _one(before, name, version)
            siblings = [one for one in _versions(before, name) if one is not old]
            if siblings and not any(one.weight for one in siblings):
                raise ServiceError(
                    ErrorCode.CONFLICT, "no other version answers calls; split them first", field="version"
                )
            return _change([one for one in before if one is not old], "detector.removed", old, {})

        await self._commit(caller, owner, step)

    async def registered(self, owner: UUID) -> Sequence[Registration]:
        """Return what the owner registered, by name and version."""
        return await self._store.load(owner)

    async def _commit(
        self, caller: Principal, owner: UUID, step: Callable[[Sequence[Registration]], Change]
    ) -> Sequence[Registration]:
        after = await self._store.change(owner, step, actor=caller.token_id)
        await self._news.changed(owner)
        return after

    def _check_connection(self, connection: Connection) -> None:
        if connection.adapter is AdapterName.PLUGIN:
            raise wrong("adapter", "an installed detector is there already; enable or disable it")
        check_connection(connection)
        self._check.check_url(connection.url)
        self._check.check_options(connection.adapter, connection.options)

    async def _check_free(self, owner: UUID, name: str) -> None:
        taken = name in self._installed()
        if owner != OPERATOR_TENANT_ID and not taken:
            taken = any(one.name == name for one in await self._store.load(OPERATOR_TENANT_ID))
        if taken:
            raise ServiceError(ErrorCode.CONFLICT, "a shared detector has this name", field="name")


def owner_for(caller: Principal, *, shared: bool) -> UUID:
    """Return whose registrations the caller changes.

    Raises:
        ServiceError: INSUFFICIENT_RBAC for shared ones by another than the platform's admins.
    """
    if not shared and caller.tenant_id != OPERATOR_TENANT_ID:
        return caller.tenant_id
    if Role.PLATFORM_ADMIN not in caller.roles:
        raise ServiceError(
            ErrorCode.INSUFFICIENT_RBAC, f"only the role '{Role.PLATFORM_ADMIN}' changes shared detectors"
        )
    return OPERATOR_TENANT_ID


def _versions(registrations: Sequence[Registration], name: str) -> list[Registration]:
    found = [one for one in registrations if one.name == name and not one.is_switch]
    if not found:
        raise _no_such_detector()
    return found


def _one(registrations: Sequence[Registration], name: str, version: str) -> Registration:
    for one in registrations:
        if (one.name, one.version) == (name, version) and not one.is_switch:
            return one
    raise ServiceError(ErrorCode.NOT_FOUND, "no such version is registered", field="version")


def _no_such_detector() -> ServiceError:
    return ServiceError(ErrorCode.NOT_FOUND, "no such detector is registered", field="name")


def _change(kept: Sequence[Registration], action: str, of: Registration, detail: dict[str, object]) -> Change:
    return Change(kept, action, f"{of.name}/{of.version}", detail)


def _detail(connection: Connection) -> dict[str, object]:
    # Where content goes from now on is what an auditor asks for; options may be large and say less.
    return {"adapter": connection.adapter.value, "url": connection.url, "vendor": connection.vendor}
