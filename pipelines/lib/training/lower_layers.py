"""The layers below the adapter, whose answers never change and so are computed once for all epochs."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from pipelines.lib.scoring.batches import in_batches

_ROWS = 64


class Layered(Protocol):
    """What is asked of a model: the language model that has the layers, and where they are computed."""

    @property
    def inner(self) -> nn.Module:
        """The language model itself."""
        ...


class LowerLayers:
    """Puts the lower layers of a model aside while it is open, and gives what they make of prompts.

    Within the block the model begins with the first adapted layer and reads `inputs`. Every prompt is
    computed once, in batches that depend on the prompts alone, so that a training that was killed finds
    the same numbers. They are held in the base's number format: two bytes times the hidden size for each
    token.
    """

    def __init__(self, model: Layered, first: int, prompts: Iterable[Sequence[int]]) -> None:
        self._decoder = model.inner.model
        self._all: nn.ModuleList = self._decoder.layers
        self._norm: nn.Module = self._decoder.norm
        self._first = first
        self._prompts = sorted({tuple(ids) for ids in prompts}, key=lambda ids: (len(ids), ids))
        self._states: dict[tuple[int, ...], Tensor] = {}

    def __enter__(self) -> Self:
        self._use(self._all[: self._first], nn.Identity())
        device = next(self._decoder.parameters()).device
        try:
            with torch.no_grad():
                for places, batch in in_batches(self._prompts, _ROWS):
                    inputs = batch.input_ids.to(device)
                    states = self._decoder(input_ids=inputs, use_cache=False).last_hidden_state.cpu()
                    for at, state in zip(places, states, strict=True):
                        ids = self._prompts[at]
                        self._states[ids] = state[: len(ids)].clone()
        except BaseException:
            self._use(self._all, self._norm)
            raise
        self._use(self._all[self._first :], self._norm)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._use(self._all, self._norm)

    def inputs(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        """Returns what the first adapted layer reads for prompts, padded at the end."""
        return nn.utils.rnn.pad_sequence([self._states[tuple(ids)] for ids in prompts], batch_first=True)

    def _use(self, layers: nn.ModuleList, norm: nn.Module) -> None:
        self._decoder.layers = layers
        self._decoder.config.num_hidden_layers = len(layers)
        self._decoder.norm = norm
