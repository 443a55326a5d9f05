"""The functions of the small language: what each takes and gives. The lake and models compute them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

MAX_DIGITS = 15  # of round: more than a float64 has


class Arguments(Enum):
    """What the arguments of a function are."""

    NUMBERS = "numbers"
    DIGITS = "a number, then how many digits to keep"
    CHOICE = "a condition, then two values of one kind"
    ALIKE = "values of one kind"
    RESULT = "the whole result of a method"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """form: as written, for people. n_least, n_most: arguments; None: any number.

    takes_result: the columns of a whole result may stand in for its arguments.
    """

    form: str
    takes: Arguments
    n_least: int = 1
    n_most: int | None = 1
    takes_result: bool = False

    @property
    def name(self) -> str:
        return self.form.partition("(")[0]


_BOTH = (
    Function(form="abs(x)", takes=Arguments.NUMBERS),
    Function(form="floor(x)", takes=Arguments.NUMBERS),
    Function(form="ceil(x)", takes=Arguments.NUMBERS),
    Function(form="round(x, digits)", takes=Arguments.DIGITS, n_most=2),
    Function(form="sqrt(x)", takes=Arguments.NUMBERS),
    Function(form="exp(x)", takes=Arguments.NUMBERS),
    Function(form="ln(x)", takes=Arguments.NUMBERS),
    Function(form="min(a, b, …)", takes=Arguments.NUMBERS, n_least=2, n_most=None, takes_result=True),
    Function(form="max(a, b, …)", takes=Arguments.NUMBERS, n_least=2, n_most=None, takes_result=True),
    Function(form="if(condition, a, b)", takes=Arguments.CHOICE, n_least=3, n_most=3),
)
_OF_COLUMNS = (Function(form="coalesce(a, b, …)", takes=Arguments.ALIKE, n_least=2, n_most=None),)
_OF_RESULTS = (
    Function(form="argmax(result)", takes=Arguments.RESULT, takes_result=True),
    Function(form="label(result)", takes=Arguments.RESULT, takes_result=True),
)

WHERE_FUNCTIONS: Mapping[str, Function] = {each.name: each for each in (*_BOTH, *_OF_COLUMNS)}
OUTPUT_FUNCTIONS: Mapping[str, Function] = {each.name: each for each in (*_BOTH, *_OF_RESULTS)}
FUNCTIONS: Mapping[str, Function] = {**WHERE_FUNCTIONS, **OUTPUT_FUNCTIONS}
