"""What a task that runs for as long as the service does asks of itself."""

import asyncio


def is_cancelled() -> bool:
    """Tell whether the running task was cancelled; some libraries swallow that while they connect."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
