import io

import pytest

from deploy.local.failure import SetupError
from deploy.local.progress import Progress
from deploy.local.short_answer import read_answer, show_answer

FULL = b"""{"request_id": "r", "detector_results": [
  {"detector": "presidio", "status": "success", "processing_time_ms": 12.3, "output": []},
  {"detector": "garak", "status": "timeout", "processing_time_ms": 800, "output": null}],
 "mapping_result": {"findings": [{"taxonomy": ["PII.Contact.Email"], "confidence": 1.0, "tier": "rule",
   "raw": {"detector": "presidio", "label": "EMAIL_ADDRESS"}}]},
 "analysis_result": {"risk": {"score": 71.6, "level": "high", "interval": {"low": 60, "high": 90}},
   "compliance": [
     {"framework": "gdpr", "edition": "2016", "control": "Art. 5", "relation": "direct",
      "evidence_state": "violated"},
     {"framework": "soc2", "edition": "2017", "control": "CC1", "relation": "related",
      "evidence_state": "insufficient"}
   ]},
 "missing": [{"part": "detector garak", "reason": "timeout"}]}"""


def shown(body: bytes) -> str:
    stream = io.StringIO()
    show_answer(read_answer(body), Progress(stream))
    return stream.getvalue()


def test_every_part_that_matters_is_shown_and_nothing_is_coloured_off_a_terminal() -> None:
    text = shown(FULL)
    for words in ("presidio", "success in 12 ms", "PII.Contact.Email", "high, 72 of 100 (between 60 and 90)"):
        assert words in text
    assert "gdpr 2016" in text
    assert "Art. 5" in text
    assert "detector garak: timeout" in text
    assert "\033[" not in text


def test_what_is_not_violated_is_not_shown_as_violated() -> None:
    assert "CC1" not in shown(FULL)


def test_missing_parts_leave_no_gap() -> None:
    text = shown(b'{"detector_results": [], "mapping_result": null, "analysis_result": null, "missing": []}')
    assert text == ""


def test_an_answer_of_another_shape_is_said_to_be_one() -> None:
    with pytest.raises(SetupError, match="not as agreed"):
        read_answer(b'{"detector_results": 3}')
