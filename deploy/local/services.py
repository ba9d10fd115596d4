"""What each of the three services is told in its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the stack.

    Attributes:
        name: short name: its schema, its prefix in the environment, its name under the supervisor.
        api_port: default port of its API.
        metrics_port: default port of /metrics.
    """

    name: str
    api_port: int
    metrics_port: int

    @property
    def module(self) -> str:
        """The Python package that `python -m` runs."""
        return f"{self.name}_svc"

    @property
    def prefix(self) -> str:
        """What its settings begin with."""
        return f"{self.name.upper()}_"


SERVICES = (
    Service("orchestration", 8080, 9080),
    Service("mapper", 8081, 9081),
    Service("analysis", 8082, 9082),
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where things listen: ports of each service by its name, DSN of the administrator, database."""

    api_ports: Mapping[str, int]
    metrics_ports: Mapping[str, int]
    admin_dsn: str
    database: str = "llama_mapper"

    def api_url(self, name: str) -> str:
        """Return the base URL of a service."""
        return f"http://{HOST}:{self.api_ports[name]}"


def role_dsn(admin_dsn: str, role: str, password: str, database: str) -> str:
    """Turn the administrator's DSN into a role's, for SQLAlchemy with psycopg 3; options are kept."""
    parts = urlsplit(admin_dsn)
    place = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(role, safe='')}:{quote(password, safe='')}@{place}"
    return urlunsplit(("postgresql+psycopg", netloc, f"/{database}", parts.query, ""))


def service_environment(
    service: Service, endpoints: Endpoints, *, runtime_password: str, cache_url: str
) -> dict[str, str]:
    """Return the variables of the running service; it never learns the migrator's password."""
    name = service.name
    told = {
        "DATABASE_URL": role_dsn(
            endpoints.admin_dsn, f"{name}_runtime", runtime_password, endpoints.database
        ),
        "REDIS_URL": cache_url,
        "HOST": HOST,
        "PORT": str(endpoints.api_ports[name]),
        "METRICS_PORT": str(endpoints.metrics_ports[name]),
    }
    told |= {
        f"{other.prefix}URL": endpoints.api_url(other.name)
        for other in SERVICES
        # Keys and revocations come from the orchestrator; it alone calls the other two.
        if other is not service and "orchestration" in (name, other.name)
    }
    return {service.prefix + key: value for key, value in told.items()}


def migration_environment(service: Service, endpoints: Endpoints, *, password: str) -> dict[str, str]:
    """Return the variables that only `python -m <service> migrate` is given."""
    role = f"{service.name}_migrator"
    return {
        f"{service.prefix}MIGRATION_DATABASE_URL": role_dsn(
            endpoints.admin_dsn, role, password, endpoints.database
        ),
        f"{service.prefix}RUNTIME_ROLE": f"{service.name}_runtime",
        f"{service.prefix}PIPELINE_ROLE": f"{service.name}_pipeline",
    }


def pipelines_environment(endpoints: Endpoints, passwords: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the pipelines reach each service's data.

    Args:
        endpoints: where the database is.
        passwords: of `<service>_pipeline`, by the service's name.
    """
    return {
        f"PIPELINES_{name.upper()}_DATABASE_URL": role_dsn(
            endpoints.admin_dsn, f"{name}_pipeline", password, endpoints.database
        )
        for name, password in passwords.items()
    }
