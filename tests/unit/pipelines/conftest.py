from collections.abc import Callable

import pytest

from pipelines.lib.example import Candidate, Source, Split


@pytest.fixture
def candidate() -> Callable[..., Candidate]:
    """Makes a candidate of which only what the test speaks of is given."""

    def make(raw: str, label: str = "PII.Contact.Email", **given: object) -> Candidate:
        source = given.get("source", Source.PHRASING)
        fields: dict[str, object] = {
            "vendor": "in_house",
            "family": "phrasing_noun_en" if source is Source.PHRASING else "kin",
            "source": source,
            "licence": "Apache-2.0",
            "origin": "a test",
            "lang": "en",
            "split": Split.TRAIN,
        }
        return Candidate(raw=raw, label=label, **{**fields, **given})  # type: ignore[arg-type]

    return make
