"""/api/v1/evidence-rules: what must have happened for a control to be called satisfied."""

from typing import Annotated

from litestar import Controller, Response, get, put
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter

from analysis_svc.api.evidence_rules_wire import ControlRuleOut, RulesOut, RulesSet, chosen_of, rules_out
from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.api.status_wire import rule_out
from analysis_svc.domain.access import Principal
from analysis_svc.domain.change_evidence_rules import ChangeEvidenceRules, RulesVersion
from analysis_svc.domain.errors import ErrorCode

IfMatch = Annotated[
    str,
    HeaderParameter(
        name="If-Match",
        pattern=r'^"(0|[1-9][0-9]{0,14})"$',
        description='version that the change builds on, as in the ETag of GET: "3"; "0" when there is none',
        examples=[Example(id="first", value='"0"')],
    ),
]
_OWN_DETECTOR = {"detectors": {"personal_data": ["our_pii"]}}
_STRICTER = {"rules": [{"framework": "soc2", "control": "CC6.1", "coverage": 0.99, "every_hours": 24}]}


class EvidenceRulesController(Controller):
    """Rules of the caller's tenant: every version kept, audited, guarded against lost updates by If-Match."""

    path = "/api/v1/evidence-rules"
    tags = ("evidence",)

    @get("/", summary="The rules that hold", guards=[requires("evidence:read")], responses=faults())
    async def current(
        self, principal: Injected[Principal], change_evidence_rules: Injected[ChangeEvidenceRules]
    ) -> Response[RulesOut]:
        """Answer every rule, what can be looked for and by whom, and what the tenant set."""
        latest = await change_evidence_rules.latest(principal.tenant_id)
        return await _answer(latest, principal, change_evidence_rules)

    @put(
        "/",
        summary="Set all own rules anew",
        guards=[requires("settings:manage")],
        responses=faults(*BODY, ErrorCode.CONFLICT),
    )
    async def replace(
        self,
        data: Annotated[
            RulesSet,
            Body(
                examples=[
                    Example(id="detector", summary="an own detector", value=_OWN_DETECTOR),
                    Example(id="stricter", value=_STRICTER),
                ]
            ),
        ],
        if_match: IfMatch,
        principal: Injected[Principal],
        change_evidence_rules: Injected[ChangeEvidenceRules],
    ) -> Response[RulesOut]:
        """Make a new version of exactly this; 409 when another change came first."""
        made = await change_evidence_rules.put(principal, chosen_of(data), after=int(if_match.strip('"')))
        return await _answer(made, principal, change_evidence_rules)


async def _answer(
    version: RulesVersion, principal: Principal, change: ChangeEvidenceRules
) -> Response[RulesOut]:
    book = change.book(version.chosen)
    rules = [
        ControlRuleOut(control.framework, control.id, rule_out(rule))
        for control, rule in await change.rules(principal.tenant_id, version.chosen)
    ]
    return Response(rules_out(version, book, rules), headers={"ETag": f'"{version.version}"'})
