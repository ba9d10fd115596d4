"""Bring the database schema to the newest version (or back)."""

from pathlib import Path

from alembic import command
from alembic.config import Config

import analysis_svc


def _config(url: str, runtime_role: str, pipeline_role: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(analysis_svc.__file__).parent / "migrations"))
    config.attributes["url"] = url
    config.attributes["runtime_role"] = runtime_role
    config.attributes["pipeline_role"] = pipeline_role
    return config


def upgrade(url: str, runtime_role: str, pipeline_role: str) -> None:
    """Apply every migration that is missing; safe to run from several places at once.

    Args:
        url: DSN of the migrator role, which owns the schema.
        runtime_role: the role that is granted row access.
        pipeline_role: the role that is granted what the pipelines need; empty for none.
    """
    command.upgrade(_config(url, runtime_role, pipeline_role), "head")


def downgrade(url: str, runtime_role: str, pipeline_role: str, revision: str) -> None:
    """Undo migrations down to ``revision`` ("base" for all)."""
    command.downgrade(_config(url, runtime_role, pipeline_role), revision)
