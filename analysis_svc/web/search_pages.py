"""Search: a question to the indexed sources, answered with the sentences that the answer rests on."""

from litestar import Controller, Response, get, post

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.knowledge.ask import Knowledge
from analysis_svc.domain.knowledge.models import MAX_QUESTION, Answer, AnswerKind, Question
from analysis_svc.web import paths
from analysis_svc.web.doors import signed_in
from analysis_svc.web.injected import Injected
from analysis_svc.web.page import Page


class SearchPages(Controller):
    """Questions to the shared sources and the tenant's own."""

    path = f"{paths.HOME}/search"
    include_in_schema = False
    guards = (signed_in("knowledge:read"),)

    @get("/")
    async def ask(self, page: Injected[Page]) -> Response[str]:
        """Ask for a question."""
        return _show(page, "")

    @post("/", status_code=200)
    async def answer(self, page: Injected[Page], knowledge: Injected[Knowledge]) -> Response[str]:
        """Answer the question.

        It is sent as a form, for an address is kept in histories and logs, where a question has no business.
        """
        form = await page.form()
        text = form.get("question", "").strip()
        if not text:
            return _show(page, "", fault="Write a question first.")
        try:
            answer = await knowledge.query(page.principal.tenant_id, Question(text))
        except ServiceError as error:
            if error.code is not ErrorCode.INVALID_REQUEST:
                raise
            return _show(page, text, fault=f"The question {error.detail}.")
        return _show(page, text, answer=answer)


def _show(page: Page, question: str, *, answer: Answer | None = None, fault: str = "") -> Response[str]:
    return page.show(
        "search.html",
        status_code=400 if fault else 200,
        question=question,
        most_characters=MAX_QUESTION,
        answer=answer,
        answered=answer is not None and answer.kind is not AnswerKind.NOT_IN_SOURCES,
        fault=fault,
    )
