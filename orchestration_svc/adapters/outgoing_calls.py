"""The three ways out of this service, each with what it may reach and with connections of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestration_svc.adapters.http_calls import HttpCalls
from orchestration_svc.adapters.outbound_client import AnyAddress, OutboundClient
from orchestration_svc.adapters.outbound_rule import OutboundRule
from orchestration_svc.adapters.traced_calls import TracedCalls
from orchestration_svc.adapters.tracing import HeardProvider

_SERVICES_AT_ONCE = 200
_DETECTORS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class OutgoingCalls:
    """Apart, so that detectors that hang do not use up the connections to the other two services.

    Attributes:
        services: to mapper_svc and analysis_svc, wherever they are.
        configured: to detectors that the operator's settings name.
        named: to hosts that somebody named over the API: detectors and webhooks.
        rule: what `named` may call.
    """

    services: HttpCalls
    configured: HttpCalls
    named: HttpCalls
    rule: OutboundRule
    clients: tuple[OutboundClient, ...]

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self.clients:
            await client.aclose()


def make_outgoing_calls(allowed: str, configured: Iterable[str], provider: HeardProvider) -> OutgoingCalls:
    """Make them.

    Args:
        allowed: hosts that may be called although their addresses are private, separated by commas.
        configured: hosts of detectors that the operator's settings name, each with its port; they may be
            anywhere, and that allows nobody else to name them.
        provider: takes the spans.
    """
    rule = OutboundRule(allowed)
    clients = (
        OutboundClient(AnyAddress(), max_connections=_SERVICES_AT_ONCE),
        OutboundClient(OutboundRule(",".join([allowed, *configured])), max_connections=_DETECTORS_AT_ONCE),
        OutboundClient(rule, max_connections=_DETECTORS_AT_ONCE),
    )
    services, near, named = (TracedCalls(client, provider) for client in clients)
    return OutgoingCalls(services, near, named, rule, clients)
