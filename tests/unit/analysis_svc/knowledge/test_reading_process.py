"""What is read in a process of its own, and what comes back from it."""

import pytest

from analysis_svc.adapters.knowledge.reading_process import SectionProcess
from analysis_svc.domain.errors import ServiceError


@pytest.mark.parametrize("kind", ["html", "jsonl", "oscal", "pdf"])
async def test_format_that_a_small_file_can_make_much_of_is_read_where_it_can_be_ended(kind: str) -> None:
    with pytest.raises(ServiceError, match="within 0 seconds"):
        await SectionProcess(limit_s=0).read(b"", kind)
