from uuid import uuid4

import httpx
import pytest
import respx

from analysis_svc.adapters.http_client import make_http_client
from analysis_svc.adapters.knowledge.bento_writer import BentoWriter
from analysis_svc.domain.knowledge.models import Cited
from analysis_svc.domain.knowledge.write import WriterUnavailableError, fault_of

BREACH = Cited(
    uuid4(),
    "gdpr",
    "GDPR",
    "2016/679",
    "Art. 33(1)",
    (),
    "A breach is notified to the authority within 72 hours where feasible.",
    0.9,
    private=False,
)
DUTY = Cited(
    uuid4(), "gdpr", "GDPR", "", "Art. 34", (), "People are told of a high risk.", 0.7, private=False
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("The authority is told within 72 hours [1].", ""),
        ("Under Art. 33(1) the authority is told [1]. People are told of a high risk [2].", ""),
        ("The text says “within 72 hours” [1].", ""),
        ("The authority is told within 24 hours [1].", "a number is not in what it cites"),
        ("The authority is told within three days [1].", "a number is not in what it cites"),
        ("People are told within 72 hours [2].", "a number is not in what it cites"),
        ("The authority is told [3].", "it cites what is not there"),
        ("The authority is told [0].", "it cites what is not there"),
        ("The authority is told [1]. Fines are high.", "something in it cites nothing"),
        ("The authority is told.", "something in it cites nothing"),
        ("It says “without any delay at all” [1].", "a quotation is not verbatim"),
        ("  ", "it has not 1 to 2000 characters"),
        ("word " * 500 + "[1]", "it has not 1 to 2000 characters"),
    ],
)
def test_models_text_is_used_only_when_all_in_it_is_in_what_it_cites(text: str, fault: str) -> None:
    assert fault_of(text, [BREACH, DUTY]) == fault


@respx.mock
async def test_model_is_given_the_quotes_and_the_question() -> None:
    answer = {"text": " Told [1]. ", "model": {"base": "phi", "version": "7", "adapter": "x"}}
    route = respx.post("http://bento/v1/generate").mock(return_value=httpx.Response(200, json=answer))
    async with make_http_client(timeout_s=1, max_connections=1) as client:
        written = await BentoWriter(client, "http://bento/", "secret").write("When?", [BREACH])
    assert (written.text, written.model) == ("Told [1].", "phi 7")
    request = route.calls.last.request
    assert request.headers["authorization"] == "Bearer secret"
    assert BREACH.quote in request.content.decode()


@respx.mock
@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.Response(200, text="no json"), None])
async def test_model_that_does_not_answer_is_no_fault_of_the_question(answer: httpx.Response | None) -> None:
    route = respx.post("http://bento/v1/generate")
    route.mock(return_value=answer, side_effect=None if answer else httpx.ConnectError("gone"))
    async with make_http_client(timeout_s=1, max_connections=1) as client:
        with pytest.raises(WriterUnavailableError):
            await BentoWriter(client, "http://bento", "").write("When?", [BREACH])
