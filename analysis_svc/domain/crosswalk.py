"""The use case: what the controls of one framework have in common with those of others."""

from analysis_svc.domain.catalogue import Catalogue, CrosswalkTie
from analysis_svc.domain.errors import ErrorCode, ServiceError


def crosswalk(catalogue: Catalogue, framework: str, to: str | None = None) -> list[CrosswalkTie]:
    """List the ties of a framework, each read from its side, in the order of its controls.

    Args:
        catalogue: where to look.
        framework: whose controls stand first.
        to: the one framework whose controls stand second; None for all others.

    Raises:
        ServiceError: NOT_FOUND or INVALID_REQUEST naming the framework that does not exist.
    """
    if framework not in catalogue.frameworks:
        raise ServiceError(ErrorCode.NOT_FOUND, "there is no framework of this id", field="framework")
    if to is not None and to not in catalogue.frameworks:
        known = ", ".join(sorted(catalogue.frameworks))
        raise ServiceError(ErrorCode.INVALID_REQUEST, f"unknown framework; known are {known}", field="to")
    ties = []
    for tie in catalogue.crosswalk:
        if tie.source.framework == framework:
            ties.append(tie)
        elif tie.target.framework == framework:
            ties.append(CrosswalkTie(tie.target, tie.source, tie.overlap.inverse, tie.rationale))
    place = {control: index for index, control in enumerate(catalogue.frameworks[framework].controls)}
    wanted = [tie for tie in ties if to in {None, tie.target.framework}]
    return sorted(wanted, key=lambda tie: (place[tie.source.id], tie.target.framework, tie.target.id))
