"""The use cases of deciding what labels in review mean: one person decides, another reviews."""

from uuid import UUID

from mapper_svc.domain.access import Principal
from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.name_labels import NEVER_NAMED
from mapper_svc.domain.review_decisions import DECISIONS_MAX, Decision, DecisionStore, Ruling, Verdict
from mapper_svc.domain.taxonomy import Taxonomy


class DecideLabels:
    """Takes decisions on labels in review. They change no answer: training may learn from them, no more.

    Args:
        store: keeps them.
        taxonomy: whose labels can be named.
    """

    def __init__(self, store: DecisionStore, taxonomy: Taxonomy) -> None:
        self._store = store
        self._taxonomy = taxonomy

    async def decide(self, caller: Principal, item_id: UUID, ruling: Ruling) -> Decision:
        """Keep what somebody says a label means; the same said again by the same key is kept once.

        Raises:
            ServiceError: INVALID_REQUEST naming the field; NOT_FOUND for a label that is not in review;
                CONFLICT when somebody else decided at the same moment, or there are too many decisions.
        """
        self._check(ruling)
        newest = await self._newest(caller.tenant_id, item_id)
        if kept := self._said_again(newest, caller, ruling):
            return kept
        number = newest.number + 1 if newest else 1
        if number > DECISIONS_MAX:
            detail = f"a label can be decided on {DECISIONS_MAX} times"
            raise ServiceError(ErrorCode.CONFLICT, detail, field="item_id")
        made = await self._store.add(
            caller.tenant_id,
            item_id,
            ruling,
            number=number,
            taxonomy=self._taxonomy.edition,
            actor=caller.token_id,
        )
        if made is not None:
            return made
        newest = await self._newest(caller.tenant_id, item_id)
        if kept := self._said_again(newest, caller, ruling):  # sent twice at once, and the other was faster
            return kept
        raise _overtaken()

    async def review(self, caller: Principal, item_id: UUID, number: int, *, accepted: bool) -> Decision:
        """Accept or reject the newest decision of somebody else; said again by the same key it is kept once.

        Raises:
            ServiceError: NOT_FOUND; INSUFFICIENT_RBAC for one's own decision; CONFLICT when it has another
                review, or somebody decided anew since.
        """
        newest = await self._newest(caller.tenant_id, item_id)
        if newest is None or not 1 <= number <= newest.number:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no such decision", field="number")
        if number < newest.number:
            raise _overtaken()
        if newest.decided_by == caller.token_id:
            raise ServiceError(
                ErrorCode.INSUFFICIENT_RBAC, "a decision is reviewed with another key than it was made with"
            )
        if newest.review is None:
            made = await self._store.review(
                caller.tenant_id, newest, accepted=accepted, actor=caller.token_id
            )
            if made is not None:
                return made
            newest = await self._newest(caller.tenant_id, item_id)
        if newest is None or newest.number != number:
            raise _overtaken()
        review = newest.review
        if review is None or (review.reviewed_by, review.accepted) != (caller.token_id, accepted):
            raise ServiceError(ErrorCode.CONFLICT, "the decision has a review already", field="number")
        return newest

    async def _newest(self, tenant_id: UUID, item_id: UUID) -> Decision | None:
        found = await self._store.so_far(tenant_id, item_id)
        if found is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "no such label is in review", field="item_id")
        return found.newest

    def _said_again(self, newest: Decision | None, caller: Principal, ruling: Ruling) -> Decision | None:
        said = (caller.token_id, ruling, self._taxonomy.edition)
        return newest if newest and (newest.decided_by, newest.ruling, newest.taxonomy) == said else None

    def _check(self, ruling: Ruling) -> None:
        label = ruling.right_label
        if ruling.verdict is Verdict.NOT_A_LABEL:
            if label is not None:
                raise _refused("is given with the verdict 'label' only")
            return
        if label is None:
            raise _refused("is needed with the verdict 'label'")
        if label not in self._taxonomy.labels:
            raise _refused(f"there is no such label in taxonomy {self._taxonomy.edition}")
        if label in NEVER_NAMED:
            raise _refused("is said by vendors' own tables alone, never learned")


def _refused(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field="right_label")


def _overtaken() -> ServiceError:
    detail = "somebody decided on this label meanwhile; look at it again"
    return ServiceError(ErrorCode.CONFLICT, detail, field="number")
