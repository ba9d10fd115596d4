from typing import Final

OURS: Final = "Apache-2.0"
"""Written for this project, or a table of this project."""
OPTED_IN: Final = "LicenseRef-tenant-opt-in"
"""Labels of a tenant who agreed that they be used."""

LICENCES: Final = {
    OURS: "This project's words and tables; the label strings of vendors are names in public interfaces.",
    OPTED_IN: "Labels of tenants who opted in to training, each reviewed by a person; not for publication.",
}
"""What each licence id in the data set means."""
