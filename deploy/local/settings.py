"""What can be set about the local stack, each by one environment variable `LLAMA_MAPPER_<NAME>`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from deploy.local.failure import SetupError
from deploy.local.services import SERVICES, Service
from deploy.local.system_user import DEFAULT_NAME

PREFIX = "LLAMA_MAPPER_"
CHECKOUT = Path(__file__).parents[2]

Port = Annotated[int, Meta(ge=1, le=65535)]


class StackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of `make up` and its siblings; each service has its own beside them."""

    orchestration_port: Annotated[Port, Meta(description="API of orchestration_svc")] = 8080
    mapper_port: Annotated[Port, Meta(description="API of mapper_svc")] = 8081
    analysis_port: Annotated[Port, Meta(description="API of analysis_svc")] = 8082
    orchestration_metrics_port: Annotated[Port, Meta(description="/metrics of orchestration_svc")] = 9080
    mapper_metrics_port: Annotated[Port, Meta(description="/metrics of mapper_svc")] = 9081
    analysis_metrics_port: Annotated[Port, Meta(description="/metrics of analysis_svc")] = 9082
    postgres_port: Annotated[Port, Meta(description="the embedded PostgreSQL")] = 15432
    valkey_port: Annotated[Port, Meta(description="the embedded Valkey")] = 16379
    model: Annotated[
        Literal["on", "off"], Meta(description="whether a model is served; without it rules answer alone")
    ] = "on"
    model_port: Annotated[Port, Meta(description="the model server")] = 8090
    model_spare_port: Annotated[
        Port, Meta(description="where the next release is started while the last one still answers")
    ] = 8092
    model_recipe: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$", description="whose releases are served")
    ] = "smollm2-135m"
    model_release: Annotated[
        str, Meta(description="folder of one release to serve, approved or not; else the approved one")
    ] = ""
    model_venv: Annotated[str, Meta(min_length=1, description="virtual environment of the model server")] = (
        str(CHECKOUT / ".venv-model")
    )
    postgres_dsn: Annotated[
        str, Meta(description="your own PostgreSQL instead, postgresql://… of a role that may create roles")
    ] = ""
    redis_url: Annotated[str, Meta(description="your own Redis or Valkey instead, redis://…")] = ""
    database: Annotated[str, Meta(min_length=1, description="name of the database")] = "llama_mapper"
    postgres_user: Annotated[
        str, Meta(min_length=1, description="system user of the embedded PostgreSQL when root starts it")
    ] = DEFAULT_NAME
    run_dir: Annotated[str, Meta(min_length=1, description="where data, logs and secrets are kept")] = str(
        CHECKOUT / ".run"
    )

    @property
    def run(self) -> Path:
        """The run folder, absolute."""
        return Path(self.run_dir).expanduser().resolve()

    def api_port(self, service: Service) -> int:
        """Port of a service's API."""
        return int(getattr(self, f"{service.name}_port"))

    def metrics_port(self, service: Service) -> int:
        """Port of a service's /metrics."""
        return int(getattr(self, f"{service.name}_metrics_port"))

    def ports(self) -> dict[str, int]:
        """Return every port that the stack will bind, by the variable that sets it."""
        names = [f"{service.name}_port" for service in SERVICES]
        names += [f"{service.name}_metrics_port" for service in SERVICES]
        names += [] if self.postgres_dsn else ["postgres_port"]
        names += [] if self.redis_url else ["valkey_port"]
        names += ["model_port", "model_spare_port"] if self.model == "on" else []
        return {variable(name): getattr(self, name) for name in names}


def variable(field: str) -> str:
    """Name the environment variable of a field."""
    return PREFIX + field.upper()


def read_settings(environment: Mapping[str, str] = os.environ) -> StackSettings:
    """Read and check the settings; an empty variable counts as not set.

    Raises:
        SetupError: naming the variable that is wrong, or two that ask for the same port.
    """
    given = {}
    for name in StackSettings.__struct_fields__:
        if value := environment.get(variable(name), ""):
            try:
                given[name] = msgspec.convert(value, StackSettings.__annotations__[name], strict=False)
            except msgspec.ValidationError as error:
                raise SetupError(f"{variable(name)} is wrong: {error}", hint="correct or unset it") from None
    settings = StackSettings(**given)
    _check_schemes(settings)
    _check_ports_differ(settings)
    return settings


def _check_schemes(settings: StackSettings) -> None:
    # The value may hold a password, so the message shows none of it.
    allowed = {
        "postgres_dsn": (settings.postgres_dsn, {"postgresql", "postgres"}),
        "redis_url": (settings.redis_url, {"redis", "rediss"}),
    }
    for name, (value, schemes) in allowed.items():
        if value and urlsplit(value).scheme not in schemes:
            wanted = " or ".join(f"{scheme}://…" for scheme in sorted(schemes))
            raise SetupError(f"{variable(name)} is not of the form {wanted}", hint="correct or unset it")


def _check_ports_differ(settings: StackSettings) -> None:
    seen: dict[int, str] = {}
    for name, port in settings.ports().items():
        if port in seen:
            raise SetupError(f"{seen[port]} and {name} are both {port}", hint="give each a port of its own")
        seen[port] = name
