"""Webhooks: whom they may call, at which address, and how a receiver knows them."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address

import httpx
import pytest

from orchestration_svc.adapters.job_webhooks import HttpWebhookSender
from orchestration_svc.adapters.outbound_client import OutboundClient
from orchestration_svc.adapters.outbound_rule import Address, OutboundRule
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.job_webhook import signed_headers
from tests.fixtures.scripted_calls import ScriptedCalls

URL = "https://hooks.example/jobs?x=1"
PUBLIC = "93.184.216.34"


def sender(
    seen: list[httpx.Request],
    *,
    hosts: set[str],
    private: str = "",
    answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(204),
) -> HttpWebhookSender:
    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    return HttpWebhookSender(ScriptedCalls(handle), OutboundRule(private), hosts=hosts)


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
    webhooks = sender(seen, hosts={"hooks.example"})
    with pytest.raises(ServiceError) as caught:
        webhooks.check(url)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "webhook.url")
    assert await webhooks.send(url, body=b"{}", headers={}) is False
    assert seen == []


async def test_call_goes_to_the_url_as_it_was_given() -> None:
    seen: list[httpx.Request] = []
    assert await sender(seen, hosts={"hooks.example"}).send(URL, body=b"{}", headers={"webhook-id": "1"})
    (request,) = seen
    assert (str(request.url), request.headers["webhook-id"]) == (URL, "1")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1", "0.0.0.0"],  # noqa: S104
)
async def test_listed_name_that_leads_inside_is_not_called(address: str) -> None:
    async def inside(host: str, **_: object) -> list[Address]:
        del host
        return [ip_address(PUBLIC), ip_address(address)]

    client = OutboundClient(OutboundRule(), max_connections=1, lookup=inside)
    async with client:
        webhooks = HttpWebhookSender(client, OutboundRule(), hosts={"hooks.example"})
        assert await webhooks.send(URL, body=b"{}", headers={}) is False


async def test_private_address_is_called_only_where_the_operator_allows_it_to_be_private() -> None:
    seen: list[httpx.Request] = []
    url = "http://10.0.0.8:9000/"
    assert await sender(seen, hosts={"10.0.0.8"}).send(url, body=b"{}", headers={}) is False
    assert await sender(seen, hosts={"10.0.0.8"}, private="10.0.0.8").send(url, body=b"{}", headers={})
    assert [request.headers["host"] for request in seen] == ["10.0.0.8:9000"]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500, 503])
async def test_anything_but_2xx_was_not_taken_and_no_redirect_is_followed(status: int) -> None:
    seen: list[httpx.Request] = []

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"location": "https://hooks.example/elsewhere"})

    webhooks = sender(seen, hosts={"hooks.example"}, answer=answer)
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
