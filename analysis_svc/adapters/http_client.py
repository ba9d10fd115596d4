"""Clients for calls to other servers."""

import ssl
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx


def make_http_client(*, timeout_s: float, max_connections: int) -> httpx.AsyncClient:
    """Make a client that does what its caller says and nothing the environment or a server says.

    Proxies named by the environment are not used: they would see tokens and content. Cookies are
    refused: one caller's would travel with the next caller's request.
    """
    return httpx.AsyncClient(
        timeout=timeout_s,
        limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
        verify=public_authorities(),
    )


@cache
def public_authorities() -> ssl.SSLContext:
    """Whom TLS trusts; read once for all clients, for that takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)
