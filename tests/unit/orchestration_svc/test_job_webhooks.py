"""Webhooks: whom they may call, at which address, and how a receiver knows them."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from orchestration_svc.adapters.job_webhooks import HttpWebhookSender, Resolve
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.job_webhook import signed_headers

URL = "https://hooks.example/jobs?x=1"
PUBLIC = "93.184.216.34"


def leads_to(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        del host, port
        return list(addresses)

    return resolve


def sender(
    seen: list[httpx.Request],
    *,
    hosts: set[str],
    resolver: Resolve,
    answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(204),
) -> HttpWebhookSender:
    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    client = httpx.AsyncClient(transport=httpx.MockTransport(handle), trust_env=False)
    return HttpWebhookSender(client, hosts=hosts, resolver=resolver)


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/",
        "http://hooks.example/",
        "ftp://hooks.example/",
        "https://user:secret@hooks.example/",
        "https://hooks.example.evil.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://hooks.example:port/",
        "//hooks.example/",
        "not a url",
    ],
)
async def test_url_that_was_not_listed_is_refused_and_never_called(url: str) -> None:
    seen: list[httpx.Request] = []
    webhooks = sender(seen, hosts={"hooks.example"}, resolver=leads_to(PUBLIC))
    with pytest.raises(ServiceError) as caught:
        webhooks.check(url)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "webhook.url")
    assert await webhooks.send(url, body=b"{}", headers={}) is False
    assert seen == []


async def test_call_goes_to_the_address_that_was_looked_at_under_its_own_name() -> None:
    seen: list[httpx.Request] = []
    webhooks = sender(seen, hosts={"hooks.example"}, resolver=leads_to(PUBLIC, "93.184.216.35"))
    assert await webhooks.send(URL, body=b"{}", headers={"webhook-id": "1"})
    (request,) = seen
    assert request.url.host == PUBLIC
    assert request.url.raw_path == b"/jobs?x=1"
    assert request.headers["host"] == "hooks.example"
    assert request.extensions["sni_hostname"] == "hooks.example"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1", "0.0.0.0"],  # noqa: S104
)
async def test_listed_name_that_leads_inside_is_not_called(address: str) -> None:
    seen: list[httpx.Request] = []
    webhooks = sender(seen, hosts={"hooks.example"}, resolver=leads_to(PUBLIC, address))
    assert await webhooks.send(URL, body=b"{}", headers={}) is False
    assert seen == []


async def test_private_address_is_called_when_the_operator_listed_that_very_one() -> None:
    seen: list[httpx.Request] = []
    webhooks = sender(seen, hosts={"10.0.0.8"}, resolver=leads_to("10.0.0.8"))
    assert await webhooks.send("http://10.0.0.8:9000/", body=b"{}", headers={})
    assert seen[0].headers["host"] == "10.0.0.8:9000"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500, 503])
async def test_anything_but_2xx_was_not_taken_and_no_redirect_is_followed(status: int) -> None:
    seen: list[httpx.Request] = []

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"location": "https://hooks.example/elsewhere"})

    webhooks = sender(seen, hosts={"hooks.example"}, resolver=leads_to(PUBLIC), answer=answer)
    assert await webhooks.send(URL, body=b"{}", headers={}) is False
    assert len(seen) == 1


def test_signature_covers_id_time_and_body() -> None:
    at = datetime(2026, 11, 3, 12, tzinfo=UTC)
    headers = signed_headers("a secret of the receiver", message_id="j1", at=at, body=b"{}")
    kind, _, signature = headers["webhook-signature"].partition(",")
    signed = b"j1." + str(int(at.timestamp())).encode() + b".{}"
    expected = hmac.new(b"a secret of the receiver", signed, hashlib.sha256).digest()
    assert (kind, base64.b64decode(signature)) == ("v1", expected)
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))
