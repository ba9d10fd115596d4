"""Whether a saved model loads and answers where none of this repository is: in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pipelines.lib.release.expected_answers import TOLERANCE, furthest_off, read_expected_answers
from pipelines.lib.release.release_error import ReleaseError

_SECONDS = 1800
"""A machine that does other work besides may need most of it."""
_SCRIPT = """
import json, sys
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
asked = json.load(sys.stdin)
rows = model.predict(pd.DataFrame(asked))
labels = model.unwrap_python_model().labels
for name, module in sys.modules.items():
    if name.startswith("pipelines.lib.scoring.") and not module.__file__.startswith(sys.argv[1]):
        raise ImportError(f"{name} is not of the saved model but {module.__file__}")
print(json.dumps([dict(zip(labels, row)) for row in rows["distribution"]]))
"""


def try_to_load(saved: Path, data_root: Path) -> None:
    """Loads a saved model as a stranger would, and asks it for the answers that are kept with it.

    Args:
        saved: folder in MLflow's layout.
        data_root: folder of the base models.

    Raises:
        ReleaseError: it does not load, or answers otherwise than the release itself.
    """
    expected = read_expected_answers(saved / "artifacts" / "release")
    asked = [{"vendor": one.vendor, "label": one.label} for one in expected]
    with tempfile.TemporaryDirectory(prefix="llama-mapper-") as elsewhere:
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-P", "-c", _SCRIPT, str(saved.resolve())],
            input=json.dumps(asked),
            cwd=elsewhere,
            env=_environment(data_root),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    if done.returncode:
        raise ReleaseError(f"the saved model does not load by itself: {_last_words(done.stderr)}")
    off = furthest_off(expected, json.loads(done.stdout.splitlines()[-1]))
    if off > TOLERANCE:
        raise ReleaseError(f"the saved model answers otherwise than the release: {off:.4f} off")


def _environment(data_root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"PIPELINES_DATA_ROOT": str(data_root.resolve())}


def _last_words(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
