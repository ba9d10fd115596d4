"""The files that reviewed feedback is handed on in: one for each tenant that has any."""

import os
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from pipelines.lib.read_feedback import Feedback


def write_rows(folder: Path, tenant_id: UUID, rows: Sequence[Feedback]) -> Path | None:
    """Write the tenant's file anew, whole or not at all; without rows there is none any more."""
    path = _path(folder, tenant_id)
    if not rows:
        path.unlink(missing_ok=True)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=folder, suffix=".part", delete=False) as part:
        part.write(msgspec.json.Encoder().encode_lines(rows))
    os.replace(part.name, path)  # noqa: PTH105 - one step, which pathlib's spelling is too, by another name
    return path


def files_of_tenants(folder: Path) -> list[Path]:
    """Return the files that are there; what people wrote themselves is named otherwise."""
    return sorted(folder.glob("tenant-*.jsonl"))


def remove_strays(folder: Path, files: Collection[Path], tenants: Collection[UUID]) -> list[str]:
    """Remove those of ``files`` that are of nobody among ``tenants``; return their names."""
    strays = sorted(set(files) - {_path(folder, tenant) for tenant in tenants})
    for stray in strays:
        stray.unlink(missing_ok=True)
    return [stray.name for stray in strays]


def _path(folder: Path, tenant_id: UUID) -> Path:
    return folder / f"tenant-{tenant_id}.jsonl"
