from tests.integration.pipelines.release.conftest import data_root, empty_store, make_trained, taxonomy
from tests.unit.pipelines.training.conftest import tiny_base, tiny_recipe

__all__ = ["data_root", "empty_store", "make_trained", "taxonomy", "tiny_base", "tiny_recipe"]
