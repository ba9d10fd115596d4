"""No URL that somebody chose leads this service to an address inside, however it is written or resolved."""

import asyncio
import ipaddress
import json
from collections.abc import Sequence

import pytest

from orchestration_svc.adapters.http_calls import CallError, HttpAnswer
from orchestration_svc.adapters.outbound_client import Lookup, OutboundClient
from orchestration_svc.adapters.outbound_rule import Address, OutboundRefusedError, OutboundRule
from tests.integration.orchestration_svc.stub_server import StubServer

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0",  # noqa: S104 - refused, not bound
    "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fd00:ec2::254", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::1", "::127.0.0.1",
]  # fmt: skip


def answering(*answers: Sequence[str]) -> tuple[Lookup, list[str]]:
    """A name server that says something else each time, and the names it was asked for."""
    asked: list[str] = []

    async def lookup(host: str, **_: object) -> Sequence[Address]:
        asked.append(host)
        return [ipaddress.ip_address(one) for one in answers[min(len(asked), len(answers)) - 1]]

    return lookup, asked


async def get(client: OutboundClient, url: str) -> HttpAnswer:
    return await client.call("GET", url, headers={}, timeout_s=2, max_bytes=65_536)


@pytest.mark.parametrize("address", INSIDE)
async def test_name_that_stands_for_an_address_inside_is_not_called(address: str) -> None:
    lookup, _ = answering([address])
    async with OutboundClient(OutboundRule(), max_connections=2, lookup=lookup) as client:
        with pytest.raises(OutboundRefusedError):
            await get(client, "https://innocent.example.com/")


async def test_one_address_inside_among_others_refuses_the_name() -> None:
    lookup, _ = answering(["93.184.215.14", "10.0.0.1"])
    async with OutboundClient(OutboundRule(), max_connections=2, lookup=lookup) as client:
        with pytest.raises(OutboundRefusedError):
            await get(client, "https://mixed.example.com/")


@pytest.mark.parametrize("address", INSIDE)
def test_address_inside_is_refused_when_it_is_registered(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(OutboundRefusedError):
        OutboundRule().check_url(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com", "ftp://example.com", "file:///etc/passwd", "https://", "https://user@example.com",
        "https://example.com@10.0.0.1", "https://example.com?x=1", "https://example.com#x",
        "https://example.com\\@10.0.0.1", "https://exa mple.com", "https://example.com\r\nHost: x", "//x.com",
        "https://localhost", "https://a.localhost", "https://LOCALHOST.", "https://[::1", "https://x:99999",
        "https://" + "a" * 600,
    ],
)  # fmt: skip
def test_url_that_is_no_plain_public_one_is_refused(url: str) -> None:
    with pytest.raises(OutboundRefusedError):
        OutboundRule().check_url(url)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_odd_spelling_of_loopback_is_not_called(host: str) -> None:
    async with OutboundClient(OutboundRule(), max_connections=2) as client:
        with pytest.raises((OutboundRefusedError, CallError)):
            await get(client, f"https://{host}:1/")


async def test_connection_goes_to_the_address_that_was_checked_though_the_name_moves() -> None:
    server = StubServer({"ok": True})
    await server.start()
    # Loopback stands here for a public address; the second answer is what a rebinding server would give.
    lookup, asked = answering(["127.0.0.1"], ["169.254.169.254"])
    rule = OutboundRule(f"moving.example.com:{server.port}")
    async with OutboundClient(rule, max_connections=2, lookup=lookup) as client:
        answer = await get(client, f"http://moving.example.com:{server.port}/")
        assert json.loads(answer.body) == {"ok": True}
        assert asked == ["moving.example.com"]  # once: nothing is left for a second look-up to change
        with pytest.raises(OutboundRefusedError):
            await get(client, f"http://moving.example.com:{server.port}/")
    assert len(server.bodies) == 1
    server.stop()


async def test_redirect_to_an_address_inside_is_not_followed() -> None:
    asked: list[bytes] = []

    async def redirects(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 X\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(redirects, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with OutboundClient(OutboundRule("loopback"), max_connections=2) as client:
        answer = await get(client, f"http://127.0.0.1:{port}/")
    server.close()
    assert (answer.status, len(asked)) == (302, 1)


async def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    server = StubServer({"ok": True})
    await server.start()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with OutboundClient(OutboundRule("loopback"), max_connections=2) as client:
        assert json.loads((await get(client, f"{server.url}/")).body) == {"ok": True}
    server.stop()


def test_allowed_host_may_be_private_but_not_come_to_mean_metadata() -> None:
    rule = OutboundRule("detectors.internal:8080, 10.0.0.7")
    private, metadata = (ipaddress.ip_address(one) for one in ("10.0.0.9", "169.254.169.254"))
    rule.check_address(private, host="detectors.internal", port=8080)
    rule.check_url("http://10.0.0.7:9000/base")
    for address, port in ((private, 8081), (metadata, 8080)):
        with pytest.raises(OutboundRefusedError):
            rule.check_address(address, host="detectors.internal", port=port)
    with pytest.raises(OutboundRefusedError):
        rule.check_url("http://10.0.0.8")


def test_public_address_passes() -> None:
    rule = OutboundRule()
    rule.check_address(ipaddress.ip_address("93.184.215.14"), host="example.com", port=443)
    rule.check_address(ipaddress.ip_address("2606:2800:21f::1"), host="example.com", port=443)
    assert rule.check_url("https://example.com/api").port == 443
