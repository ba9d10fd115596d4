"""POST /api/v1/rag/query: an answer from the indexed sources, with its citations."""

from typing import Annotated

from litestar import Controller, post
from litestar.openapi.spec import Example
from litestar.params import Body

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.knowledge_wire import RagAnswer, RagQuery, answer_out, question_of
from analysis_svc.api.problems import BODY, faults
from analysis_svc.domain.access import Principal
from analysis_svc.domain.knowledge.ask import Knowledge


class RagController(Controller):
    """Questions to the shared sources and the tenant's own."""

    path = "/api/v1/rag"
    tags = ("knowledge",)
    guards = (requires("knowledge:read"),)

    @post("/query", status_code=200, summary="Ask the sources", responses=faults(*BODY))
    async def query(
        self,
        data: Annotated[
            RagQuery,
            Body(
                examples=[
                    Example(id="all", value={"question": "When must a personal data breach be notified?"}),
                    Example(id="one", value={"question": "What is minimum necessary?", "sources": ["hipaa"]}),
                ]
            ),
        ],
        principal: Injected[Principal],
        knowledge: Injected[Knowledge],
    ) -> RagAnswer:
        """Answer with verbatim quotes, or say that the sources do not have it."""
        return answer_out(await knowledge.query(principal.tenant_id, question_of(data)))
