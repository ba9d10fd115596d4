"""From the states of tokens to one embedding."""

import torch
from torch import Tensor


def mean_of_tokens(hidden: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean over the tokens that are no padding, each of length one.

    Args:
        hidden: rows by tokens by numbers.
        mask: rows by tokens, 1 where a token is no padding.
    """
    kept = mask.unsqueeze(-1)
    return torch.nn.functional.normalize((hidden * kept).sum(1) / kept.sum(1), dim=1)
