"""What a generative guard wrote, out of the answers of the servers that run such models."""

from collections.abc import Mapping, Sequence

from mapper_svc.domain.parsers.typed_fields import as_list, as_object, as_text
from mapper_svc.domain.signals import MalformedError

_SENTENCE_WORDS = 4


def generated_texts(payload: object) -> tuple[str, ...] | None:
    """Returns the texts of a server's answer, or None when it is of another shape.

    Read are an OpenAI-compatible server's chat or text completion, Ollama's chat and generate answers, and
    the list of a text-generation pipeline.

    Raises:
        MalformedError: it is such an answer, and there is no text in it.
    """
    if isinstance(payload, Mapping):
        if "choices" in payload:
            return _texts([_of_choice(one) for one in as_list(payload["choices"], "choices")])
        if isinstance(payload.get("message"), Mapping):
            return _texts([payload["message"].get("content")])
        if "response" in payload and "done" in payload:
            return _texts([payload["response"]])
        return None
    if isinstance(payload, list | tuple) and payload and all(_is_pipeline_row(one) for one in payload):
        return _texts([one["generated_text"] for one in payload])
    return None


def is_sentence(text: str) -> bool:
    """Whether a text is prose rather than a label: a few words and a full stop."""
    return text.rstrip()[-1:] in {".", "!", "?"} and len(text.split()) >= _SENTENCE_WORDS


def _is_pipeline_row(entry: object) -> bool:
    return isinstance(entry, Mapping) and "generated_text" in entry


def _of_choice(choice: object) -> object:
    fields = as_object(choice, "a choice")
    message = fields.get("message")
    return fields.get("text") if message is None else as_object(message, "a message").get("content")


def _texts(found: Sequence[object]) -> tuple[str, ...]:
    if not found:
        raise MalformedError("the answer holds no text")
    return tuple(as_text(one, "the text of an answer") for one in found)
