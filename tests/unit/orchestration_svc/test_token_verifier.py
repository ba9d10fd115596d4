"""What no service may take for a token. The verifiers of the three are alike, so all three are held to it."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt import PyJWK

TENANT = "11111111-1111-4111-8111-111111111111"
ISSUER = "llama-mapper"
KID = "the-key"
KEY = Ed25519PrivateKey.generate()
SERVICES = ["orchestration_svc", "mapper_svc", "analysis_svc"]
Forge = Callable[[], str]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_jwk(key: Ed25519PrivateKey, kid: str = KID) -> PyJWK:
    x = b64(key.public_key().public_bytes_raw())
    return PyJWK({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x})


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "iss": ISSUER,
        "aud": SERVICES,
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": "token-1",
        "tenant": TENANT,
        "roles": ["analyst"],
        "scopes": ["map"],
    }
    return {name: value for name, value in (values | changes).items() if value is not ...}


def token(
    *, key: Ed25519PrivateKey = KEY, kid: Any = KID, headers: dict[str, Any] | None = None, **changes: Any
) -> str:
    extra = {} if kid is ... else {"kid": kid}
    return jwt.encode(claims(**changes), key, algorithm="EdDSA", headers={**extra, **(headers or {})})


class Keys:
    """Knows one key, or cannot tell."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def get(self, kid: str) -> PyJWK | None:
        if self.error:
            raise self.error
        return public_jwk(KEY) if kid == KID else None


class Revoked:
    """Knows what was revoked, or cannot tell."""

    def __init__(self, *ids: str, error: Exception | None = None) -> None:
        self.ids = ids
        self.error = error

    async def is_revoked(self, token_id: str) -> bool:
        if self.error:
            raise self.error
        return token_id in self.ids


async def verify(
    given_token: str, service: str, keys: Keys | None = None, revoked: Revoked | None = None
) -> Any:
    verifier = import_module(f"{service}.adapters.token_verifier").TokenVerifier(
        keys or Keys(), revoked or Revoked(), issuer=ISSUER, audience=service
    )
    return await verifier.verify(given_token)


async def refusal(given_token: str, service: str = "orchestration_svc", **parts: Any) -> str:
    """Return the error code that the token is refused with."""
    errors = import_module(f"{service}.domain.errors")
    with pytest.raises(errors.ServiceError) as caught:
        await verify(given_token, service, **parts)
    assert len(given_token) < 20 or given_token not in str(caught.value)
    return str(caught.value.code.value)


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_good_token_names_its_holder(service: str) -> None:
    principal = await verify(token(), service)
    assert (principal.tenant_id, principal.token_id) == (UUID(TENANT), "token-1")
    assert (principal.roles, principal.scopes) == ({"analyst"}, {"map"})


async def test_tenant_is_the_one_of_the_token_alone(service: str) -> None:
    other = str(uuid4())
    assert (await verify(token(tenant=other), service)).tenant_id == UUID(other)


def hs256_with_the_public_key() -> str:
    header = b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": KID}).encode())
    now = int(time.time())
    body = b64(json.dumps(claims(iat=now, exp=now + 300)).encode())
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = hmac.new(pem, f"{header}.{body}".encode(), hashlib.sha256).digest()
    return f"{header}.{body}.{b64(signature)}"


def hs256_with_the_raw_public_key() -> str:
    return jwt.encode(claims(), KEY.public_key().public_bytes_raw(), algorithm="HS256", headers={"kid": KID})


def alg_none(name: str = "none") -> str:
    header = b64(json.dumps({"alg": name, "kid": KID}).encode())
    now = int(time.time())
    return f"{header}.{b64(json.dumps(claims(iat=now, exp=now + 300)).encode())}."


def rs256() -> str:
    key: RSAPrivateKey = generate_private_key(65_537, 2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return jwt.encode(claims(), pem, algorithm="RS256", headers={"kid": KID})


def changed_body() -> str:
    header, body, signature = token().split(".")
    loaded = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    loaded["scopes"] = ["tenants:manage"]
    return f"{header}.{b64(json.dumps(loaded).encode())}.{signature}"


def key_of_its_own_in_the_header() -> str:
    own = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(own.public_key().public_bytes_raw())}
    return token(key=own, headers={"jwk": jwk, "jku": "https://example.com/jwks.json"})


PAST = datetime.now(UTC) - timedelta(hours=1)
FORGERIES: dict[str, Forge] = {
    "expired": lambda: token(exp=PAST),
    "without an end": lambda: token(exp=...),
    "from the future": lambda: token(iat=datetime.now(UTC) + timedelta(hours=1)),
    "not valid yet": lambda: token(nbf=datetime.now(UTC) + timedelta(hours=1)),
    "another issuer": lambda: token(iss="somebody"),
    "no issuer": lambda: token(iss=...),
    "another audience": lambda: token(aud="other_svc"),
    "no audience": lambda: token(aud=...),
    "an audience that begins alike": lambda: token(aud=["orchestration_svc2", "mapper_svc ", "analysis"]),
    "unknown kid": lambda: token(kid="other"),
    "no kid": lambda: token(kid=...),
    "another's key under our kid": lambda: token(key=Ed25519PrivateKey.generate()),
    "another's key under its own kid": lambda: token(key=Ed25519PrivateKey.generate(), kid="its own"),
    "key of its own in the header": key_of_its_own_in_the_header,
    "alg none": alg_none,
    "alg None": lambda: alg_none("None"),
    "no alg": lambda: alg_none(""),
    "HS256 keyed with our public key": hs256_with_the_public_key,
    "HS256 keyed with our raw public key": hs256_with_the_raw_public_key,
    "RS256": rs256,
    "changed after signing": changed_body,
    "no token id": lambda: token(jti=...),
    "no tenant": lambda: token(tenant=...),
    "no roles": lambda: token(roles=...),
    "no scopes": lambda: token(scopes=...),
    "no time of issue": lambda: token(iat=...),
    "end is text": lambda: token(exp="tomorrow"),
    "time of issue is text": lambda: token(iat="now"),
    "tenant is no UUID": lambda: token(tenant="demo"),
    "tenant is a number": lambda: token(tenant=7),
    "tenant is null": lambda: token(tenant=None),
    "roles are text": lambda: token(roles="admin"),
    "roles are a table": lambda: token(roles={"admin": True}),
    "scopes are text": lambda: token(scopes="tenants:manage"),
    "scopes are null": lambda: token(scopes=None),
    "scopes are lists": lambda: token(scopes=[["map"]]),
    "roles are numbers": lambda: token(roles=[1]),
    "token id is a number": lambda: token(jti=7),
    "audience is a table": lambda: token(aud={"orchestration_svc": 1}),
    "unsigned": lambda: token().rpartition(".")[0] + ".",
    "cut off": lambda: token()[:-4],
    "two parts": lambda: token().rpartition(".")[0],
    "four parts": lambda: token() + ".x",
    "10 KB": lambda: token(note="x" * 10_000),
    "10 KB of nothing": lambda: "a" * 10_240,
    "deeply nested header": lambda: b64(b"[" * 5_000) + ".e30.AA",
    "header that is no table": lambda: b64(b"[]") + ".e30.AA",
    "header with a long number": lambda: b64(b'{"alg":' + b"1" * 5_000 + b"}") + ".e30.AA",
    "kid that is no text": lambda: b64(b'{"alg":"EdDSA","kid":{"a":1}}') + ".e30.AA",
    "critical extension": lambda: token(headers={"crit": ["b64"], "b64": False}),
    "not a token": lambda: "hello",
    "nothing": lambda: "",
    "dots": lambda: "...",
    "not ASCII": lambda: "é.ü.ß",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_what_is_not_our_token_is_refused(forge: Forge, service: str) -> None:
    assert await refusal(forge(), service) == "UNAUTHORIZED"


async def test_a_token_just_expired_passes_for_clocks_that_differ_a_little() -> None:
    assert await verify(token(exp=datetime.now(UTC) - timedelta(seconds=2)), "mapper_svc")
    assert await refusal(token(exp=datetime.now(UTC) - timedelta(seconds=8)), "mapper_svc") == "UNAUTHORIZED"


async def test_revoked_token_is_refused(service: str) -> None:
    assert await refusal(token(), service, revoked=Revoked("token-1")) == "UNAUTHORIZED"
    assert await verify(token(), service, revoked=Revoked("token-2"))


async def test_when_revocations_cannot_be_known_nobody_passes(service: str) -> None:
    unknown = import_module(f"{service}.adapters.revocations").RevocationsUnavailableError()
    assert await refusal(token(), service, revoked=Revoked(error=unknown)) == "SERVICE_UNAVAILABLE"


async def test_when_keys_cannot_be_known_nobody_passes(service: str) -> None:
    unknown = import_module(f"{service}.adapters.signing_keys").SigningKeysUnavailableError()
    assert await refusal(token(), service, keys=Keys(error=unknown)) == "SERVICE_UNAVAILABLE"


async def test_bad_token_is_refused_as_such_even_while_revocations_are_unknown(service: str) -> None:
    unknown = import_module(f"{service}.adapters.revocations").RevocationsUnavailableError()
    forged = token(key=Ed25519PrivateKey.generate())
    assert await refusal(forged, service, revoked=Revoked(error=unknown)) == "UNAUTHORIZED"


@settings(max_examples=200)
@given(text=st.text(max_size=200) | st.from_regex(r"[\w-]{0,60}\.[\w-]{0,60}\.[\w-]{0,60}", fullmatch=True))
async def test_no_text_whatever_passes_or_breaks_the_verifier(text: str) -> None:
    assert await refusal(text) == "UNAUTHORIZED"


class Rotating:
    """Gives the same key until it is told otherwise, as a cached ring does."""

    def __init__(self) -> None:
        self.key: PyJWK | None = public_jwk(KEY)

    async def get(self, kid: str) -> PyJWK | None:
        return self.key if kid == KID else None


async def test_remembered_token_is_refused_once_it_is_revoked_expired_or_its_key_is_gone(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module(f"{service}.adapters.token_verifier")
    errors = import_module(f"{service}.domain.errors")
    keys, revoked, given = Rotating(), Revoked(), token()
    verifier = module.TokenVerifier(keys, revoked, issuer=ISSUER, audience=service)
    assert await verifier.verify(given) == await verifier.verify(given)

    async def is_refused() -> bool:
        try:
            await verifier.verify(given)
        except errors.ServiceError as error:
            return bool(error.code.value == "UNAUTHORIZED")
        return False

    revoked.ids = ("token-1",)
    assert await is_refused()
    revoked.ids = ()
    keys.key = None
    assert await is_refused()
    keys.key = public_jwk(Ed25519PrivateKey.generate())
    assert await is_refused()
    keys.key = public_jwk(KEY)
    assert not await is_refused()
    later = time.time() + 3_600
    monkeypatch.setattr(module.time, "time", lambda: later)
    monkeypatch.setattr(module.jwt, "decode", _expired)
    assert await is_refused()


def _expired(*_: object, **__: object) -> None:
    raise jwt.ExpiredSignatureError


async def test_what_is_remembered_is_bounded(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"{service}.adapters.token_verifier")
    monkeypatch.setattr(module, "_REMEMBERED_MAX", 3)
    verifier = module.TokenVerifier(Keys(), Revoked(), issuer=ISSUER, audience=service)
    for number in range(5):
        await verifier.verify(token(jti=f"token-{number}"))
    assert len(verifier._remembered) == 3
