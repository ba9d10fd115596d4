"""How a handler asks for something that the composition root made."""

from typing import TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation

T = TypeVar("T")

# Not validated: what the composition root put there needs no check on every request, and a port is
# a Protocol, which cannot be checked at run time.
Injected: TypeAlias = NamedDependency[SkipValidation[T]]
