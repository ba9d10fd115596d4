"""The shipped catalogues as documents: our own sentence on each control, under the control's id."""

from collections.abc import Sequence

from analysis_svc.domain.catalogue import Catalogue, Framework
from analysis_svc.domain.knowledge.add import NewDocument
from analysis_svc.domain.knowledge.passages import Section

FORMAT = "catalogue"
# Told in an answer, so that nobody takes our sentence for the official text.
_TITLE = "{title} (our summary)"


def shipped_documents(catalogue: Catalogue) -> list[tuple[NewDocument, Sequence[Section]]]:
    """Return each framework of the catalogue as a document with a section for each control."""
    return [_document(framework) for framework in catalogue.frameworks.values()]


def _document(framework: Framework) -> tuple[NewDocument, Sequence[Section]]:
    sections = [
        Section(
            ref_id=control.id,
            title=control.title,
            path=(framework.title, f"{control.id} {control.title}"),
            text=control.statement,
        )
        for control in framework.controls.values()
    ]
    content = "\n".join(f"{one.ref_id}\0{one.title}\0{one.text}" for one in sections).encode()
    title = _TITLE.format(title=framework.title)
    return NewDocument(framework.id, title, framework.edition[:64], FORMAT, content), sections
