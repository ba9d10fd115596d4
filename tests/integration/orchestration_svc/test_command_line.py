"""Tenants, keys and migrations from the command line, as an operator types them."""

import json
import os
import subprocess
import sys
from typing import Any

import jwt
import psycopg
import pytest

from orchestration_svc.domain.access import SCOPES_OF, Role
from orchestration_svc.settings import Settings
from tests.integration.orchestration_svc.conftest import Cli

SECRETS = ("database_url", "redis_url", "key_encryption_key")


def create(cli: Cli, *roles: str, tenant: str = "acme", name: str = "ci") -> dict[str, Any]:
    asked = [part for role in roles for part in ("--role", role)]
    status, out, _ = cli("keys", "create", "--tenant", tenant, *asked, "--name", name, "--json")
    assert status == 0
    made: dict[str, Any] = json.loads(out)
    return made


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded


def test_tenant_is_created_once_and_found_after_that(cli: Cli) -> None:
    status, out, _ = cli("tenants", "create", "acme", "--json")
    first = json.loads(out)
    assert (status, first["name"], first["created"]) == (0, "acme", True)
    status, out, _ = cli("tenants", "create", "acme", "--if-missing", "--json")
    assert (status, json.loads(out)) == (0, first | {"created": False})
    status, out, err = cli("tenants", "create", "acme")
    assert (status, out) == (1, "")
    assert err == "orchestration_svc: CONFLICT: a tenant of this name exists already (name)\n"
    status, out, _ = cli("tenants", "list", "--json")
    assert [json.loads(line)["name"] for line in out.splitlines()] == ["acme", "operator"]


def test_wrong_tenant_name_is_one_clear_line(cli: Cli) -> None:
    status, _, err = cli("tenants", "create", "Acme Ltd")
    assert status == 1
    assert err.startswith("orchestration_svc: INVALID_REQUEST: ")
    assert "Traceback" not in err


def test_key_lives_from_creation_over_rotation_to_revocation(cli: Cli) -> None:
    cli("tenants", "create", "acme")
    made = create(cli, "analyst", "viewer")
    assert made["roles"] == ["analyst", "viewer"]
    assert claims(made["token"])["jti"] == made["key_id"]
    assert set(claims(made["token"])["scopes"]) == SCOPES_OF[Role.ANALYST]

    status, out, _ = cli("keys", "rotate", "--tenant", "acme", made["key_id"], "--overlap", "60", "--json")
    new = json.loads(out)
    assert (status, new["roles"], new["revoked_at"]) == (0, made["roles"], None)
    status, _, err = cli("keys", "rotate", "--tenant", "acme", made["key_id"])
    assert status == 1
    assert "CONFLICT" in err

    status, out, _ = cli("keys", "revoke", "--tenant", "acme", new["key_id"])
    assert (status, out) == (0, f"{new['key_id']} is revoked\n")
    status, out, _ = cli("keys", "list", "--tenant", "acme", "--json")
    listed = {key["key_id"]: key for key in map(json.loads, out.splitlines())}
    assert all(key["revoked_at"] for key in listed.values())
    assert set(listed) == {made["key_id"], new["key_id"]}
    assert made["token"] not in out


def test_minted_token_is_all_that_is_printed_and_is_listed_nowhere(cli: Cli) -> None:
    cli("tenants", "create", "acme")
    status, out, err = cli("keys", "mint", "--tenant", "acme", "--role", "analyst", "--ttl", "60")
    assert (status, err, out.count("\n")) == (0, "", 1)
    said = claims(out.strip())
    assert said["exp"] - said["iat"] <= 60
    assert cli("keys", "list", "--tenant", "acme", "--json")[1] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("keys", "create", "--tenant", "acme", "--role", "platform_admin", "--name", "x"),
            "INVALID_REQUEST",
        ),
        (("keys", "create", "--tenant", "acme", "--role", "viewer", "--name", ""), "INVALID_REQUEST"),
        (("keys", "create", "--tenant", "acme", "--role", "viewer", "--name", "x" * 129), "INVALID_REQUEST"),
        (("keys", "create", "--tenant", "nobody", "--role", "viewer", "--name", "x"), "NOT_FOUND"),
        (("keys", "mint", "--tenant", "acme", "--role", "platform_admin"), "INVALID_REQUEST"),
        (
            ("keys", "revoke", "--tenant", "acme", "11111111-1111-4111-8111-111111111111"),
            "NOT_FOUND",
        ),
        (("keys", "create", "--tenant", "acme", "--role", "king", "--name", "x"), "Invalid value"),
        (("keys", "create", "--tenant", "acme", "--name", "x"), "Missing option '--role'"),
        (("keys", "revoke", "--tenant", "acme", "seven"), "Invalid value"),
        (("keys", "mint", "--tenant", "acme", "--role", "viewer", "--ttl", "3601"), "Invalid value"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_stack(
    cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    cli("tenants", "create", "acme")
    status, out, err = cli(*arguments)
    assert status in {1, 2}
    assert out == ""
    assert words in err
    assert "Traceback" not in err


def test_platform_admin_is_first_made_here(cli: Cli) -> None:
    made = create(cli, "platform_admin", tenant="operator")
    assert "tenants:manage" in claims(made["token"])["scopes"]


def test_signing_key_is_rotated_even_when_it_is_the_first(
    cli: Cli, superuser: psycopg.Connection[Any]
) -> None:
    for count in (1, 2):
        status, out, _ = cli("signing-keys", "rotate", "--overlap-days", "1")
        assert status == 0
        kid = out.split()[2].rstrip(";")
        rows = superuser.execute("SELECT kid FROM orchestration.signing_keys WHERE retires_at IS NULL")
        assert rows.fetchall() == [(kid,)]
        assert superuser.execute("SELECT count(*) FROM orchestration.signing_keys").fetchone() == (count,)


def test_wrong_key_encryption_key_is_one_clear_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("tenants", "create", "acme")
    create(cli, "viewer")
    wrong = "B" * 43 + "="
    monkeypatch.setenv("ORCHESTRATION_KEY_ENCRYPTION_KEY", wrong)
    for arguments in (
        ("keys", "create", "--tenant", "acme", "--role", "viewer", "--name", "x"),
        ("keys", "mint", "--tenant", "acme", "--role", "viewer"),
        ("signing-keys", "rotate"),
    ):
        status, out, err = cli(*arguments)
        assert (status, out) == (1, "")
        assert "ORCHESTRATION_KEY_ENCRYPTION_KEY is not the one" in err
        assert wrong not in err
    assert cli("keys", "list", "--tenant", "acme", "--json")[1].count("\n") == 1


def test_database_that_does_not_answer_is_one_clear_line(
    cli: Cli, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATION_DATABASE_URL", settings.database_url.replace("127.0.0.1", "127.0.0.2"))
    status, _, err = cli("tenants", "list")
    assert status == 1
    assert err == "orchestration_svc: SERVICE_UNAVAILABLE: the database does not answer; try again\n"


def test_revoking_works_while_valkey_is_away(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, superuser: psycopg.Connection[Any]
) -> None:
    cli("tenants", "create", "acme")
    made = create(cli, "viewer")
    monkeypatch.setenv("ORCHESTRATION_REDIS_URL", "redis://127.0.0.1:9/0")
    status, _, err = cli("keys", "revoke", "--tenant", "acme", made["key_id"])
    assert (status, "Traceback" in err) == (0, False)
    assert superuser.execute("SELECT token_id FROM orchestration.revoked_tokens").fetchall() == [
        (made["key_id"],)
    ]


def test_settings_are_shown_without_secrets(cli: Cli, settings: Settings) -> None:
    status, out, _ = cli("settings")
    assert status == 0
    for name in SECRETS:
        assert f"ORCHESTRATION_{name.upper()}" in out
    password = settings.database_url.split(":")[2].split("@")[0]
    assert password not in out
    assert settings.key_encryption_key not in out


def test_missing_setting_is_one_clear_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCHESTRATION_REDIS_URL")
    assert cli("tenants", "list") == (2, "", "orchestration_svc: ORCHESTRATION_REDIS_URL is not set\n")


def test_module_runs_as_a_command_of_its_own(settings: Settings) -> None:
    environment = {
        f"ORCHESTRATION_{name.upper()}": str(getattr(settings, name))
        for name in (*SECRETS, "mapper_url", "analysis_url", "migration_database_url")
    }
    done = subprocess.run(
        [sys.executable, "-m", "orchestration_svc", "tenants", "list", "--json"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["name"] == "operator"
