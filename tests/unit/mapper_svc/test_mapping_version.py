"""The word that says what a tenant's answers depend on: callers keep answers while it is the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest

from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import MapResult
from mapper_svc.domain.label_model import ModelFault, ModelUnavailableError, ModelVersion
from mapper_svc.domain.map_request import MapRequests
from mapper_svc.domain.mapping_version import MappingVersions
from mapper_svc.domain.model_opinion import ModelOpinion
from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.plugins import NoPlugins
from mapper_svc.domain.ports import RoutedModel
from mapper_svc.domain.tenant_settings import UNREAD, CurrentChoices
from tests.unit.mapper_svc.model_stand_ins import VERSION, Heard, Model

TENANT, OTHER = uuid4(), uuid4()


@dataclass
class World:
    """What the version is made of, each part to be changed by a test."""

    current: CurrentChoices = field(default_factory=lambda: CurrentChoices(version=3))
    model: ModelVersion | ModelFault | None = VERSION

    async def of(self, tenant_id: UUID) -> CurrentChoices:  # noqa: ARG002 - the shape of the port
        return self.current

    def pick(self, tenant_id: UUID) -> RoutedModel | None:  # noqa: ARG002 - the shape of the port
        if isinstance(self.model, ModelFault):
            raise ModelUnavailableError(self.model)
        return None if self.model is None else RoutedModel(Model((), {}), self.model)

    async def word(self, *made_of: str, tenant: UUID = TENANT) -> str | None:
        version = await MappingVersions(made_of or ("1",), self, self).of(tenant)
        return None if version is None else version.word


async def test_it_changes_with_release_settings_model_and_tenant_and_with_nothing_else() -> None:
    world = World()
    first = await world.word("release", "tables")
    assert first == await world.word("release", "tables")
    seen = {
        first,
        await world.word("release", "other tables"),
        await world.word("release", "tables", tenant=OTHER),
    }
    world.current = CurrentChoices(version=4)
    seen.add(await world.word("release", "tables"))
    for model in (replace(VERSION, version="0" * 12), replace(VERSION, calibrator="another"), None):
        world.model = model
        seen.add(await world.word("release", "tables"))
    assert None not in seen
    assert len(seen) == 7


async def test_it_is_not_known_while_settings_cannot_be_read_or_no_model_is_known() -> None:
    assert await World(current=CurrentChoices(note=UNREAD)).word() is None
    assert await World(model=ModelFault.UNREACHABLE).word() is None


class Review:
    async def keep(self, tenant_id: UUID, labels: object) -> None: ...

    async def page(self, *_: object, **__: object) -> list[object]:
        return []


class Plugins(NoPlugins):
    """Lets one call fail when told to."""

    def __init__(self, fails: int) -> None:
        self._fails = fails

    async def check(self, results: Sequence[MapResult]) -> list[MapResult]:
        self.failures += self._fails
        return list(results)


async def mapped(catalogue: Catalogue, world: World, *, fails: int = 0, switched: bool = False) -> MapResult:
    async def ask(asked: object, *, tenant_id: UUID, within_s: float | None = None) -> ModelOpinion:  # noqa: ARG001
        if switched:
            world.model = replace(VERSION, version="0" * 12)
        return ModelOpinion({}, {})

    requests = MapRequests(
        catalogue,
        Review(),  # type: ignore[arg-type]
        Heard(),
        BackgroundWork(),
        Plugins(fails),
        tenant_settings=world,
        ask_model=ask,  # type: ignore[arg-type]
        versions=MappingVersions(("1",), world, world),
    )
    (result,) = await requests([MapperPayload("openai_moderation", "harassment")], tenant_id=TENANT)
    return result


async def test_an_answer_carries_the_version_that_it_was_given_under(catalogue: Catalogue) -> None:
    world = World()
    assert (await mapped(catalogue, world)).mapping_version == await world.word()


@pytest.mark.parametrize("trouble", [{"fails": 1}, {"switched": True}])
async def test_an_answer_given_amid_trouble_or_a_switch_carries_none(
    catalogue: Catalogue, trouble: dict[str, int]
) -> None:
    assert (await mapped(catalogue, World(), **trouble)).mapping_version is None  # type: ignore[arg-type]
