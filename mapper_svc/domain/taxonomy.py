import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mapper_svc.domain.label_key import label_key

SAFE = "OTHER.Safe"
UNKNOWN = "OTHER.Unknown"
MODEL_ERROR = "OTHER.ModelError"
NEEDS_REVIEW = "OTHER.NeedsReview"
VIOLATION = "POLICY.Violation"
REQUIRED_LABELS = frozenset({SAFE, UNKNOWN, MODEL_ERROR, NEEDS_REVIEW, VIOLATION})
"""The labels that the mapper itself gives, without any vendor naming them."""


@dataclass(frozen=True, slots=True)
class Label:
    """One canonical label.

    Attributes:
        name: dotted name, `PILLAR.Group.Leaf`.
        means: what the label says, in one phrase.
        severity: default inherent severity in [0, 1].
    """

    name: str
    means: str
    severity: float

    @property
    def pillar(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Taxonomy:
    """One edition of the canonical taxonomy.

    Attributes:
        edition: the edition's name, `2026.11`.
        labels: label by name, in the order of the file.
        groups: title of each pillar (`PII`) and of each titled group below it (`HARM.SPEECH`), by prefix.
        aliases: other names under which a label may be asked for, each with the label it stands for.
    """

    edition: str
    labels: Mapping[str, Label]
    groups: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> Label | None:
        """Returns the label of that name or alias, whatever its case and separators, or None."""
        label = self.labels.get(name)
        if label is not None:
            return label
        target = self._by_key.get(label_key(name))
        return None if target is None else self.labels[target]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) over everything the edition says; two equal hashes mean the same edition."""
        content = {
            "edition": self.edition,
            "labels": [[one.name, one.means, one.severity] for one in self.labels.values()],
            "groups": sorted(self.groups.items()),
            "aliases": sorted(self.aliases.items()),
        }
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()

    @cached_property
    def _by_key(self) -> dict[str, str]:
        keys = {label_key(alias): target for alias, target in self.aliases.items()}
        keys.update({label_key(name): name for name in self.labels})
        return keys
