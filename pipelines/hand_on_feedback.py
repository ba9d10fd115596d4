"""Reviewed feedback of tenants that agreed, from both services to training: what a step and a command run."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from pipelines.keep_terms import tenants
from pipelines.lib.feedback.files import files_of_tenants, remove_strays, write_rows
from pipelines.lib.feedback.read_words import ORIGINS, read_words
from pipelines.lib.feedback.reviewed_word import ReviewedWord, choose_rows
from pipelines.lib.retention.service_database import ServiceDatabase
from pipelines.retention_settings import RetentionSettings


@dataclass(frozen=True, slots=True)
class HandedOn:
    """What of a tenant's feedback training may use.

    Attributes:
        agreed: by service, whether the tenant's settings there let feedback enter training.
        rows: by origin.
        left_out: by reason; of services that agreed.
        path: the tenant's file, where there are rows.
    """

    agreed: Mapping[str, bool]
    rows: Mapping[str, int]
    left_out: Mapping[str, int]
    path: Path | None


def hand_on_feedback(settings: RetentionSettings, tenant_id: UUID, folder: Path, edition: str) -> HandedOn:
    """Write the tenant's accepted feedback for training; without its consent there is no file, old ones go.

    Args:
        settings: how the services' databases are reached.
        tenant_id: whose.
        folder: of the files that the data set reads.
        edition: of the taxonomy that the data set is made for.

    Raises:
        SettingsError: a database's URL is not set.
        psycopg.Error: a database does not answer; the file stays as it was.
    """
    words: list[ReviewedWord] = []
    agreed = {}
    for service in ORIGINS:
        with ServiceDatabase(service, settings.url(service)) as database:
            found = read_words(database, tenant_id)
        agreed[service] = found is not None
        words += found or ()
    chosen = choose_rows(words, edition=edition, labels=load_taxonomy(edition).labels)
    return HandedOn(
        agreed,
        dict(sorted(Counter(row.origin for row in chosen.rows).items())),
        chosen.left_out,
        write_rows(folder, tenant_id, chosen.rows),
    )


def hand_on_all(
    settings: RetentionSettings, folder: Path, edition: str, say: Callable[[UUID, HandedOn], None]
) -> list[str]:
    """Hand on the feedback of every tenant; return the names of files that were removed as nobody's.

    Raises as `hand_on_feedback` does.
    """
    for tenant in tenants(settings):
        say(tenant, hand_on_feedback(settings, tenant, folder, edition))
    return remove_files_of_nobody(settings, folder)


def remove_files_of_nobody(settings: RetentionSettings, folder: Path) -> list[str]:
    """Remove files of tenants that are no longer there; return their names. Raises as `hand_on_feedback`."""
    # Looked at first: a file that is written from now on is of a tenant that the list has.
    files = files_of_tenants(folder)
    return remove_strays(folder, files, tenants(settings)) if files else []
