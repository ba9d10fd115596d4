import pytest

from bentos.llm.settings import PREFIX, read_llm_settings
from bentos.llm.variant import Variant
from bentos.web.settings import SettingsError

TOKEN = {"LLM_SERVICE_TOKEN": "t"}


def test_without_a_token_nobody_is_served_unless_that_was_said() -> None:
    with pytest.raises(SettingsError, match="LLM_SERVICE_TOKEN"):
        read_llm_settings({})
    with pytest.raises(SettingsError, match="LLM_SERVICE_TOKEN"):
        read_llm_settings({"LLM_ALLOW_ANONYMOUS": "0", "LLM_SERVICE_TOKEN": ""})
    assert read_llm_settings({"LLM_ALLOW_ANONYMOUS": "1"}).service_token == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("LLM_BATCH_ROWS", "none"), ("LLM_BATCH_ROWS", "0"), ("LLM_ENGINE", "other"), ("LLM_TYPO", "1")],
)
def test_a_wrong_setting_is_named_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as raised:
        read_llm_settings({**TOKEN, name: value})
    assert f"'{value}'" not in str(raised.value)


def test_what_is_not_ours_is_left_alone() -> None:
    assert read_llm_settings({**TOKEN, "BENTOML_HOME": "/x"}).batch_rows == 16
    assert PREFIX == "LLM_"


def test_an_engine_that_asks_a_server_needs_its_url() -> None:
    with pytest.raises(SettingsError, match="LLM_TGI_URL"):
        read_llm_settings({**TOKEN, "LLM_ENGINE": "tgi"})


def test_the_environment_is_stronger_than_build_arguments() -> None:
    built = Variant(release="release", base="wheel:built", engine="vllm")
    settings = read_llm_settings({**TOKEN, "LLM_RELEASE": "/other", "LLM_ENGINE": "transformers"})
    chosen = built.overridden(settings)
    assert (chosen.release, chosen.base, chosen.engine) == ("/other", "wheel:built", "transformers")
    assert str(chosen.release_folder()) == "/other"
    assert built.overridden(read_llm_settings(TOKEN)) == built


def test_the_shipped_release_is_served_by_default() -> None:
    assert Variant().release_folder().parts[-4:] == ("bentos", "llm", "release", "smollm2-135m")
