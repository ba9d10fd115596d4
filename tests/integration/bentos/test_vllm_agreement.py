"""Both engines give the same answers. `make test-vllm` makes what vLLM needs and runs this."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bentos.llm.variant import Variant
from mapper_svc.adapters.vendor_files import load_catalogue
from pipelines.lib.build_dataset import DATA_DIR
from pipelines.lib.golden.read_golden import GOLDEN_DIR
from pipelines.lib.read_free_form import read_free_form

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("LLM_VLLM_VENV", ROOT / ".venv-vllm")) / "bin" / "python"
RELEASE = Path(os.environ.get("LLM_TEST_RELEASE", Variant().release_folder()))
TOLERANCE = 1e-2
"""Largest difference of any probability; both compute in bfloat16, in another order."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not PYTHON.exists(),
        reason="vLLM is NOT compared: there is no .venv-vllm, `make test-vllm` makes it",
    ),
    pytest.mark.skipif(
        not (RELEASE / "origin.json").is_file(), reason=f"vLLM is NOT compared: no release at {RELEASE}"
    ),
]


def rows() -> list[tuple[str | None, str]]:
    """Labels of the vendors that the golden set has payloads of, and free-form ones of nobody."""
    catalogue = load_catalogue("2026.11")
    golden = sorted(path.stem for path in GOLDEN_DIR.glob("*.jsonl"))
    vendors = [(name, label) for name in golden for label in list(catalogue.vendors[name].labels)[:8]]
    free_form = [(None, case.raw) for case in read_free_form(DATA_DIR / "heldout")[::4]]
    return [*vendors, *free_form]


def answers(engine: str, asked: list[tuple[str | None, str]]) -> dict[str, Any]:
    data_root = os.environ.get("LLM_DATA_ROOT", str(ROOT / ".run" / "pipelines"))
    done = subprocess.run(
        [str(PYTHON), "-m", "tests.fixtures.engine_answers", engine, str(RELEASE.resolve()), data_root],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_vllm_and_transformers_give_the_same_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    asked = rows()
    assert len(asked) >= 150
    ours, theirs = (answers(engine, asked) for engine in ("transformers", "vllm"))
    with capsys.disabled():
        for engine, found in (("transformers", ours), ("vllm", theirs)):
            sys.stdout.write(f"\n{engine}: {figures(found, len(asked))}")
    for tier in ("model", "combined"):
        a, b = np.array(ours[tier]), np.array(theirs[tier])
        assert a.shape == b.shape == (len(asked), 114)
        furthest, same = np.abs(a - b).max(), (a.argmax(axis=1) == b.argmax(axis=1)).mean()
        with capsys.disabled():
            sys.stdout.write(f"\n{tier}: furthest off {furthest:.5f}, the same label {same:.1%}\n")
        assert furthest <= TOLERANCE
        assert same >= 0.99


def figures(found: dict[str, Any], rows: int) -> str:
    alone = sorted(found["one_by_one_seconds"])
    return (
        f"loaded in {found['load_seconds']:.1f} s, {rows / found['answer_seconds']:.1f} labels/s, "
        f"one label in {alone[len(alone) // 2] * 1000:.0f} ms (median)"
    )
