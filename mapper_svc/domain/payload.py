from dataclasses import dataclass

from mapper_svc.domain.plugins import PluginReading


@dataclass(frozen=True, slots=True)
class ProvenanceEntry:
    """What one detector said.

    Attributes:
        detector: the detector's name, an id or alias of a vendor unless `vendor` says otherwise.
        output: decoded JSON of any kind.
        vendor: id or alias of the vendor whose labels the output speaks.
        version: the detector's version.
        confidence: the orchestrator's confidence in the detector, in [0, 1].
        processing_time_ms: how long the detector took, in milliseconds.
        reading: what a mapper plugin read in the output, or None when none has a say.
    """

    detector: str
    output: object
    vendor: str | None = None
    version: str | None = None
    confidence: float | None = None
    processing_time_ms: float | None = None
    reading: PluginReading | None = None


@dataclass(frozen=True, slots=True)
class MapperPayload:
    """One hand-over to the mapper: a detector's output, or several with their provenance.

    When `provenance` is not empty each entry is mapped by itself and `output` is not read.
    """

    detector: str
    output: object = None
    provenance: tuple[ProvenanceEntry, ...] = ()
    contributing_detectors: tuple[str, ...] = ()
    aggregation_method: str | None = None
    coverage_achieved: float | None = None
    conflict_resolution_applied: bool | str | None = None

    def entries(self) -> tuple[ProvenanceEntry, ...]:
        """Returns what is to be mapped."""
        return self.provenance or (ProvenanceEntry(detector=self.detector, output=self.output),)
