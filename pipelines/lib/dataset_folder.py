"""A data set on disk: one folder per version, named by the hash of its rows."""

# <root>/mapping_examples/<first 16 digits of the hash>/examples.parquet
#                                                       manifest.json       what it is, in short
#                                                       report.json         leaks and conflicts, one by one
#                                                       label_coverage.png
# <root>/mapping_examples/made.json      the version that was made last
# <root>/mapping_examples/current.json   the version that last passed every check; the one to train on

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.lib.build_dataset import Dataset, Manifest, content_hash
from pipelines.lib.example import COLUMNS, Example, Source, Split

NAME = "mapping_examples"
"""The folder below the root."""
_VERSION_DIGITS = 16
_SCHEMA = pa.schema(
    [
        pa.field(column, pa.bool_() if column in {"opaque", "ambiguous"} else pa.string(), nullable=False)
        for column in COLUMNS
    ]
)


class DatasetFaultError(Exception):
    """A data set on disk is missing, or is not what its manifest says."""


class _Pointer(msgspec.Struct, frozen=True):
    version: str


def version_of(manifest: Manifest) -> str:
    """Returns the name of the folder of a data set."""
    return manifest.content_sha256[:_VERSION_DIGITS]


def write_dataset(root: Path, dataset: Dataset, files: Mapping[str, bytes]) -> Path:
    """Writes a version whole or not at all, and points `made.json` at it.

    A version that is there already is written anew: the rows are the same, what is beside them may not be.

    Args:
        root: folder of all data.
        dataset: what to write.
        files: further files of the folder by name.

    Returns:
        The folder of the version.
    """
    home = root / NAME
    home.mkdir(parents=True, exist_ok=True)
    target = home / version_of(dataset.manifest)
    with tempfile.TemporaryDirectory(dir=home, prefix=".making-") as made:
        folder = Path(made) / target.name
        folder.mkdir()
        pq.write_table(_table(dataset), folder / "examples.parquet", compression="zstd")
        report = {
            "leaks": [asdict(one) for one in dataset.leaks],
            "conflicts": [asdict(one) for one in dataset.conflicts],
            "opaque": sorted({f"{one.vendor}: {one.raw}" for one in dataset.examples if one.opaque}),
        }
        (folder / "manifest.json").write_bytes(_json(dataset.manifest))
        (folder / "report.json").write_bytes(_json(report))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        if target.exists():
            # File by file, so that whoever is killed here or reads meanwhile has a whole version.
            for file in sorted(folder.iterdir()):
                file.replace(target / file.name)
        else:
            folder.rename(target)
    _point(home / "made.json", target.name)
    return target


def publish(root: Path, version: str) -> None:
    """Makes a version that passed every check the current one.

    Raises:
        DatasetFaultError: there is no such version.
    """
    folder = root / NAME / version
    if not (folder / "manifest.json").is_file():
        raise DatasetFaultError(f"{folder} holds no data set")
    _point(root / NAME / "current.json", version)


def made_folder(root: Path) -> Path:
    """Returns the folder of the version that was made last, whatever the checks said.

    Raises:
        DatasetFaultError: none was made yet.
    """
    return _follow(root / NAME / "made.json")


def current_folder(root: Path) -> Path:
    """Returns the folder of the version that last passed every check: the one to train on.

    Raises:
        DatasetFaultError: none has passed yet.
    """
    return _follow(root / NAME / "current.json")


def read_manifest(folder: Path) -> Manifest:
    """Reads what a version is.

    Raises:
        DatasetFaultError: there is no manifest, or it is none.
    """
    try:
        return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise DatasetFaultError(f"{folder} holds no data set: {error}") from error


def read_examples(
    folder: Path, split: Split | None = None, *, opaque: bool = False, ambiguous: bool = True
) -> tuple[Example, ...]:
    """Reads the rows of a version, by id.

    Args:
        folder: the folder of the version.
        split: only the rows of this side; None for all.
        opaque: also the rows that only a vendor's table can tell.
        ambiguous: also the rows whose text has another label too.

    Raises:
        DatasetFaultError: a file is missing or broken, or the rows are not those of the manifest.
    """
    manifest = read_manifest(folder)
    try:
        table = pq.read_table(folder / "examples.parquet", schema=_SCHEMA)
    except (OSError, pa.ArrowException) as error:
        raise DatasetFaultError(f"{folder}: the rows cannot be read: {error}") from error
    rows = tuple(
        Example(**{**row, "source": Source(row["source"]), "split": Split(row["split"])})
        for row in table.to_pylist()
    )
    if content_hash(rows) != manifest.content_sha256:
        raise DatasetFaultError(f"{folder}: the rows are not those that the manifest names")
    return tuple(
        row
        for row in rows
        if (split is None or row.split is split)
        and (opaque or not row.opaque)
        and (ambiguous or not row.ambiguous)
    )


def _table(dataset: Dataset) -> pa.Table:
    columns = {
        column: [
            value if isinstance(value, bool) else str(value)
            for value in (getattr(example, column) for example in dataset.examples)
        ]
        for column in COLUMNS
    }
    return pa.table(columns, schema=_SCHEMA)


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1) + b"\n"


def _point(path: Path, version: str) -> None:
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(_json(_Pointer(version)))
    draft.replace(path)


def _follow(path: Path) -> Path:
    try:
        pointer = msgspec.json.decode(path.read_bytes(), type=_Pointer)
    except FileNotFoundError:
        raise DatasetFaultError(f"{path} is not there: make the data set first") from None
    except msgspec.DecodeError as error:
        raise DatasetFaultError(f"{path} names no version: {error}") from error
    return path.parent / pointer.version
