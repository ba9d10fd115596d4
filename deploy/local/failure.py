class SetupError(Exception):
    """The stack cannot go on, for a reason that the person at the terminal can act on.

    Attributes:
        problem: what is wrong, in one sentence.
        hint: what to do about it.
    """

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
