"""An estimate of a share that may be looked at as often as one likes, and acted upon at any look.

Robbins' mixture: for a true share p and s hits in n trials,

    M_n(p) = B(a + s, b + n - s) / (B(a, b) p^s (1 - p)^(n - s))

is a non-negative martingale that begins at 1, the likelihood ratio of a Beta(a, b) mixture against p. By
Ville's inequality it ever passes 1/alpha with probability at most alpha, whatever rule decides when to look
or to stop. All p with M_n(p) < 1/alpha are therefore a confidence sequence; a test of "p is 1/2" is whether
1/2 is in it: the mixture SPRT.

Sources: H. Robbins, Statistical methods related to the law of the iterated logarithm, Annals of Mathematical
Statistics 41(5), 1970, 1397-1409. R. Johari, P. Koomen, L. Pekelis, D. Walsh, Always valid inference:
continuous monitoring of A/B tests, Operations Research 70(3), 2022, 1806-1821. S. Howard, A. Ramdas,
J. McAuliffe, J. Sekhon, Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals of Statistics
49(2), 2021, 1055-1080.

It needs the counts alone, not their order, so that those of several replicas can simply be added up.
"""

import math

_A = _B = 1.0
_STEPS = 40


def log_mixture(hits: int, total: int, share: float) -> float:
    """Return log M_n(share); infinite when the share makes what was seen impossible."""
    return _log_evidence(hits, total) - _log_likelihood(hits, total, share)


def confidence_sequence(hits: int, total: int, alpha: float) -> tuple[float, float]:
    """Return the ends of the interval that holds the true share at all times with 1 - alpha.

    Args:
        hits: how many trials were a hit.
        total: how many there were.
        alpha: probability, in (0, 1), that it ever misses.
    """
    if total == 0:
        return 0.0, 1.0
    least, middle = _log_evidence(hits, total) + math.log(alpha), hits / total

    def end(outermost: float) -> float:
        """Halve the way from the estimate to the end of [0, 1] until it ends where the mixture does."""
        if _log_likelihood(hits, total, outermost) > least:
            return outermost
        outside, inside = outermost, middle
        for _ in range(_STEPS):
            halfway = (outside + inside) / 2
            if _log_likelihood(hits, total, halfway) > least:
                inside = halfway
            else:
                outside = halfway
        return outside

    return end(0.0), end(1.0)


def _log_evidence(hits: int, total: int) -> float:
    """Return the log of the mixture's likelihood."""
    return _log_beta(_A + hits, _B + total - hits) - _log_beta(_A, _B)


def _log_likelihood(hits: int, total: int, share: float) -> float:
    misses = total - hits
    if (hits and share <= 0) or (misses and share >= 1):
        return -math.inf
    return (hits * math.log(share) if hits else 0.0) + (misses * math.log1p(-share) if misses else 0.0)


def _log_beta(first: float, second: float) -> float:
    return math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
