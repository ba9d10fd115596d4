"""How a page asks for something that the composition root made."""

from typing import TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation

T = TypeVar("T")

# Not validated: a port is a Protocol, which cannot be checked at run time.
Injected: TypeAlias = NamedDependency[SkipValidation[T]]
