"""From the sources to the data set, without any clock, order of files or machine in between."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

import msgspec

from mapper_svc.adapters.taxonomy_files import TAXONOMY_DIR, load_taxonomy
from mapper_svc.adapters.vendor_files import VENDORS_DIR, load_vendors
from pipelines.lib.calibration_rows import calibration_candidates
from pipelines.lib.example import Example
from pipelines.lib.families import load_phrasing_families, load_vendor_families
from pipelines.lib.licences import LICENCES
from pipelines.lib.read_feedback import read_feedback
from pipelines.lib.read_free_form import read_free_form
from pipelines.lib.read_phrasings import phrasing_candidates
from pipelines.lib.read_taxonomy import taxonomy_candidates
from pipelines.lib.read_vendors import vendor_candidates
from pipelines.lib.remove_duplicates import remove_duplicates
from pipelines.lib.remove_leaks import Leak, remove_leaks
from pipelines.lib.resolve_conflicts import Conflict, resolve_conflicts

DATA_DIR = Path(__file__).parents[1] / "data"
"""The data files that come with the pipelines."""


@dataclass(frozen=True, slots=True)
class DatasetSources:
    """Where the rows come from.

    Attributes:
        edition: edition of the taxonomy.
        taxonomy: folder of the taxonomy's editions.
        vendors: folder of vendor files.
        phrasings: folder of written phrasings.
        feedback: folder of reviewed feedback; it may be missing or empty.
        free_form: folder of the free-form held-out set, which training is kept away from.
        calibration: folder of free-form rows for validation.
        vendor_families: list of vendor families.
        phrasing_families: list of phrasing families.
    """

    edition: str = "2026.11"
    taxonomy: Path = TAXONOMY_DIR
    vendors: Path = VENDORS_DIR
    phrasings: Path = DATA_DIR / "phrasings"
    feedback: Path = DATA_DIR / "feedback"
    free_form: Path = DATA_DIR / "heldout"
    calibration: Path = DATA_DIR / "calibration"
    vendor_families: Path = DATA_DIR / "vendor_families.yaml"
    phrasing_families: Path = DATA_DIR / "phrasing_families.yaml"


class Manifest(msgspec.Struct, frozen=True):
    """What a data set is, in short. No time and no path of a machine: equal inputs give an equal manifest.

    Attributes:
        content_sha256: hash of the canonical bytes of the rows; the version of the data set.
        edition: edition of the taxonomy.
        taxonomy_sha256: hash of that edition's content.
        rows: number of rows.
        counts: rows by value, for split, source, family, lang, label, and `split source`.
        opaque: number of opaque rows by split.
        ambiguous: number of ambiguous rows by split.
        read: rows read by source, before anything was taken out.
        removed: rows taken out, by reason.
        sources: SHA-256 of each source's files.
        licences: what each licence id means.
    """

    content_sha256: str
    edition: str
    taxonomy_sha256: str
    rows: int
    counts: dict[str, dict[str, int]]
    opaque: dict[str, int]
    ambiguous: dict[str, int]
    read: dict[str, int]
    removed: dict[str, int]
    sources: dict[str, str]
    licences: dict[str, str]


@dataclass(frozen=True, slots=True)
class Dataset:
    """The rows with what there is to say of them.

    Attributes:
        examples: the rows, by id.
        manifest: what the data set is.
        labels: the labels of the edition, in its order.
        leaks: rows taken out because another side has their text.
        conflicts: texts with several labels.
    """

    examples: tuple[Example, ...]
    manifest: Manifest
    labels: tuple[str, ...]
    leaks: tuple[Leak, ...]
    conflicts: tuple[Conflict, ...]


def content_hash(examples: Iterable[Example]) -> str:
    """Returns SHA-256 (hex) over the rows by id, each as one JSON list of its columns in UTF-8."""
    digest = hashlib.sha256()
    columns = attrgetter(*(column.name for column in fields(Example)))
    for example in sorted(examples, key=lambda one: one.id):
        line = json.dumps(columns(example), ensure_ascii=False, separators=(",", ":"))
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def build_dataset(sources: DatasetSources, say: Callable[[str], None] = lambda _: None) -> Dataset:
    """Reads the sources and makes the data set of them.

    Args:
        sources: where the rows come from.
        say: is told each step, for people who wait.

    Raises:
        DataFaultError: a source breaks its schema; names file and line.
        UnlistedVendorError: a vendor file is in no family.
    """
    taxonomy = load_taxonomy(sources.edition, sources.taxonomy)
    vendor_families = load_vendor_families(sources.vendor_families)
    phrasing_families = load_phrasing_families(sources.phrasing_families)
    feedback = read_feedback(sources.feedback, vendor_families)
    read = [
        *taxonomy_candidates(taxonomy),
        *vendor_candidates(load_vendors(taxonomy, sources.vendors), vendor_families),
        *phrasing_candidates(sources.phrasings, phrasing_families),
        *calibration_candidates(sources.calibration),
        *feedback.candidates,
    ]
    say(f"read {len(read)} rows")
    distinct = remove_duplicates(read)
    say(f"{len(read) - len(distinct)} duplicates taken out")
    rows, leaks = remove_leaks(distinct, read_free_form(sources.free_form))
    say(f"{len(leaks)} leaks between the sides of the split taken out")
    examples, conflicts = resolve_conflicts(rows, read)
    say(f"{len(conflicts)} texts with several labels, {len(rows) - len(examples)} rows of them taken out")
    removed = {
        "duplicate": len(read) - len(distinct),
        "conflict": len(rows) - len(examples),
        "feedback_not_opted_in": feedback.not_opted_in,
        "feedback_of_held_out_vendor": feedback.held_out,
        **_tally(f"leak_{leak.split}_{leak.where}_{'exact' if leak.exact else 'near'}" for leak in leaks),
    }
    manifest = Manifest(
        content_sha256=content_hash(examples),
        edition=taxonomy.edition,
        taxonomy_sha256=taxonomy.content_hash,
        rows=len(examples),
        counts=_counts(examples),
        opaque=_tally(one.split for one in examples if one.opaque),
        ambiguous=_tally(one.split for one in examples if one.ambiguous),
        read=_tally(one.source for one in read),
        removed=removed,
        sources=_source_hashes(sources),
        licences=LICENCES,
    )
    return Dataset(tuple(examples), manifest, tuple(taxonomy.labels), tuple(leaks), tuple(conflicts))


def _tally(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(str(value) for value in values).items()))


def _counts(examples: Sequence[Example]) -> dict[str, dict[str, int]]:
    columns = ("split", "source", "licence", "lang", "label")
    counts = {column: _tally(getattr(one, column) for one in examples) for column in columns}
    # Of a family of phrasings the way of writing: there are thousands of texts.
    counts["family"] = _tally(one.family.partition(" ")[0] for one in examples)
    counts["split source"] = _tally(f"{one.split} {one.source}" for one in examples)
    return counts


def _source_hashes(sources: DatasetSources) -> dict[str, str]:
    """Returns SHA-256 over name and bytes of each source's files, in the order of their names."""
    files = {
        "taxonomy": [sources.taxonomy / f"{sources.edition}.yaml"],
        "vendors": sorted(sources.vendors.glob("*.yaml")),
        "phrasings": sorted(sources.phrasings.glob("*.jsonl")),
        "feedback": sorted(sources.feedback.glob("*.jsonl")),
        "free_form": sorted(sources.free_form.glob("*.jsonl")),
        "calibration": sorted(sources.calibration.glob("*.jsonl")),
        "vendor_families": [sources.vendor_families],
        "phrasing_families": [sources.phrasing_families],
    }
    hashes: dict[str, str] = {}
    for name, paths in files.items():
        digest = hashlib.sha256()
        for path in paths:
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        hashes[name] = digest.hexdigest()
    return hashes
