"""What is read in a process of its own, and what comes back from it."""

import pytest

from analysis_svc.adapters.knowledge import reading_process
from analysis_svc.adapters.knowledge.reading_process import SectionProcess
from analysis_svc.domain.errors import ServiceError
from analysis_svc.domain.knowledge.passages import Section


@pytest.mark.parametrize("kind", ["html", "jsonl", "oscal", "pdf"])
async def test_format_that_a_small_file_can_make_much_of_is_read_where_it_can_be_ended(kind: str) -> None:
    with pytest.raises(ServiceError, match="within 0 seconds"):
        await SectionProcess(limit_s=0).read(b"", kind)


async def test_small_file_that_makes_too_much_is_refused() -> None:
    above = "".join(f"<h{level}>{'x' * 200}</h{level}>" for level in range(1, 6))
    with pytest.raises(ServiceError, match="more than 32000000 characters"):
        await SectionProcess().read((above + "<h6>y</h6><p>z</p>" * 33_000).encode(), "html")


async def test_what_the_process_read_comes_back_as_it_was() -> None:
    (section,) = await SectionProcess().read("<h1>§ 1 Größe</h1><p>\U0001d4d0 “words”</p>".encode(), "html")
    assert section == Section("§ 1", "Größe", ("§ 1 Größe",), "\U0001d4d0 “words”")


async def test_process_that_says_more_than_any_reader_does_is_not_heard_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading_process, "_MOST_ANSWER", 10)
    with pytest.raises(ServiceError, match="broke the reader"):
        await SectionProcess().read(b"<p>Words.</p>", "html")
