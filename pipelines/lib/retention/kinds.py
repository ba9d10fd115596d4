"""What ages, and after how many days it goes: `data/retention.yaml`, and what a tenant set."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import yaml

FILE = Path(__file__).parents[2] / "data" / "retention.yaml"


class _Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    table: str
    own: str
    other: str


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    table: str
    id: str
    at: str
    days: int
    starts: str = msgspec.field(name="from", default="")
    setting: str = ""
    application: str = ""
    subject: str = ""
    children: dict[str, str] = {}
    erased_with: dict[str, str] = {}
    held_with: dict[str, _Link] = {}
    only: str = ""
    archived: bool = False
    hold: bool = True


@dataclass(frozen=True, slots=True)
class HeldWith:
    """Another kind whose held rows keep a row with which rows of theirs would go.

    Attributes:
        kind: the other one; its own such kinds are not asked.
        table: whose rows would go.
        own: its column that refers to the row.
        other: its column that refers to the other kind's row.
    """

    kind: "DataKind"
    table: str
    own: str
    other: str


@dataclass(frozen=True, slots=True)
class DataKind:
    """A kind of data of one service.

    Attributes:
        service: short name of the service, which is its schema.
        name: of the kind, unique in its service.
        table: its table.
        id: column that names a row in a tenant.
        at: column with the time that age is counted from.
        days: term where the tenant set none.
        starts: column with the time that what it is about began; empty when nobody kept that.
        setting: path of the term in the tenant's settings; empty when no tenant sets it.
        application: column with the application; empty when there is none.
        subject: column with a person's keyed hash; empty when there is none.
        children: tables whose rows go with it, each with the column that refers to the id.
        erased_with: further such tables when a person is erased.
        held_with: kinds whose rows keep it when they are on hold.
        only: SQL condition of what can go at all; empty for everything.
        archived: whether a tenant can have it archived.
        hold: whether legal holds keep it.
    """

    service: str
    name: str
    table: str
    id: str
    at: str
    days: int
    starts: str
    setting: str
    application: str
    subject: str
    children: Mapping[str, str]
    erased_with: Mapping[str, str]
    held_with: tuple[HeldWith, ...]
    only: str
    archived: bool
    hold: bool

    def term(self, chosen: Mapping[str, object]) -> int:
        """Return the term in days.

        Args:
            chosen: the tenant's settings of this service as they are stored: only what was set.
        """
        found: object = chosen
        for part in self.setting.split(".") if self.setting else ():
            found = found.get(part) if isinstance(found, Mapping) else None
        return found if isinstance(found, int) and not isinstance(found, bool) and self.setting else self.days

    def cutoff(self, chosen: Mapping[str, object], now: datetime) -> datetime:
        """Return the time before which rows are due."""
        return now - timedelta(days=self.term(chosen))


def load_kinds(path: Path = FILE) -> Mapping[str, tuple[DataKind, ...]]:
    """Read what ages, by service.

    Raises:
        msgspec.ValidationError: the file says what it may not; names the place.
    """
    read = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), dict[str, dict[str, _Entry]])
    return {service: _kinds_of(service, entries) for service, entries in read.items()}


def _kinds_of(service: str, entries: Mapping[str, _Entry]) -> tuple[DataKind, ...]:
    alone = {
        name: DataKind(service=service, name=name, **{**msgspec.structs.asdict(entry), "held_with": ()})
        for name, entry in entries.items()
    }
    return tuple(
        replace(
            kind,
            held_with=tuple(
                HeldWith(alone[other], link.table, link.own, link.other)
                for other, link in entries[name].held_with.items()
            ),
        )
        for name, kind in alone.items()
    )
