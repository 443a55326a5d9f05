"""What an expression may speak of: the columns of a table, or the result of a model's method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from batch_scorer.core.expressions.functions import FUNCTIONS, OUTPUT_FUNCTIONS, WHERE_FUNCTIONS, Function
from batch_scorer.core.expressions.kinds import Kind
from batch_scorer.core.expressions.trees import Step

Path = tuple[Step, ...]


class NotNamed(ValueError):
    """what: why there is no such thing. step: of the path, the wrong one; None for the name itself."""

    def __init__(self, what: str, step: int | None = None) -> None:
        super().__init__(what, step)
        self.what = what
        self.step = step

    def __str__(self) -> str:
        return self.what


class Words(Protocol):
    @property
    def functions(self) -> Mapping[str, Function]: ...

    @property
    def has_nulls(self) -> bool: ...

    def value(self, name: str, path: Path) -> Kind:
        """The kind of one value per row. Raises: NotNamed."""

    def check_whole(self, function: str, name: str, path: Path) -> None:
        """May function, one that takes a whole result, take this? Raises: NotNamed."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any name, any path, any function: what the form alone allows."""

    @property
    def functions(self) -> Mapping[str, Function]:
        return FUNCTIONS

    @property
    def has_nulls(self) -> bool:
        return True

    def value(self, name: str, path: Path) -> Kind:
        del name, path
        return "unknown"

    def check_whole(self, function: str, name: str, path: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class ColumnWords:
    """`input.where`: the columns of a table, whose names and types are not known yet."""

    @property
    def functions(self) -> Mapping[str, Function]:
        return WHERE_FUNCTIONS

    @property
    def has_nulls(self) -> bool:
        return True

    def value(self, name: str, path: Path) -> Kind:
        del name
        if path:
            raise NotNamed(f"a column has no [{path[0]}]; only model.output has")
        return "unknown"

    def check_whole(self, function: str, name: str, path: Path) -> None:
        del path
        raise NotNamed(f"{function} takes at least 2 values, as in {function}({name}, 0)")


@dataclass(frozen=True, slots=True)
class ResultWords:
    """`model.output` while the model is not known. name: of the method's result, all that can be named.

    kind: of its values, whatever the model.
    """

    name: str
    kind: Kind = "unknown"

    @property
    def functions(self) -> Mapping[str, Function]:
        return OUTPUT_FUNCTIONS

    @property
    def has_nulls(self) -> bool:
        return False

    def value(self, name: str, path: Path) -> Kind:
        del path
        check_result_name(name, self.name)
        return self.kind

    def check_whole(self, function: str, name: str, path: Path) -> None:
        del function, path
        check_result_name(name, self.name)


def check_result_name(name: str, result_name: str) -> None:
    """Raises: NotNamed."""
    if name != result_name:
        raise NotNamed(f'unknown name "{name}"; with this method only "{result_name}" can be named')
