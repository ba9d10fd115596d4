"""Which model server the mapper asks."""

from deploy.local.model_server import Slot, slots
from deploy.local.stack import Stack, write_environments
from deploy.local.supervision import Supervisor


class ModelRouting:
    """Remembers what the mapper was told last: at its start, the first slot."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._told = slots(stack.settings)[:1]

    def tell(self, slot: Slot) -> bool:
        """Have the mapper ask the server in `slot` from now on; return whether it knows."""
        if self._told != (slot,):
            write_environments(self._stack, slot)
            supervisor = Supervisor(self._stack.run)
            supervisor.stop("mapper")
            supervisor.start("mapper")
            self._told = (slot,)
        return True
