from collections.abc import Callable

import pytest

from mapper_svc.domain.findings import MapResult
from mapper_svc.domain.parsers.generated_text import generated_texts, is_sentence
from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.signals import MalformedError


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        (
            {"choices": [{"message": {"content": "safe"}}, {"message": {"content": "unsafe"}}]},
            ("safe", "unsafe"),
        ),
        ({"choices": [{"text": "safe"}]}, ("safe",)),
        ({"message": {"role": "assistant", "content": "safe"}, "done": True}, ("safe",)),
        ({"response": "safe", "done": True}, ("safe",)),
        ([{"generated_text": "safe"}, {"generated_text": "unsafe"}], ("safe", "unsafe")),
        ({"verdict": "safe"}, None),
        ({"message": "Rate exceeded"}, None),
        ([], None),
        ("safe", None),
    ],
)
def test_the_words_of_a_model_are_found_in_what_servers_answer(
    answer: object, texts: tuple[str, ...] | None
) -> None:
    assert generated_texts(answer) == texts


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": []},
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"message": {"content": None}}]},
        {"choices": [{"message": {"content": "safe"}}, {}]},
        {"message": {"role": "assistant"}},
        {"response": " ", "done": True},
    ],
)
def test_an_answer_without_words_is_malformed(answer: object) -> None:
    with pytest.raises(MalformedError):
        generated_texts(answer)


def test_a_sentence_is_told_from_a_label() -> None:
    assert is_sentence("I cannot help with that.")
    assert not is_sentence("Guns and Illegal Weapons")
    assert not is_sentence("Sexual.")


@pytest.mark.parametrize(
    "vendor", ["llama_guard_3_4", "ibm_granite_guardian", "nvidia_nemotron_content_safety_22"]
)
def test_a_completion_without_choices_is_never_safe(
    map_now: Callable[[MapperPayload], MapResult], vendor: str
) -> None:
    result = map_now(MapperPayload(detector=vendor, output={"choices": []}))

    assert [one.taxonomy for one in result.findings] == [("OTHER.ModelError",)]
