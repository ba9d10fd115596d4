"""What an Idempotency-Key needs of the installation, and what its records are kept under."""

import base64
from typing import Any, cast
from uuid import uuid4

import pytest
from litestar import Response

from analysis_svc.adapters.idempotency_secrets import RequestHash, SealedAnswers
from analysis_svc.api.idempotent import AnsweredOnce
from analysis_svc.domain.errors import ErrorCode, ServiceError

KEY, OTHER_KEY = (base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"k", b"o"))
TENANT = uuid4()
NO_REQUEST = cast("Any", None)


async def test_key_without_a_secret_to_keep_it_under_is_refused_and_nothing_is_done() -> None:
    done = []

    async def make(made: object) -> Response[str]:
        done.append(made)
        return Response("done")

    once = AnsweredOnce(None)
    with pytest.raises(ServiceError) as refused:
        await once(NO_REQUEST, "k1", make)
    assert (refused.value.code, done) == (ErrorCode.SERVICE_UNAVAILABLE, [])
    assert (await once(NO_REQUEST, None, make)).content == "done"


async def test_answer_opens_for_its_tenant_kind_and_key_only() -> None:
    sealer = SealedAnswers(KEY)
    (sealed,) = await sealer.seal(TENANT, [("answer", "said")])
    assert await sealer.open(TENANT, [("answer", sealed)]) == ["said"]
    others = [
        (sealer, uuid4(), "answer", sealed),
        (sealer, TENANT, "other", sealed),
        (SealedAnswers(OTHER_KEY), TENANT, "answer", sealed),
        (sealer, TENANT, "answer", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (sealer, TENANT, "answer", b""),
    ]
    for opener, tenant, kind, data in others:
        with pytest.raises(ServiceError):
            await opener.open(tenant, [(kind, data)])


def test_hash_depends_on_the_key_and_on_where_one_part_ends() -> None:
    assert RequestHash(KEY)(b"a", b"bc") != RequestHash(KEY)(b"ab", b"c")
    assert RequestHash(KEY)(b"a") != RequestHash(OTHER_KEY)(b"a")
