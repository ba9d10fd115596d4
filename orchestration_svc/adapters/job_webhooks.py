"""Webhooks over HTTP: only to hosts that the operator listed, through the guarded client."""

from collections.abc import Collection
from urllib.parse import urlsplit

from orchestration_svc.adapters.http_calls import CallError, HttpCalls
from orchestration_svc.adapters.outbound_rule import OutboundRefusedError, OutboundRule
from orchestration_svc.domain.errors import ErrorCode, ServiceError

_LIMIT_S = 10.0
_OK, _NO_SUCCESS = 200, 300


class HttpWebhookSender:
    """Calls URLs whose host is on the list; no redirect is followed, no answer is read.

    A listed host whose address is private is called only where the operator allows that, too.

    Args:
        client: refuses addresses by the same rule.
        rule: says which hosts may have private addresses.
        hosts: names and addresses that may be called, without ports.
    """

    def __init__(self, client: HttpCalls, rule: OutboundRule, *, hosts: Collection[str]) -> None:
        self._client = client
        self._rule = rule
        self._hosts = frozenset(host.lower() for host in hosts)

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
        if host is None or host not in self._hosts:
            raise _refused("webhooks may call hosts only that the operator has listed")
        try:
            # A query is the receiver's own affair; the rule is about where the call goes.
            self._rule.check_url(url.partition("?")[0])
        except OutboundRefusedError as error:
            raise _refused(f"a webhook's URL may not be called: {error}") from None

    async def send(self, url: str, *, body: bytes, headers: dict[str, str]) -> bool:
        """Tell whether the receiver answered 2xx within ten seconds."""
        try:
            self.check(url)
            answer = await self._client.call(
                "POST", url, headers=headers, body=body, timeout_s=_LIMIT_S, max_bytes=0
            )
        except (ServiceError, OutboundRefusedError, CallError):
            return False
        return _OK <= answer.status < _NO_SUCCESS


def _refused(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field="webhook.url")
