"""The stack with the real services, as `make up` starts it."""

import re

from tests.fixtures.stacks import RunningStack, command


def test_the_first_answer_names_what_is_in_the_text(real_stack: RunningStack) -> None:
    for label in (
        "PII.Contact.Email",
        "PII.Financial.CreditCard",
        "SECRET.CloudCredential",
        "PROMPT_INJECTION.Direct",
    ):
        assert label in real_stack.output
    # A machine that is busy with other tests may be late with a part, which is then named.
    assert re.search(r"20[06] in \d+ ms", real_stack.output)


def test_the_demo_asks_again_from_another_terminal(real_stack: RunningStack) -> None:
    answer = command("demo", real_stack.environment)
    assert answer.returncode == 0, answer.stdout
    assert "SECRET.CloudCredential" in answer.stdout


def test_every_program_runs_and_is_ready(real_stack: RunningStack) -> None:
    answer = command("status", real_stack.environment)
    assert answer.returncode == 0, answer.stdout
    # The model comes last where its environment is installed; rules answer meanwhile.
    states = {line.split()[1]: line for line in answer.stdout.splitlines() if "running for" in line}
    for service in ("orchestration", "mapper", "analysis"):
        assert states[service].endswith((", ready", ", ready (without model)"))
