import pytest
import redis

from deploy.local import valkey
from deploy.local.services import SERVICES

REVOKED = "llama-mapper:revoked"


def client(cache: valkey.Cache, user: str) -> redis.Redis:
    return redis.Redis.from_url(cache.url(user))


def test_who_has_no_name_is_refused(empty_valkey: valkey.Cache) -> None:
    with redis.Redis(port=empty_valkey.port) as nameless, pytest.raises(redis.AuthenticationError):
        nameless.get("a")


@pytest.mark.parametrize("user", [service.name for service in SERVICES])
def test_a_service_has_its_own_keys_and_scripts(user: str, empty_valkey: valkey.Cache) -> None:
    with client(empty_valkey, user) as service:
        assert service.ping()
        assert service.execute_command("EVAL", "return redis.call('incr', KEYS[1])", 1, f"{user}:limit") == 1


@pytest.mark.parametrize("user", ["mapper", "analysis"])
def test_only_the_orchestrator_changes_the_list_of_revoked_tokens(
    user: str, empty_valkey: valkey.Cache
) -> None:
    with client(empty_valkey, "orchestration") as publisher, client(empty_valkey, user) as reader:
        publisher.sadd(REVOKED, "token")
        assert reader.smismember(REVOKED, ["token", "other"]) == [1, 0]
        for change in (["SREM", REVOKED, "token"], ["DEL", REVOKED], ["RENAME", REVOKED, f"{user}:mine"]):
            with pytest.raises(redis.exceptions.NoPermissionError):
                reader.execute_command(*change)


@pytest.mark.parametrize("user", [service.name for service in SERVICES])
def test_a_service_sees_no_other_services_keys_and_commands_nothing(
    user: str, empty_valkey: valkey.Cache
) -> None:
    with client(empty_valkey, user) as service:
        for forbidden in (
            lambda: service.get("somebody:else"),
            service.flushall,
            service.config_get,
            service.keys,
            service.acl_list,
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                forbidden()
