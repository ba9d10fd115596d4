import msgspec


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the answers, on the wire.

    Attributes:
        name: recipe that the release was trained by.
        version: id of the release.
        adapter: start of SHA-256 (hex) of the adapter's weights.
        base: the base model, as the recipe names it.
        taxonomy: edition of the taxonomy.
        label_tokens: start of the hash of the table of label tokens.
        calibrator: start of SHA-256 (hex) of the calibration.
        threshold: confidence from which on an answer is to be relied on; None when there is none.
        engine: what computes the model.
    """

    name: str
    version: str
    adapter: str
    base: str
    taxonomy: str
    label_tokens: str
    calibrator: str
    threshold: float | None
    engine: str
