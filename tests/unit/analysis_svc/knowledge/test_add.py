"""Adding a document, of which everything but the cutting is a fake."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.knowledge.add import AddKnowledge, NewDocument
from analysis_svc.domain.knowledge.passages import Section


class Sections(list[Section]):
    """Sections that know which thread went through them."""

    thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Section]:
        self.thread = threading.current_thread()
        return super().__iter__()


async def test_too_large_a_document_is_cut_off_the_loop_and_refused() -> None:
    sections = Sections([Section("1", "", (), "Words.")] * 3)

    async def nothing(*_: object, **__: object) -> None:
        return None

    async def read(*_: object) -> Sections:
        return sections

    add = AddKnowledge(
        cast("Any", SimpleNamespace(find=nothing)),
        cast("Any", SimpleNamespace(read=read)),
        cast("Any", SimpleNamespace(name="x")),
    )
    new = NewDocument("rules", "Rules", "", "text", b"")
    with pytest.raises(ServiceError, match="more than 2 chunks") as refused:
        await add.add(uuid4(), new, actor="x", most_chunks=2)
    assert refused.value.code is ErrorCode.PAYLOAD_TOO_LARGE
    assert sections.thread is not threading.main_thread()
