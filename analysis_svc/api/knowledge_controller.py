"""/api/v1/knowledge: what is indexed, for one tenant or, by the platform's admins, for all."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.idempotent import AnsweredOnce, IdempotencyKey
from analysis_svc.api.injected import Injected
from analysis_svc.api.knowledge_wire import (
    AddedOut,
    DocumentList,
    DocumentOut,
    KnowledgeAdd,
    SwitchRequest,
    VersionList,
    VersionOut,
    document_out,
    new_document_of,
    version_out,
)
from analysis_svc.api.problems import BODY, faults
from analysis_svc.domain.access import Principal
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.knowledge.add import POSTED_CHUNKS_MAX, AddKnowledge

_READS = (requires("knowledge:read"),)
_MANAGES = (requires("knowledge:manage"),)
_PLATFORM_ADMIN = "platform_admin"


class KnowledgeController(Controller):
    """Documents and versions of the caller's tenant; those of the operator tenant are shared with all."""

    path = "/api/v1/knowledge"
    tags = ("knowledge",)

    @get("/", summary="What is searched", guards=_READS, responses=faults())
    async def documents(
        self, principal: Injected[Principal], add_knowledge: Injected[AddKnowledge]
    ) -> DocumentList:
        """Answer the tenant's own documents and the shared ones."""
        shared, own = await add_knowledge.documents(principal.tenant_id)
        return DocumentList(
            [document_out(one, shared=False) for one in own]
            + [document_out(one, shared=True) for one in shared]
        )

    @post(
        "/",
        summary="Index a document",
        guards=_MANAGES,
        responses=faults(*BODY, ErrorCode.CONFLICT)
        | {
            200: ResponseSpec(
                AddedOut, generate_examples=False, description="the very same is indexed already"
            )
        },
        status_code=201,
    )
    async def add(
        self,
        data: Annotated[
            KnowledgeAdd,
            Body(
                examples=[
                    Example(
                        id="policy",
                        value={
                            "source": "house-rules",
                            "title": "House rules for assistants",
                            "format": "markdown",
                            "content": "# 1 Secrets\n\nKeys found in a prompt are revoked within one hour.\n",
                        },
                    )
                ]
            ),
        ],
        principal: Injected[Principal],
        add_knowledge: Injected[AddKnowledge],
        request: Request[Any, Any, Any],
        answered_once: Injected[AnsweredOnce],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[AddedOut]:
        """Index the document and search it from now on: 201; 200 when the very same is indexed already."""
        _may_write(principal)

        async def add(_: UUID) -> Response[AddedOut]:
            added = await add_knowledge.add(
                principal.tenant_id,
                new_document_of(data),
                actor=principal.token_id,
                most_chunks=POSTED_CHUNKS_MAX,
            )
            shared = principal.tenant_id == OPERATOR_TENANT_ID
            return Response(
                AddedOut(document_out(added.document, shared=shared), added.version, added.new),
                status_code=201 if added.new else 200,
            )

        return await answered_once(request, idempotency_key, add)

    @get("/versions", summary="Versions of the index", guards=_READS, responses=faults())
    async def versions(
        self,
        principal: Injected[Principal],
        add_knowledge: Injected[AddKnowledge],
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> VersionList:
        """Answer versions of the tenant's own index, the newest first."""
        active, found = await add_knowledge.versions(principal.tenant_id, limit=limit)
        return VersionList(active, [version_out(one) for one in found])

    @post(
        "/switch",
        status_code=200,
        summary="Search another version",
        guards=_MANAGES,
        responses=faults(*BODY, ErrorCode.NOT_FOUND),
    )
    async def switch(
        self,
        data: Annotated[SwitchRequest, Body(examples=[Example(id="back", value={"version": 1})])],
        principal: Injected[Principal],
        add_knowledge: Injected[AddKnowledge],
    ) -> VersionOut:
        """Search that version from the next question on, be it newer or older than the one before."""
        _may_write(principal)
        return version_out(
            await add_knowledge.switch(principal.tenant_id, data.version, actor=principal.token_id)
        )

    @get("/{document_id:uuid}", summary="One document", guards=_READS, responses=faults(ErrorCode.NOT_FOUND))
    async def one(
        self,
        document_id: FromPath[UUID],
        principal: Injected[Principal],
        add_knowledge: Injected[AddKnowledge],
    ) -> DocumentOut:
        """Answer a document that is searched; another tenant's is not there."""
        document, shared = await add_knowledge.document(principal.tenant_id, document_id)
        return document_out(document, shared=shared)

    @delete(
        "/{document_id:uuid}",
        summary="Remove a document for good",
        guards=_MANAGES,
        responses=faults(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def remove(
        self,
        document_id: FromPath[UUID],
        principal: Injected[Principal],
        add_knowledge: Injected[AddKnowledge],
    ) -> None:
        """Remove a document of the tenant's own with all that is kept of it, from every version.

        A legal hold that covers the time when it was added keeps it.
        """
        _may_write(principal)
        await add_knowledge.delete(principal, document_id)


def _may_write(principal: Principal) -> None:
    """Let only the platform's admins change what every tenant searches."""
    if principal.tenant_id == OPERATOR_TENANT_ID and _PLATFORM_ADMIN not in principal.roles:
        raise ServiceError(
            ErrorCode.INSUFFICIENT_RBAC, "what is shared with all tenants is changed by a platform_admin only"
        )
