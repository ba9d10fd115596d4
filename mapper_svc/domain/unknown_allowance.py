from dataclasses import dataclass


@dataclass(slots=True)
class UnknownAllowance:
    """How many labels that no rule knows one hand-over may still spend work and room on.

    A detector gone wild names thousands. Past the allowance they are counted, not listed; nothing of them is
    lost to the verdict.

    Attributes:
        listed: how many more are scrubbed, listed and kept for review, counted over all detectors.
        guessed: for how many more a likely meaning is looked up.
    """

    listed: int = 100
    guessed: int = 20

    def take_listing(self) -> bool:
        """Spends one listing; False when none is left."""
        self.listed -= 1
        return self.listed >= 0

    def take_guess(self) -> bool:
        """Spends one guess; False when none is left."""
        self.guessed -= 1
        return self.guessed >= 0
