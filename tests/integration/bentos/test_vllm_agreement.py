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
"""Largest difference of a probability."""
SAME_LABEL = 0.97

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


def answers(engine: str, asked: list[tuple[str | None, str]], dtype: str) -> dict[str, Any]:
    data_root = os.environ.get("LLM_DATA_ROOT", str(ROOT / ".run" / "pipelines"))
    command = [str(PYTHON), "-m", "tests.fixtures.engine_answers", engine, str(RELEASE.resolve())]
    done = subprocess.run(
        [*command, data_root, dtype],
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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_vllm_and_transformers_give_the_same_distributions(
    capsys: pytest.CaptureFixture[str], dtype: str
) -> None:
    asked = rows()
    assert len(asked) >= 150
    ours, theirs = (answers(engine, asked, dtype) for engine in ("transformers", "vllm"))
    with capsys.disabled():
        for engine, found in (("transformers", ours), ("vllm", theirs)):
            sys.stdout.write(f"\n{dtype}, {engine}: {figures(found, len(asked))}")
    for tier in ("model", "combined"):
        a, b = np.array(ours[tier]), np.array(theirs[tier])
        assert a.shape == b.shape == (len(asked), 114)
        off, same = np.abs(a - b).max(axis=1), (a.argmax(axis=1) == b.argmax(axis=1)).mean()
        with capsys.disabled():
            sys.stdout.write(
                f"\n{dtype}, {tier}: furthest off {off.max():.5f}, on average {off.mean():.5f}, "
                f"the same label {same:.1%}\n"
            )
        # bfloat16 rounds every layer's numbers in an order that is the engine's own: each is as far from
        # float32 as from the other, so that there the average row is held to the tolerance and not the worst.
        assert (off.max() if dtype == "float32" else off.mean()) <= TOLERANCE
        assert same >= SAME_LABEL


def figures(found: dict[str, Any], rows: int) -> str:
    alone = sorted(found["one_by_one_seconds"])
    return (
        f"loaded in {found['load_seconds']:.1f} s, {rows / found['answer_seconds']:.1f} labels/s, "
        f"one label in {alone[len(alone) // 2] * 1000:.0f} ms (median)"
    )
