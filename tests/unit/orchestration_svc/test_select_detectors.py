import pytest

from orchestration_svc.domain.detection import Detector, ReadyState
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.orchestration import Routing
from orchestration_svc.domain.policy import CoverageMethod, Policy
from orchestration_svc.domain.select_detectors import select_detectors
from tests.unit.orchestration_svc.fakes import TEXT, FakeDetector, FakeDirectory

IMAGES = frozenset({"image/png"})
INSTALLED = FakeDirectory(
    FakeDetector("alpha"),
    FakeDetector("beta", state=ReadyState.UNAVAILABLE),
    FakeDetector("gamma"),
    FakeDetector("seeing", content_types=IMAGES),
)


def policy(detectors: tuple[str, ...] | None = None, required: tuple[str, ...] | None = None) -> Policy:
    return Policy("some", "1", "", TEXT, detectors, required, CoverageMethod.REQUIRED_SET, 0.8)


def select(
    chosen: Policy,
    *,
    named: bool = False,
    wanted: tuple[str, ...] | None = None,
    content_type: str = "text/plain",
) -> tuple[list[Detector], tuple[str, ...], Routing]:
    return select_detectors(INSTALLED, chosen, policy_named=named, wanted=wanted, content_type=content_type)


def names(detectors: list[Detector]) -> list[str]:
    return [one.info.name for one in detectors]


def test_policy_without_detectors_runs_all_that_read_the_content_type() -> None:
    chosen, required, routing = select(policy())
    assert names(chosen) == ["alpha", "beta", "gamma"]
    assert required == ("alpha", "beta", "gamma")
    assert "runs every detector" in routing.reason


def test_a_detector_that_is_not_ready_is_still_run_and_required() -> None:
    chosen, required, routing = select(policy())
    assert "beta" in names(chosen)
    assert "beta" in required
    assert routing.health["beta"] == "unavailable"


def test_policy_names_detectors_in_its_own_order() -> None:
    chosen, required, routing = select(policy(("gamma", "alpha"), required=("alpha",)))
    assert names(chosen) == ["gamma", "alpha"]
    assert required == ("alpha",)
    assert routing.selected == ("gamma", "alpha")


def test_detector_of_a_policy_that_is_not_installed_is_required_all_the_same() -> None:
    chosen, required, _ = select(policy(("alpha", "gone")))
    assert names(chosen) == ["alpha"]
    assert required == ("alpha", "gone")


def test_caller_who_names_detectors_and_no_policy_is_answered_for_those() -> None:
    chosen, required, _ = select(policy(), wanted=("gamma", "gamma", "alpha"))
    assert names(chosen) == ["gamma", "alpha"]
    assert required == ("gamma", "alpha")


@pytest.mark.parametrize(
    ("chosen", "required"),
    [
        (policy(), ("alpha", "beta", "gamma")),
        (policy(("alpha", "beta")), ("alpha", "beta")),
        (policy(("alpha", "beta"), required=("beta",)), ("beta",)),
        (policy(required=("beta",)), ("beta",)),
    ],
)
def test_nobody_looks_covered_by_asking_a_policy_for_less(chosen: Policy, required: tuple[str, ...]) -> None:
    ran, counted, _ = select(chosen, named=True, wanted=("alpha",))
    assert names(ran) == ["alpha"]
    assert counted == required


def test_detector_that_is_not_installed_is_named_by_its_place() -> None:
    with pytest.raises(ServiceError) as caught:
        select(policy(), wanted=("alpha", "gone"))
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "detectors[1]")


def test_policy_for_another_content_type_is_refused() -> None:
    with pytest.raises(ServiceError) as caught:
        select(policy(), content_type="image/png")
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "content_type")


def test_policy_of_which_nothing_is_installed_is_refused() -> None:
    with pytest.raises(ServiceError) as caught:
        select(policy(("gone", "away")))
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "detectors")
