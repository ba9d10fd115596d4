import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NO_TORCH = "the GPU benchmark is NOT tried here: torch and peft come with the extra `training`"
pytest.importorskip("torch", reason=NO_TORCH)
pytest.importorskip("peft", reason=NO_TORCH)

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_gpu", *arguments],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_gpu_it_refuses_and_says_so() -> None:
    refused = bench()
    assert refused.returncode == 1
    assert "there is no GPU" in refused.stderr
    assert refused.stdout == ""


def test_a_tiny_model_goes_the_whole_way_on_a_cpu() -> None:
    done = bench("--tiny", "--repeat", "3", "--steps", "2", "--tokens", "8")
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert [row["batch"] for row in found["scoring"]] == [1, 8, 32]
    assert all(row["p50_ms"] > 0 for row in found["scoring"])
    assert found["training"]["batch_rows"] == 64
    assert found["training"]["loss"] > 0
    assert "floor_ms" not in found, "a CPU is no GPU"
