"""The Valkey (or Redis) client."""

from redis.asyncio import BlockingConnectionPool, Redis


def make_valkey(url: str, *, timeout_ms: int) -> Redis:
    """Make the client. A call takes ``timeout_ms`` at most and is not retried here.

    The pool blocks when it is used up: the default one raises under fan-out.
    """
    seconds = timeout_ms / 1000
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=32,
        timeout=seconds,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=None,
        decode_responses=True,
    )
    return Redis(connection_pool=pool)
