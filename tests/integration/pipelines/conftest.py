import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def feedback_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of reviewed feedback with the given raw labels of PII.Other."""

    def make(*raws: str) -> Path:
        folder = tmp_path / "feedback"
        folder.mkdir()
        rows = [
            {
                "vendor": "acme_dlp",
                "raw": raw,
                "label": "PII.Other",
                "reviewer": "A. Person",
                "opted_in": True,
            }
            for raw in raws
        ]
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return make
