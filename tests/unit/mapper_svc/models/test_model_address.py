"""A model server is only ever one that the operator of the service allows."""

import re

import pytest

from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.model_address import TOKEN_ENV, AllowedHosts

LOOPBACK = AllowedHosts("loopback")
LISTED = AllowedHosts("models.internal, 10.0.0.5:8090, [fd00::1]:8090")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8090", "http://localhost:8090/", "https://[::1]:8443", "http://127.9.9.9"]
)
def test_this_machine_is_allowed_by_default(url: str) -> None:
    assert LOOPBACK.check(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.5:8090",
        "http://169.254.169.254/latest",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://user:secret@127.0.0.1:8090",
        "http://evil.example@127.0.0.1",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1:8090/?next=http://evil.example",
        "http://127.0.0.1:8090#x",
        "http://127.0.0.1\\@evil.example",
        "http://127.0.0.1:port",
        "http://[::1",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "127.0.0.1:8090",
        "http://",
        "http://127.0.0.1/\nHost: x",
        "http://0.0.0.0:8090",
        "http://2130706433:8090",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ServiceError) as caught:
        LOOPBACK.check(url)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "url")
    assert "secret" not in caught.value.detail


def test_listed_hosts_are_allowed_with_their_port_where_one_is_listed() -> None:
    for url in (
        "http://models.internal:1234",
        "https://MODELS.internal",
        "http://10.0.0.5:8090",
        "http://[fd00::1]:8090",
    ):
        assert LISTED.check(url)
    for url in ("http://10.0.0.5:5432", "http://10.0.0.5", "http://127.0.0.1:8090", "http://[fd00::1]:1"):
        with pytest.raises(ServiceError):
            LISTED.check(url)


@pytest.mark.parametrize(
    "name", ["MAPPER_DATABASE_URL", "PATH", "AWS_SECRET_ACCESS_KEY", "X\n_SERVICE_TOKEN", "a_SERVICE_TOKEN"]
)
def test_reference_to_a_token_cannot_name_another_secret(name: str) -> None:
    assert not re.search(TOKEN_ENV, name)
    assert re.search(TOKEN_ENV, "LLM_NEXT_SERVICE_TOKEN")
