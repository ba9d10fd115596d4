"""What the pipelines are told of this machine's stack, as the shell tells it."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "deploy/local/stack_for_pipelines.sh"


def test_settings_of_the_stack_are_handed_over_and_those_that_stand_stay(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/pipelines.env").write_text(
        "PIPELINES_FIRST=postgresql://a:b=c@h/d?x=1\nPIPELINES_SECOND=2\n"
    )
    (tmp_path / "secrets.env").write_text("OTHER=1\nMODEL_SERVICE_TOKEN=of the model\n")
    show = 'source "$0"; printf "%s\\n" "$PIPELINES_FIRST" "$PIPELINES_SECOND" "$LLM_SERVICE_TOKEN"'
    told = subprocess.run(
        ["/usr/bin/env", "bash", "-euo", "pipefail", "-c", show, str(SCRIPT)],
        env={"PATH": "/usr/bin:/bin", "LLAMA_MAPPER_RUN_DIR": str(tmp_path), "PIPELINES_SECOND": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines() == ["postgresql://a:b=c@h/d?x=1", "", "of the model"]
    assert told.stderr == ""
