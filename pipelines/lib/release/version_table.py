"""Versions of a model as lines that a person reads."""

from collections.abc import Sequence

from pipelines.lib.release.registered_version import RegisteredVersion, Tag

_HEAD = ("version", "aliases", "release", "registered", "by", "gates", "approved by", "Bento", "deployed")


def version_table(versions: Sequence[RegisteredVersion]) -> str:
    """Returns a table of the versions of one model, in the order given."""
    rows = [_HEAD, *(_row(version) for version in versions)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def _row(version: RegisteredVersion) -> tuple[str, ...]:
    return (
        str(version.number),
        ", ".join(version.aliases) or "-",
        version.tag(Tag.RELEASE) or "-",
        f"{version.created:%Y-%m-%d %H:%M}",
        version.tag(Tag.REGISTERED_BY) or "-",
        version.tag(Tag.GATES) or "-",
        version.tag(Tag.APPROVALS) or version.tag(Tag.APPROVED_BY) or "-",
        "tested" if version.tag(Tag.BENTO) else "-",
        version.tag(Tag.DEPLOYED_AT)[:16].replace("T", " ") or "-",
    )
