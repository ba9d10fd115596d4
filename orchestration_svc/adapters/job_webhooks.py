"""Webhooks over HTTP: only to hosts that the operator listed, only to the address that was looked at."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

import httpx

from orchestration_svc.domain.errors import ErrorCode, ServiceError

_LIMIT_S = 10.0
Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class HttpWebhookSender:
    """Calls URLs whose host is on the list; no redirect is followed, no answer is read.

    A private address is called only when the list names that very address: a listed name that leads inside
    is a mistake or an attack.

    Args:
        client: makes the calls; it follows no redirects and takes no proxy from the environment.
        hosts: names and addresses that may be called, without ports.
        resolver: looks names up, once for each call.
    """

    def __init__(
        self, client: httpx.AsyncClient, *, hosts: Collection[str], resolver: Resolve = resolve
    ) -> None:
        self._client = client
        self._hosts = frozenset(host.lower() for host in hosts)
        self._resolve = resolver

    def check(self, url: str) -> None:
        """Refuse a URL that would not be called.

        Raises:
            ServiceError: INVALID_REQUEST.
        """
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise _refused("this is no URL") from None
        if parts.username is not None or parts.password is not None:
            raise _refused("a webhook's URL carries no user name and no password")
        if host is None or host not in self._hosts:
            raise _refused("webhooks may call hosts only that the operator has listed")
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_private(host)):
            raise _refused("a webhook is called over https")

    async def send(self, url: str, *, body: bytes, headers: dict[str, str]) -> bool:
        """Tell whether the receiver answered 2xx within ten seconds."""
        try:
            self.check(url)
            async with asyncio.timeout(_LIMIT_S):
                return await self._post(url, body, headers)
        except (ServiceError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, UnicodeError):
            return False

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> bool:
        target = httpx.URL(url)
        port = target.port or (443 if target.scheme == "https" else 80)
        addresses = await self._resolve(target.host, port)
        inside = [one for one in addresses if _is_private(one) and one not in self._hosts]
        if not addresses or inside:
            return False
        # To the very address that was looked at: a second look-up could say something else.
        request = self._client.build_request(
            "POST",
            target.copy_with(host=addresses[0]),
            content=body,
            headers={**headers, "host": target.netloc.decode("ascii")},
            extensions={"sni_hostname": target.host, "timeout": httpx.Timeout(_LIMIT_S).as_dict()},
        )
        answer = await self._client.send(request, stream=True)
        await answer.aclose()
        return answer.is_success


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _refused(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field="webhook.url")
