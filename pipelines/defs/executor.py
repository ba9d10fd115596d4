"""Where the steps of a run are executed, by PIPELINES_EXECUTOR."""

import os

from dagster import ExecutorDefinition, in_process_executor

_VARIABLE = "PIPELINES_EXECUTOR"


def step_executor() -> ExecutorDefinition:
    """Returns the executor for jobs whose steps each take a machine.

    `in_process` (the default) runs one step after another in the process of the run. `kubernetes` makes each
    step a job of its own; the run's launcher is set in dagster.yaml.

    Raises:
        ValueError: the variable names neither.
    """
    chosen = os.environ.get(_VARIABLE, "").strip() or "in_process"
    if chosen == "in_process":
        return in_process_executor
    if chosen == "kubernetes":
        from dagster_k8s import k8s_job_executor  # noqa: PLC0415 - only a cluster has it

        executor: ExecutorDefinition = k8s_job_executor
        return executor
    raise ValueError(f"{_VARIABLE} is {chosen!r}; it can be in_process or kubernetes")
