import base64
from pathlib import Path
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, TableRecord, asset

from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.lib.build_dataset import Dataset
from pipelines.lib.dataset_folder import version_of
from pipelines.make_dataset import PLOT, make_dataset

GROUP = "finetuning"
OWNERS = ["team:model"]
_PREVIEWED = ("raw", "normalised", "label", "family", "lang", "split")
_PREVIEW_ROWS = 25


@asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "parquet"},
    tags={"concept": "dataset", "personal_data": "none"},
    metadata={"guide": MetadataValue.path("docs/guides/dataset.md")},
)
def mapping_examples(
    context: AssetExecutionContext, pipeline_settings: PipelineSettings
) -> MaterializeResult[None]:
    """Raw labels of detectors with their canonical label: what the mapper's model learns and is measured on.

    Made of the vendor files, the written phrasings, the taxonomy's own words and reviewed feedback. Split by
    family, without duplicates and leaks; versioned by the hash of its rows.
    """
    dataset, folder = make_dataset(pipeline_settings.read(), context.log.info)
    return MaterializeResult(metadata=_metadata(dataset, folder))


def _metadata(dataset: Dataset, folder: Path) -> dict[str, Any]:
    manifest = dataset.manifest
    plot = base64.b64encode((folder / PLOT).read_bytes()).decode()
    return {
        "dagster/row_count": manifest.rows,
        "version": version_of(manifest),
        "content_sha256": manifest.content_sha256,
        "edition": manifest.edition,
        **{f"rows for {split}": rows for split, rows in manifest.counts["split"].items()},
        "rows taken out": sum(manifest.removed.values()),
        "folder": MetadataValue.path(folder.resolve()),
        "label coverage": MetadataValue.md(f"![rows per label](data:image/png;base64,{plot})"),
        "rows by split and source": _counts_table("split and source", manifest.counts["split source"]),
        "rows by language": _counts_table("language", manifest.counts["lang"]),
        "taken out": _counts_table("reason", manifest.removed),
        "licences": _counts_table("licence", manifest.counts["licence"]),
        "some rows": _preview(dataset),
        "manifest": MetadataValue.json({"sources": manifest.sources, "licences": manifest.licences}),
    }


def _counts_table(name: str, counts: dict[str, int]) -> MetadataValue[Any]:
    records = [TableRecord({name: key, "rows": rows}) for key, rows in counts.items()]
    return MetadataValue.table(records)


def _preview(dataset: Dataset) -> MetadataValue[Any]:
    step = max(1, len(dataset.examples) // _PREVIEW_ROWS)
    rows = dataset.examples[::step][:_PREVIEW_ROWS]
    return MetadataValue.table(
        [TableRecord({column: str(getattr(row, column)) for column in _PREVIEWED}) for row in rows]
    )
