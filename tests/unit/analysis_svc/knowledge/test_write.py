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
RULE = Cited(uuid4(), "house", "Rules", "", "3", (), "Keys are revoked.", 0.7, private=True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("The authority is told within 72 hours [1].", ""),
        ("Under Art. 33(1) the authority is told [1]. People are told of a high risk [2].", ""),
        ("The text says “within 72 hours” [1].", ""),
        ("The authority is told within 24 hours [1].", "a number is not in what it cites"),
        ("The authority is told within three days [1].", "a number is not in what it cites"),
        ("People are told within 72 hours [2].", "a number is not in what it cites"),
        ("The authority is told [4].", "it cites what is not there"),
        ("The authority is told [0].", "it cites what is not there"),
        ("The authority is told [1]. Fines are high.", "something in it cites nothing"),
        ("The authority is told.", "something in it cites nothing"),
        ("It says “without any delay at all” [1].", "a quotation is not verbatim"),
        ("It says “2 hours” [1].", "a number is not in what it cites"),
        # Names are told, and are no numbers to claim.
        ("The authority is told within 1 hour [1].", "a number is not in what it cites"),
        ("The authority is told within 33 days [1].", "a number is not in what it cites"),
        ("Under GDPR 2016/679, Art. 33(1), the authority is told [1].", ""),
        ("People are told within 3 days [3].", "a number is not in what it cites"),
        ("Section 3 says that keys are revoked [3].", ""),
        ("Keys are revoked under § 3 [3].", ""),
        ("The authority is told within thirteen hours [1].", "a number is not in what it cites"),
        ("The authority is told within nineteen hours [1].", "a number is not in what it cites"),
        ("There are zero exceptions [1].", "a number is not in what it cites"),
        ("The authority is told on the second day [1].", "a number is not in what it cites"),
        ("The authority is told on the twenty-fourth day [1].", "a number is not in what it cites"),
        # One citation is for one sentence.
        ("Fines are high. The authority is told [1].", "something in it cites nothing"),
        ("Fines are high.\nThe authority is told [1].", "something in it cites nothing"),
        ("Fines are high.The authority is told. [1]", "something in it cites nothing"),
        ("It says “risk.” Fines are high [2].", "something in it cites nothing"),
        ("It says “People are told of a high risk.” [2]", ""),
        ("The authority, e.g. that of the U.S. or of Art. 72, is told [1].", ""),
        ("  ", "it has not 1 to 2000 characters"),
        ("word " * 500 + "[1]", "it has not 1 to 2000 characters"),
    ],
)
def test_models_text_is_used_only_when_all_in_it_is_in_what_it_cites(text: str, fault: str) -> None:
    assert fault_of(text, [BREACH, DUTY, RULE]) == fault


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
