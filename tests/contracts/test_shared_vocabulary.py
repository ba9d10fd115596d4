"""The services name the same things by the same words, though none of them imports another."""

from importlib.metadata import entry_points

import pytest

import analysis_svc.adapters.catalogue_files
import mapper_svc.adapters.vendor_files
from analysis_svc.domain.catalogue import Catalogue as AnalysisCatalogue
from mapper_svc.domain.catalogue import Catalogue as MapperCatalogue
from orchestration_svc.adapters.plugins import GROUP
from orchestration_svc.domain.access import SCOPES_OF, Role
from orchestration_svc.domain.keys import AUDIENCES
from tests.contracts.services import SERVICES

EDITION = "2026.11"


@pytest.fixture(scope="module")
def mapper() -> MapperCatalogue:
    return mapper_svc.adapters.vendor_files.load_catalogue(EDITION)


@pytest.fixture(scope="module")
def analysis() -> AnalysisCatalogue:
    return analysis_svc.adapters.catalogue_files.load_catalogue(EDITION)


def test_both_editions_of_the_taxonomy_have_the_same_labels_and_severities(
    mapper: MapperCatalogue, analysis: AnalysisCatalogue
) -> None:
    ours = {name: label.severity for name, label in mapper.taxonomy.labels.items()}
    theirs = {name: label.severity for name, label in analysis.taxonomy.labels.items()}
    assert ours == theirs
    assert len(ours) > 100
    assert mapper.taxonomy.edition == analysis.taxonomy.edition == EDITION


def test_every_vendor_label_maps_to_a_label_that_the_analysis_knows(
    mapper: MapperCatalogue, analysis: AnalysisCatalogue
) -> None:
    targets = {
        f"{vendor.id}: {rule.to}"
        for vendor in mapper.vendors.values()
        for rule in vendor.labels.values()
        if rule.to not in analysis.taxonomy.labels
    }
    assert targets == set()
    assert {vendor.general for vendor in mapper.vendors.values()} <= analysis.taxonomy.labels.keys()


def test_every_installed_detector_speaks_a_vendor_that_the_mapper_knows(mapper: MapperCatalogue) -> None:
    plugins = [point.load()() for point in entry_points(group=GROUP)]
    ours = [plugin for plugin in plugins if type(plugin).__module__.startswith("orchestration_svc")]
    assert len(ours) >= 4
    assert {plugin.vendor for plugin in ours if mapper.resolve(plugin.vendor) is None} == set()
    assert mapper.resolve("fms_detectors_api") is not None


def test_keys_are_made_for_exactly_the_services_that_there_are() -> None:
    assert set(AUDIENCES) == {service.name for service in SERVICES}


def test_some_role_opens_every_operation_of_the_table() -> None:
    every = frozenset[str]().union(*SCOPES_OF.values())
    assert {service.scope for service in SERVICES} <= SCOPES_OF[Role.ANALYST] <= every
