from collections.abc import Callable
from pathlib import Path

from bentos.llm.adapters.open_release import Release
from pipelines.lib.scoring.atomic_file import atomic_folder
from pipelines.lib.scoring.merge_adapter import merge_adapter
from pipelines.lib.scoring.one_token_model import load_base

_CACHE = "merged"
_DIGITS = 12


def merged_weights(release: Release, data_root: Path, say: Callable[[str], None]) -> Path:
    """Returns a folder with the base's weights and the adapter merged into them.

    It is for engines that read folders, and is written once for each base and adapter, as large as the base.

    Args:
        release: the release.
        data_root: folder to keep it under.
        say: is told each step.
    """
    origin = release.parts.origin
    folder = data_root / _CACHE / f"{origin.base_sha256[:_DIGITS]}-{release.version.adapter}"
    if folder.is_dir():
        return folder
    say(f"merging the adapter into {release.base.name}, once")
    model = load_base(release.base, origin.dtype)
    merge_adapter(model, release.adapter)
    with atomic_folder(folder) as draft:
        model.save_pretrained(draft)
        release.parts.tokenizer.save_pretrained(draft)
    return folder
