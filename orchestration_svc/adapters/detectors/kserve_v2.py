"""The Open Inference Protocol, as KServe, Triton and others speak it: POST /v2/models/…/infer."""

from typing import Annotated

import msgspec
from msgspec import Meta

from orchestration_svc.adapters.detectors.answer_parts import label_of, list_of, number_of, object_of
from orchestration_svc.adapters.detectors.http_detector import WrongShapeError
from orchestration_svc.domain.detection import DetectorOutput, JsonValue

_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,128}$(?!\n)")]


class KserveOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model is asked and read.

    With ``labels`` the output ``scores`` holds one probability for each of them, in that order. Without,
    the output ``labels_output`` holds texts: labels, or JSON objects with label and score; where they are
    labels, ``scores`` holds the probability of each.
    """

    model: _Name
    model_version: _Name | None = None
    input: _Name = "text"
    labels: Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=256)] = []
    scores: _Name = "scores"
    labels_output: _Name = "labels"


class KserveV2:
    """Keeps labels with their probabilities."""

    def __init__(self, options: KserveOptions) -> None:
        version = f"/versions/{options.model_version}" if options.model_version else ""
        self.path = f"/v2/models/{options.model}{version}/infer"
        self.headers: dict[str, str] = {}
        self._options = options

    def body(self, text: str) -> JsonValue:
        """Return the request for one text."""
        tensor = {"name": self._options.input, "shape": [1], "datatype": "BYTES", "data": [text]}
        return {"inputs": [tensor]}

    def reduce(self, answer: JsonValue, text: str) -> DetectorOutput:
        """Make a list of labels with scores of the outputs; WrongShapeError."""
        del text
        outputs = {}
        for output in list_of(object_of(answer).get("outputs")):
            fields = object_of(output)
            outputs[fields.get("name")] = fields
        if self._options.labels:
            numbers = _data(outputs, self._options.scores)
            if len(numbers) != len(self._options.labels):
                raise WrongShapeError
            entries: list[dict[str, JsonValue]] = [
                {"label": label, "score": number_of(number)}
                for label, number in zip(self._options.labels, numbers, strict=True)
            ]
        else:
            entries = self._named(outputs)
        return DetectorOutput(entries, max((entry["score"] for entry in entries), default=None))

    def _named(self, outputs: dict[JsonValue, dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
        said = _data(outputs, self._options.labels_output)
        if said and all(isinstance(one, str) and one.startswith(("{", "[")) for one in said):
            return [entry for one in said for entry in _from_json(one)]
        numbers = _data(outputs, self._options.scores)
        if len(numbers) != len(said):
            raise WrongShapeError
        return [
            {"label": label_of(label), "score": number_of(number)}
            for label, number in zip(said, numbers, strict=True)
        ]


def _data(outputs: dict[JsonValue, dict[str, JsonValue]], name: str) -> list[JsonValue]:
    if name not in outputs:
        raise WrongShapeError
    data = list_of(outputs[name].get("data"))
    # A tensor may come nested by its shape; one text makes one row.
    while len(data) == 1 and isinstance(data[0], list):
        data = data[0]
    return data


def _from_json(said: str) -> list[dict[str, JsonValue]]:
    try:
        decoded = msgspec.json.decode(said)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise WrongShapeError from None
    entries = decoded if isinstance(decoded, list) else [decoded]
    fields = [object_of(entry) for entry in entries]
    return [{"label": label_of(one.get("label")), "score": number_of(one.get("score"))} for one in fields]
