import fcntl
from pathlib import Path

import pytest

from pipelines.lib.release.deployed import deployed_folder
from pipelines.lib.release.recipe_lock import alone_with


def is_held(recipe: str, data_root: Path) -> bool:
    with (deployed_folder(data_root, recipe) / ".lock").open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_another_build_of_the_recipe_waits_and_one_of_another_recipe_does_not(tmp_path: Path) -> None:
    with alone_with("tiny", tmp_path), alone_with("large", tmp_path):
        assert is_held("tiny", tmp_path)
    assert not is_held("tiny", tmp_path)


def test_a_build_that_failed_keeps_nobody_waiting(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), alone_with("tiny", tmp_path):
        raise RuntimeError
    assert not is_held("tiny", tmp_path)
