from click.testing import CliRunner

from pipelines.__main__ import main


def test_an_unknown_recipe_is_one_line_and_no_traceback() -> None:
    result = CliRunner().invoke(main, ["train", "--recipe", "gpt-9"])
    assert result.exit_code == 1
    assert "there is no such recipe" in result.output or "install the extra `training`" in result.output
    assert "Traceback" not in result.output
