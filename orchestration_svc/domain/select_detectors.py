"""Choose the detectors of a request: by its policy, or as the caller asks."""

from orchestration_svc.domain.detection import Detector, DetectorDirectory
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.orchestration import Routing
from orchestration_svc.domain.policy import Policy


def select_detectors(
    directory: DetectorDirectory,
    policy: Policy,
    *,
    policy_named: bool,
    wanted: tuple[str, ...] | None,
    content_type: str,
) -> tuple[list[Detector], tuple[str, ...], Routing]:
    """Return the detectors to run, the names that coverage is counted over, and the reason.

    A caller who names detectors and no policy is answered for just those. A caller who names a policy
    too still has the policy's required set counted, so nobody looks covered by asking for less.

    Raises:
        ServiceError: INVALID_REQUEST for a detector that is not installed, for a content type the
            policy is not for, or when nothing is left to run.
    """
    if content_type not in policy.content_types:
        raise ServiceError(
            ErrorCode.INVALID_REQUEST,
            f"the policy '{policy.name}' is not for this content type",
            field="content_type",
        )
    installed = tuple(one.info.name for one in directory.all() if content_type in one.info.content_types)
    of_policy = installed if policy.detectors is None else policy.detectors
    if wanted is not None:
        for index, name in enumerate(wanted):
            if directory.get(name) is None:
                raise ServiceError(
                    ErrorCode.INVALID_REQUEST,
                    "no such detector is installed; GET /api/v1/detectors lists them",
                    field=f"detectors[{index}]",
                )
        names = tuple(dict.fromkeys(wanted))
        reason = "the caller named the detectors"
    elif policy.detectors is not None:
        names = of_policy
        reason = f"the policy '{policy.name}' names the detectors"
    else:
        names = of_policy
        reason = f"the policy '{policy.name}' runs every detector that reads {content_type}"

    chosen = [detector for name in names if (detector := directory.get(name)) is not None]
    if not chosen:
        raise ServiceError(
            ErrorCode.INVALID_REQUEST, "no installed detector is left to run", field="detectors"
        )
    required = of_policy if policy.required is None else policy.required
    if wanted is not None and not policy_named:
        required = names
    health = {one.info.name: one.health().state.value for one in chosen}
    return chosen, required, Routing(tuple(one.info.name for one in chosen), reason, policy, health)
