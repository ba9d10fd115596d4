"""The model behind the mapper: what it answers, what is said without it, and its way back."""

import uuid
from typing import Any

import psutil
import pytest

from deploy.local.model_server import obstacle, wanted_release
from deploy.local.settings import read_settings
from tests.e2e.stack_client import StackClient, until
from tests.fixtures.stacks import RunningStack

START_SECONDS = 240
"""A busy machine needs minutes to import torch; a quiet one ten seconds."""
_SETTINGS = read_settings()
_LACKS = obstacle(_SETTINGS, wanted_release(_SETTINGS))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2 * START_SECONDS + 120),
    pytest.mark.skipif(_LACKS is not None, reason=f"the model is NOT tried in the stack here: {_LACKS}"),
]


@pytest.fixture
def client(real_stack: RunningStack) -> StackClient:
    real_stack.wait_for("model is ready after", START_SECONDS)
    return StackClient(real_stack)


def map_unknown(client: StackClient) -> dict[str, Any]:
    """Return what the mapper makes of a label that nobody has asked for."""
    # A word that no cache has seen, behind words that mean one thing; a number would be hidden.
    unseen = uuid.uuid4().hex[:6].translate(str.maketrans("0123456789", "ghijklmnop"))
    label = f"passport number of a customer {unseen}"
    response = client.post("mapper", "/api/v1/map", {"detector": "in_house_dlp", "output": label})
    assert response.status_code == 200, response.text[:500]
    answer: dict[str, Any] = response.json()
    return answer


def was_heard(answer: dict[str, Any]) -> bool:
    """Whether the model was asked and answered, sure of it or not."""
    return all("model was not heard" not in finding["notes"] for finding in answer["findings"])


def test_a_killed_model_costs_no_answer_is_named_and_comes_back(client: StackClient) -> None:
    until(lambda: was_heard(map_unknown(client)), seconds=60, what="an answer by the model")
    before = client.stack.pid("model")
    # Its workers, too: they live on without their parent, and answer. The parent first: it starts others.
    parent = psutil.Process(before)
    for process in [parent, *parent.children(recursive=True)]:
        process.kill()
    without = map_unknown(client)
    assert not was_heard(without)
    assert without["fallback_used"] is True
    assert without["findings"], "rules and likeness answer meanwhile"

    until(lambda: was_heard(map_unknown(client)), seconds=START_SECONDS, what="the model's return")
    assert client.stack.pid("model") != before
    assert "model works again" in client.stack.wait_for("model works again", 30)
