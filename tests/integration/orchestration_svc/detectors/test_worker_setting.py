import asyncio
from pathlib import Path

import msgspec
import pytest

from orchestration_svc.app import create_app
from orchestration_svc.domain.detection import DetectorDirectory
from orchestration_svc.settings import Settings, example_settings, read_settings

ROOT = Path(__file__).parents[4]
HEAVY = "presidio_analyzer,prompt_guardrail,alt_profanity_check,detect_secrets"


def environment(**changes: str) -> dict[str, str]:
    values = {name.upper(): str(value) for name, value in msgspec.structs.asdict(example_settings()).items()}
    return {f"ORCHESTRATION_{name}": value for name, value in {**values, **changes}.items()}


async def workers_of(settings: Settings) -> int:
    app = create_app(settings)
    directory: DetectorDirectory = app.dependencies["directory"].dependency()  # type: ignore[union-attr]
    async with app.lifespan():
        (one,) = directory.all()
        async with asyncio.timeout(20):
            while len(one.health().worker_pids) < settings.detector_workers:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)  # one too many would come up by now
        return len(one.health().worker_pids)


@pytest.mark.parametrize(("setting", "expected"), [("", 1), ("2", 2)])
async def test_the_setting_decides_how_many_workers_a_detector_gets(
    setting: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "data" / "example_detector"))
    changes = {"DETECTOR_WORKERS": setting, "DISABLED_DETECTORS": HEAVY, "METRICS_PORT": "0"}
    assert await workers_of(read_settings(environment(**changes))) == expected
