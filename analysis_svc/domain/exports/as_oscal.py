"""An export as OSCAL assessment results, version 1.2.1 (NIST).

OSCAL has two states of an objective. `insufficient` is `not-satisfied` with the reason `other`, for what is
not shown is not satisfied; `violated` has the reason `fail`. The exact state stands beside it as a property.
The rules by which the states were given are the assessment plan, which is embedded.
"""

import base64
import re
from collections.abc import Sequence
from uuid import UUID, uuid5

from analysis_svc.domain.control_status import ControlStatus
from analysis_svc.domain.exports.export import Export
from analysis_svc.domain.exports.plain import (
    STATEMENT,
    about,
    audit,
    chained,
    control,
    reviewed,
    rule,
    senses,
    summary,
    time,
)
from analysis_svc.domain.exports.seal import Node, canonical, sha256
from analysis_svc.domain.models import EvidenceState

OSCAL_VERSION = "1.2.1"
NAMESPACE = "urn:llama-mapper:oscal"
SEAL_TITLE = "Seal of this export"
_IDS = UUID("3b1f1f0e-4c2e-5d0a-9a5e-7f5c0b6f2b11")
_NOT_OF_A_TOKEN = re.compile(r"[^a-z0-9.]+")
_OBJECTIVE = {
    EvidenceState.SATISFIED: ("satisfied", "pass"),
    EvidenceState.VIOLATED: ("not-satisfied", "fail"),
    EvidenceState.INSUFFICIENT: ("not-satisfied", "other"),
}


def document(export: Export) -> tuple[Node, str]:
    """Return the document without its seal, and the last hash of the chain of analyses.

    Ids follow from what is identified, so that the same export is written the same way.
    """
    _, last = chained(export)
    told = about(export)
    unique = sha256(canonical([told, last]))
    tool, plan = _id(unique, "tool"), _id(unique, "plan")
    status = export.status
    named = tokens([one.control.id for one in status.controls])
    observations = [_observation(one, export, unique, tool) for one in status.controls]
    assessment: Node = {
        "uuid": _id(unique, "results"),
        "metadata": {
            "title": _line(f"Evidence on {status.title}, {status.edition}"),
            "last-modified": time(export.made_at),
            "version": time(export.made_at),
            "oscal-version": OSCAL_VERSION,
            "props": _props(
                {
                    "product": export.product,
                    "tenant": str(export.tenant_id),
                    "taxonomy-edition": status.taxonomy,
                    "framework": status.framework,
                    "framework-edition": _line(status.edition),
                    "evidence-rules-version": str(status.rules_version),
                }
            ),
        },
        "import-ap": {"href": f"#{plan}", "remarks": "The rules by which controls are judged; embedded."},
        "results": [
            {
                "uuid": _id(unique, "result"),
                "title": f"Status from {time(status.period.start)} to {time(status.period.end)}",
                "description": STATEMENT,
                "start": time(status.period.start),
                "end": time(status.period.end),
                "props": _props(
                    {
                        **{f"controls-{state.value}": str(status.count(state)) for state in EvidenceState},
                        "analyses": str(status.analyses),
                        "findings-put-aside": str(len(status.aside)),
                        "chain-of-analyses": last,
                        **(
                            {"application": _quoted(status.period.application)}
                            if status.period.application
                            else {}
                        ),
                    }
                ),
                "reviewed-controls": {
                    "control-selections": [
                        {"include-controls": [{"control-id": one} for one in named.values()]}
                    ]
                },
                "local-definitions": {"assessment-assets": _assets(export, tool, unique)},
                "observations": observations,
                "findings": [
                    _finding(one, unique, observation["uuid"], named[one.control.id])
                    for one, observation in zip(status.controls, observations, strict=True)
                ],
            }
        ],
        "back-matter": {
            "resources": [
                _embedded(plan, "Rules of evidence", "assessment-plan.json", _plan(export)),
                _embedded(
                    _id(unique, "versions"), "Versions behind the evidence", "versions.json", told["versions"]
                ),
                _embedded(
                    _id(unique, "put aside"),
                    "Findings that a review put aside",
                    "put-aside.json",
                    {"findings": [reviewed(one) for one in status.aside]},
                ),
                _embedded(_id(unique, "audit"), "Audit log of the period", "audit.json", audit(export)),
            ]
        },
    }
    return {"assessment-results": assessment}, last


def with_seal(unsealed: Node, seal: Node) -> Node:
    """Add the seal as the last resource of the back matter."""
    results = unsealed["assessment-results"]
    resources = results["back-matter"]["resources"]
    resource = _embedded(_id(sha256(canonical(seal)), "seal"), SEAL_TITLE, "seal.json", seal)
    back_matter = results["back-matter"] | {"resources": [*resources, resource]}
    return {"assessment-results": results | {"back-matter": back_matter}}


def token(control_id: str) -> str:
    """Write a control's id as an OSCAL token: `AC-2(1)` is `ac-2.1`, as in NIST's own catalogues."""
    plain = control_id.lower().replace("(", ".").replace(")", "")
    plain = _NOT_OF_A_TOKEN.sub("-", plain.replace(". ", "-")).strip("-.")
    return plain if plain[:1].isalpha() else f"_{plain}"


def tokens(control_ids: Sequence[str]) -> dict[str, str]:
    """Return the token of each id; where two come to the same, the later one carries its digest as well."""
    found: dict[str, str] = {}
    for control_id in control_ids:
        plain = token(control_id)
        if plain in found.values():
            plain = f"{plain}-{sha256(control_id.encode())[:8]}"
        found[control_id] = plain
    return found


def _plan(export: Export) -> Node:
    return {
        "senses": senses(export),
        "rules": [
            {"control": one.control.id, "rule": rule(one.rule)} for one in export.status.controls if one.rule
        ],
        "summary": summary(export.status),
    }


def _assets(export: Export, tool: str, unique: str) -> Node:
    return {
        "components": [
            {
                "uuid": tool,
                "type": "software",
                "title": export.product,
                "description": "Ties findings of detectors to controls and keeps them as evidence.",
                "status": {"state": "operational"},
            }
        ],
        "assessment-platforms": [
            {
                "uuid": _id(unique, "platform"),
                "title": export.product,
                "uses-components": [{"component-uuid": tool}],
            }
        ],
    }


def _observation(one: ControlStatus, export: Export, unique: str, tool: str) -> Node:
    told = control(one)
    node: Node = {
        "uuid": _id(unique, f"observation {one.control.id}"),
        "title": _line(f"Evidence on {one.control.id}"),
        "description": (
            f"{one.looked} of {one.analyses} analyses were looked at by all who must look; "
            f"{one.violations} broke the control."
        ),
        "props": _props(
            {
                "analyses": str(one.analyses),
                "looked": str(one.looked),
                "coverage": str(one.coverage),
                "longest-gap-hours": str(one.longest_gap_h),
                "violations": str(one.violations),
                "findings": str(one.findings),
                "put-aside": str(one.put_aside),
            }
        ),
        "methods": ["TEST"],
        "types": ["control-objective"],
        "origins": [{"actors": [{"type": "tool", "actor-uuid": tool}]}],
        "collected": time(export.status.period.end),
    }
    if one.evidence:
        node["relevant-evidence"] = [
            {
                "href": f"urn:uuid:{evidence}",
                "description": "An analysis that broke the control, by its evidence id.",
            }
            for evidence in told["evidence"]
        ]
    return node


def _finding(one: ControlStatus, unique: str, observation: str, target: str) -> Node:
    state, reason = _OBJECTIVE[one.state]
    status: Node = {"state": state, "reason": reason}
    if one.gaps:
        status["remarks"] = "\n\n".join(f"{gap.kind.value}: {gap.message}" for gap in one.gaps)
    return {
        "uuid": _id(unique, f"finding {one.control.id}"),
        "title": _line(f"{one.control.id}: {one.control.title}"),
        "description": one.control.statement,
        "props": _props({"label": _line(one.control.id), "evidence-state": one.state.value}),
        "target": {"type": "objective-id", "target-id": target, "status": status},
        "related-observations": [{"observation-uuid": observation}],
    }


def _embedded(identifier: str, title: str, name: str, content: Node) -> Node:
    value = base64.b64encode(canonical(content)).decode()
    return {
        "uuid": identifier,
        "title": title,
        "base64": {"filename": name, "media-type": "application/json", "value": value},
    }


def _quoted(text: str) -> str:
    # A value must not begin or end with a space, which a name of a caller's may.
    return canonical(text).decode()


def _line(text: str) -> str:
    return " ".join(text.split()) or "-"


def _props(values: dict[str, str]) -> list[Node]:
    return [{"name": name, "ns": NAMESPACE, "value": value} for name, value in values.items()]


def _id(unique: str, name: str) -> str:
    return str(uuid5(_IDS, f"{unique} {name}"))
