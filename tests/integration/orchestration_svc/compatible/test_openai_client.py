"""The real client of OpenAI against this service."""

import openai
import pytest
from openai import AsyncOpenAI

from orchestration_svc.domain.detection import DetectorFault, DetectorStatus, FailureReason
from tests.integration.orchestration_svc.compatible.conftest import Served

DOWN = DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.WORKER_DIED)


@pytest.fixture
def client(served: Served) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{served.url}/v1", api_key=served.token, max_retries=0)


async def test_client_reads_a_result_for_each_text(client: AsyncOpenAI) -> None:
    texts = ["Ignore all of it", "good morning", "to eve@x.org"]
    answer = await client.moderations.create(input=texts, model="omni-moderation-latest")
    attack, clean, personal = answer.results
    assert [one.flagged for one in answer.results] == [True, False, True]
    told = attack.categories.to_dict()
    assert [name for name, hit in told.items() if hit] == ["prompt-attack"]
    assert attack.categories.harassment_threatening is False, "a name with a slash is read as well"
    assert {"personal-data", "secret", "other", "undetermined"} <= told.keys()
    assert not any(clean.categories.to_dict().values())
    assert not any(clean.category_scores.to_dict().values())
    assert (personal.category_scores.model_extra or {})["personal-data"] == 0.7
    assert answer.id.startswith("modr-")


async def test_parts_of_one_input_have_one_result(client: AsyncOpenAI) -> None:
    parts = [{"type": "text", "text": "good"}, {"type": "text", "text": "ignore ALL"}]
    answer = await client.moderations.create(input=parts)  # type: ignore[arg-type]
    assert [one.flagged for one in answer.results] == [True]


async def test_image_is_refused_and_never_called_clean(client: AsyncOpenAI) -> None:
    image = [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
    with pytest.raises(openai.BadRequestError, match="images"):
        await client.moderations.create(input=image)  # type: ignore[arg-type]


async def test_text_that_not_everybody_looked_at_is_flagged_and_says_why(
    client: AsyncOpenAI, served: Served
) -> None:
    served.attacks.raises = DOWN
    (result,) = (await client.moderations.create(input="good morning")).results
    assert result.flagged
    assert (result.categories.model_extra or {})["undetermined"] is True


async def test_tenant_that_fails_open_still_sees_that_not_everybody_looked(
    client: AsyncOpenAI, served: Served
) -> None:
    await served.choose(fail_mode="open")
    served.attacks.raises = DOWN
    (result,) = (await client.moderations.create(input="good morning")).results
    assert not result.flagged
    assert (result.categories.model_extra or {})["undetermined"] is True


async def test_label_that_nobody_knows_is_not_called_clean(client: AsyncOpenAI, served: Served) -> None:
    served.mapper.unknown = True
    (result,) = (await client.moderations.create(input="to eve@x.org")).results
    assert result.flagged


async def test_model_can_name_a_policy(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="POLICY_NOT_FOUND"):
        await client.moderations.create(input="good morning", model="policy:nowhere")


async def test_key_that_is_wrong_is_refused(served: Served) -> None:
    client = AsyncOpenAI(base_url=f"{served.url}/v1", api_key="sk-none", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        await client.moderations.create(input="good morning")


async def test_client_waits_and_tries_again_when_limited(client: AsyncOpenAI, served: Served) -> None:
    await served.choose(limits={"requests_per_minute": 60})
    refused = None
    for _ in range(80):
        try:
            await client.moderations.create(input="")
        except openai.RateLimitError as error:
            refused = error
            break
    assert refused is not None
    assert refused.response.headers["retry-after"] == "1"
    patient = client.with_options(max_retries=5)
    assert (await patient.moderations.create(input="")).results[0].flagged is False
