from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.scoring.trained_folder import MismatchError, Origin


def edition_of(origin: Origin) -> Taxonomy:
    """Returns the edition of the taxonomy that a trained folder names, as it is known here.

    Raises:
        MismatchError: that edition is not known here.
    """
    try:
        return load_taxonomy(origin.edition)
    except DataFaultError as error:
        raise MismatchError(f"edition {origin.edition} of the taxonomy is not known here: {error}") from error
