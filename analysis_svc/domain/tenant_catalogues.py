"""What a tenant's findings are tied to: the shipped catalogue and its own frameworks in force."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.errors import StorageUnavailableError
from analysis_svc.domain.framework_ports import OwnFrameworkStore
from analysis_svc.domain.own_frameworks import OwnFramework

FRESH_S = 5.0
"""So long after it was read a catalogue is used as it is; a decision made elsewhere is felt after that."""
KNOWN_S = 300.0
"""So long a catalogue that cannot be read anew counts as the one in force."""
FIRST_LIMIT_S = 0.05
"""So long a request waits for its tenant's frameworks when nothing is known of them yet; a third of the time
that its caller has, where that is longer."""
_MOST_S = 1.0
MAX_TENANTS = 2_000


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of a tenant's own framework a newer release has no place for.

    Attributes:
        framework: its id.
        labels: that the release does not have, so that they tie nothing; empty where the whole framework is
            left out because a shipped one has its id now.
    """

    framework: str
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class _Known:
    catalogue: Catalogue
    read_at: float
    asked_at: float
    complete: bool
    left_out: tuple[LeftOut, ...] = ()


class TenantCatalogues:
    """Keeps the catalogue of each tenant at hand; read anew behind the requests' back.

    Args:
        shipped: the catalogue of all.
        store: where tenants' frameworks are kept.
        background: runs the reading that nobody waits for.
        report: told once what of a tenant's frameworks is left out, and again when that changes.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        shipped: Catalogue,
        store: OwnFrameworkStore,
        background: BackgroundWork,
        *,
        report: Callable[[UUID, Sequence[LeftOut]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shipped = shipped
        self._store = store
        self._background = background
        self._report = report
        self._clock = clock
        self._known: OrderedDict[UUID, _Known] = OrderedDict()

    async def of(self, tenant_id: UUID, *, within_s: float | None = None) -> Catalogue:
        """Return the shipped catalogue with the tenant's own frameworks that are in force."""
        known, now = self._known.get(tenant_id), self._clock()
        if known is not None:
            self._known.move_to_end(tenant_id)
            if now - known.asked_at >= FRESH_S:
                known.asked_at = now
                self._background.start(self._read(tenant_id))
            return known.catalogue
        # Until it is read the shipped one alone is known, and is said to be incomplete.
        self._put(tenant_id, _Known(self._shipped, now, now, complete=False))
        task = self._background.start(self._read(tenant_id))
        if task is not None:
            # A third: the rest is for analysing, and for the evidence, which gets half.
            await asyncio.wait({task}, timeout=max(FIRST_LIMIT_S, min((within_s or 0.0) / 3, _MOST_S)))
        return self._known[tenant_id].catalogue if tenant_id in self._known else self._shipped

    def up_to_date(self, tenant_id: UUID) -> bool:
        """Tell whether the tenant's own frameworks in what `of` gave last are known to be those in force."""
        known = self._known.get(tenant_id)
        return known is not None and known.complete and self._clock() - known.read_at < KNOWN_S

    async def refresh(self, tenant_id: UUID) -> None:
        """Read the tenant's catalogue anew, now.

        Raises:
            StorageUnavailableError: the database is away; what was known before stays.
        """
        now = self._clock()
        owns = await self._store.in_force(tenant_id)
        missing, known = left_out(self._shipped, owns), self._known.get(tenant_id)
        if missing and (known is None or known.left_out != missing):
            self._report(tenant_id, missing)
        merged = with_own(self._shipped, owns)
        self._put(tenant_id, _Known(merged, now, now, complete=True, left_out=missing))

    async def _read(self, tenant_id: UUID) -> None:
        try:
            await self.refresh(tenant_id)
        except StorageUnavailableError:
            return  # what was known stays, and `up_to_date` says how long it counts

    def _put(self, tenant_id: UUID, known: _Known) -> None:
        self._known[tenant_id] = known
        self._known.move_to_end(tenant_id)
        while len(self._known) > MAX_TENANTS:
            self._known.popitem(last=False)


def with_own(shipped: Catalogue, owns: Sequence[OwnFramework]) -> Catalogue:
    """Add a tenant's own frameworks to the shipped catalogue; they are default ones for it.

    They were checked against the release of their time; what `left_out` names is not added.
    """
    if not owns:
        return shipped
    frameworks = dict(shipped.frameworks)
    links = dict(shipped.links)
    for own in owns:
        if own.framework.id in shipped.frameworks:
            continue
        frameworks[own.framework.id] = replace(
            own.framework,
            edition=f"{own.framework.edition} (version {own.version})",
            default=True,
            own_version=own.version,
        )
        for label, found in own.links.items():
            if label in links:
                links[label] = (*links[label], *found)
    return replace(shipped, frameworks=frameworks, links=links)


def left_out(shipped: Catalogue, owns: Sequence[OwnFramework]) -> tuple[LeftOut, ...]:
    """Say what of a tenant's own frameworks the shipped catalogue has no place for."""
    found = []
    for own in owns:
        unknown = tuple(sorted(label for label in own.links if label not in shipped.links))
        if own.framework.id in shipped.frameworks:
            found.append(LeftOut(own.framework.id))
        elif unknown:
            found.append(LeftOut(own.framework.id, unknown))
    return tuple(found)
