"""The tenant "demo": made at the first start, with a key that is printed once."""

from deploy.local.failure import SetupError
from deploy.local.progress import Progress
from deploy.local.service_commands import orchestration_answer, orchestration_output
from deploy.local.stack import Stack

NAME = "demo"
ROLE = "analyst"
TOKEN_SECONDS = 300
KEY_MADE = "demo-key-made"
"""Its presence in the run folder says that the key was shown; the key itself is kept nowhere."""


def mint_token(stack: Stack) -> str:
    """Return a token for the tenant that lives for five minutes.

    Raises:
        SetupError: there is no such tenant, or no signing key.
    """
    arguments = ["keys", "mint", "--tenant", NAME, "--role", ROLE, "--ttl", str(TOKEN_SECONDS)]
    return orchestration_output(stack, arguments).strip()


def prepare_tenant(stack: Stack, progress: Progress) -> tuple[str, str | None]:
    """Make tenant and key if this run folder has none yet; return a token and, once, the key."""
    with progress.step(f"tenant {NAME}") as notes:
        if (stack.run / KEY_MADE).exists():
            try:
                return mint_token(stack), None
            except SetupError as error:
                if "NOT_FOUND" not in str(error):
                    raise
                notes.append("the database forgot it")
        orchestration_answer(stack, "tenants", "create", NAME, "--if-missing")
        made = orchestration_answer(stack, "keys", "create", "--tenant", NAME, "--role", ROLE, "--name", NAME)
        (stack.run / KEY_MADE).touch(mode=0o600)
        notes.append("with a new key")
        return mint_token(stack), str(made["token"])
