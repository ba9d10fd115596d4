"""Passwords and keys of the local stack: made at the first start, kept in one private file."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.guard import read_environment
from deploy.local.services import SERVICES

FILE = "secrets.env"
_HEADER = (
    "# Made by `make up`. Who reads this file reads everything; without it the data cannot be decrypted.\n"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Every secret of one run folder, by name."""

    values: Mapping[str, str]

    @property
    def postgres_admin(self) -> str:
        """Password of the embedded PostgreSQL's administrator."""
        return self.values["POSTGRES_ADMIN_PASSWORD"]

    @property
    def key_encryption_key(self) -> str:
        """What orchestration_svc encrypts its signing keys with: 32 bytes as URL-safe base64."""
        return self.values["ORCHESTRATION_KEY_ENCRYPTION_KEY"]

    @property
    def evidence_key_encryption_key(self) -> str:
        """What analysis_svc encrypts the keys of exports with: 32 bytes as URL-safe base64."""
        return self.values["ANALYSIS_KEY_ENCRYPTION_KEY"]

    @property
    def subject_key(self) -> str:
        """What analysis_svc hashes persons with: 32 bytes as URL-safe base64."""
        return self.values["ANALYSIS_SUBJECT_KEY"]

    def runtime(self, service: str) -> str:
        """Database password of a running service."""
        return self.values[f"{service.upper()}_RUNTIME_PASSWORD"]

    def migrator(self, service: str) -> str:
        """Database password of a service's migrations."""
        return self.values[f"{service.upper()}_MIGRATOR_PASSWORD"]

    def pipeline(self, service: str) -> str:
        """Database password of the pipelines that reach a service's data."""
        return self.values[f"{service.upper()}_PIPELINE_PASSWORD"]

    @property
    def model_token(self) -> str:
        """What the mapper shows the model server."""
        return self.values["MODEL_SERVICE_TOKEN"]

    def cache(self, user: str) -> str:
        """Valkey password of a service, or of "admin"."""
        return self.values[f"{user.upper()}_CACHE_PASSWORD"]


def load_credentials(run: Path) -> Credentials:
    """Read the secrets in `run`; make those that are missing, and write them for the next time."""
    path = run / FILE
    kept = read_environment(path) if path.exists() else {}
    values = _new() | kept
    if values != kept:
        write_private(path, _HEADER + "".join(f"{name}={value}\n" for name, value in values.items()))
    return Credentials(values)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, never half: an interrupted write leaves the old one."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _new() -> dict[str, str]:
    names = ["POSTGRES_ADMIN_PASSWORD", "ADMIN_CACHE_PASSWORD", "MODEL_SERVICE_TOKEN"]
    for service in SERVICES:
        names += [f"{service.prefix}{what}_PASSWORD" for what in ("RUNTIME", "MIGRATOR", "PIPELINE", "CACHE")]
    keys = ["ORCHESTRATION_KEY_ENCRYPTION_KEY", "ANALYSIS_KEY_ENCRYPTION_KEY", "ANALYSIS_SUBJECT_KEY"]
    return {name: secrets.token_urlsafe(24) for name in names} | {
        name: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() for name in keys
    }
