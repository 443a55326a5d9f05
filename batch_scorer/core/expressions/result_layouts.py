"""How the columns of a method's result are found: by position, by label, by output and class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batch_scorer.core.expressions.functions import OUTPUT_FUNCTIONS, Function
from batch_scorer.core.expressions.kinds import Kind
from batch_scorer.core.expressions.text import text_of_path
from batch_scorer.core.expressions.words import (
    Anything,
    NotNamed,
    Path,
    ResultWords,
    Words,
    check_result_name,
)
from batch_scorer.core.models import Method, Signature
from batch_scorer.core.nearest import listed, suggestion

_OF_NUMBERS = frozenset({Method.PREDICT_PROBA, Method.DECISION_FUNCTION, Method.SCORE_SAMPLES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Columns that belong together: all of a result, or one output's. labels: of each, empty without.

    Of a result that is one value per row: that value, with the labels of below and above 0.
    """

    first: int
    stop: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLayout:
    """The result of one method: the words (`words`) of `model.output` for a known model.

    n_columns: None when it is one value per row; then labels, if any, are of values up to 0 and above 0.
    blocks: per output its classes, one block of columns after the other; empty unless there are several.
    block_labels: of the outputs, empty without.
    """

    name: str
    kind: Kind
    n_columns: int | None
    labels: tuple[str, ...] = ()
    blocks: tuple[tuple[str, ...], ...] = ()
    block_labels: tuple[str, ...] = ()

    @property
    def functions(self) -> Mapping[str, Function]:
        return OUTPUT_FUNCTIONS

    @property
    def has_nulls(self) -> bool:
        return False

    def value(self, name: str, path: Path) -> Kind:
        check_result_name(name, self.name)
        self.position(path)
        return self.kind

    def check_whole(self, function: str, name: str, path: Path) -> None:
        check_result_name(name, self.name)
        block = self.block(path)
        shown = text_of_path(name, path)
        if self.n_columns is None and function in ("min", "max"):
            raise NotNamed(f"{shown} is one value per row: write {function}({shown}, 0), or only {shown}")
        if function == "label" and not block.labels:
            raise NotNamed(f"the columns of {shown} have no labels: write argmax({shown})")

    def position(self, path: Path) -> int | None:
        """Of the column, None when the result is one value per row. Raises: NotNamed."""
        if self.n_columns is None:
            if path:
                raise NotNamed(f"{self.name} is one value per row; write {self.name} without [ ]", step=0)
            return None
        depth = 2 if self.blocks else 1
        if len(path) < depth:
            raise NotNamed(f"{text_of_path(self.name, path)} has several columns; {self._written(path)}")
        if len(path) > depth:
            shown = text_of_path(self.name, path[:depth])
            raise NotNamed(f"{shown} is one column; write it without a further [ ]", step=depth)
        if not self.blocks:
            return self._found(path, 0, self.labels, self.n_columns)
        block = self.block(path[:1])
        return block.first + self._found(path, 1, block.labels, len(block.labels))

    def block(self, path: Path) -> Block:
        """What functions of a whole result take. Raises: NotNamed."""
        depth = 1 if self.blocks else 0
        if len(path) > depth:
            raise NotNamed(
                f"{text_of_path(self.name, path)} is one column, not a whole result", step=len(path) - 1
            )
        if len(path) < depth:
            raise NotNamed(f"{self.name} has {len(self.blocks)} outputs; write {self.name}[0] for the first")
        if self.blocks:
            output = self._found(path, 0, self.block_labels, len(self.blocks))
            first = sum(map(len, self.blocks[:output]))
            return Block(first=first, stop=first + len(self.blocks[output]), labels=self.blocks[output])
        if self.n_columns is None and not self.labels:
            raise NotNamed(f"{self.name} is one value per row, with no columns to choose from")
        return Block(first=0, stop=self.n_columns or 1, labels=self.labels)

    @property
    def described(self) -> str:
        """`2 columns, counted from 0: 'no', 'yes'`."""
        if self.n_columns is None:
            return "one value per row"
        if self.blocks:
            each = "; ".join(f"{self.name}[{at}] with {listed(c)}" for at, c in enumerate(self.blocks[:5]))
            return f"{len(self.blocks)} outputs, counted from 0: {each}"
        labelled = f": {listed(self.labels)}" if self.labels else ""
        return f"{self.n_columns} columns, counted from 0{labelled}"

    def _written(self, path: Path) -> str:
        if not self.blocks:
            return f"write {self.name}[0] to {self.name}[{(self.n_columns or 1) - 1}]"
        output = text_of_path(self.name, path or (0,))
        return f"write {output}[0] for the first class of {'that' if path else 'the first'} output"

    def _found(self, path: Path, at: int, labels: Sequence[str], n: int) -> int:
        step, shown = path[at], text_of_path(self.name, path[: at + 1])
        if isinstance(step, int):
            if step >= n:
                whole = self.described if at == 0 else f"{n} columns: {listed(labels)}"
                raise NotNamed(
                    f"there is no {shown}: {text_of_path(self.name, path[:at])} is {whole}", step=at
                )
            return step
        if not labels:
            raise NotNamed(f"the columns of {self.name} have no labels; write a position, 0 to {n - 1}", at)
        if labels.count(step) > 1:
            raise NotNamed(f"{shown} could be {labels.count(step)} columns; write a position", step=at)
        if step not in labels:
            raise NotNamed(
                f"there is no {shown}{suggestion(step, labels)}; there are {listed(labels)}", step=at
            )
        return labels.index(step)


def words_of(method: Method | None) -> Words:
    """What `model.output` may name while the model is not known, nor perhaps the method."""
    if method is None:
        return Anything()
    return ResultWords(method.result_name, "number" if method in _OF_NUMBERS else "unknown")


def layout_of(method: Method, signature: Signature) -> ResultLayout:
    """method: one that the model has."""
    shape = signature.outputs[method]
    n_columns = shape[0] if shape else None
    blocks = _blocks(method, signature, n_columns)
    outputs = signature.labels.get(Method.PREDICT, ())
    return ResultLayout(
        name=method.result_name,
        kind=_kind(method, signature),
        n_columns=n_columns,
        labels=() if blocks else _labels(method, signature, n_columns),
        blocks=blocks,
        block_labels=outputs if len(outputs) == len(blocks) else (),
    )


def _labels(method: Method, signature: Signature, n_columns: int | None) -> tuple[str, ...]:
    of_classes = method in (Method.PREDICT_PROBA, Method.DECISION_FUNCTION)
    if of_classes and signature.outputs.get(Method.PREDICT):
        return ()  # several outputs with yes or no each: the columns are not classes to choose from
    classes = signature.classes or ()
    if n_columns is None:
        return classes if method is Method.DECISION_FUNCTION and len(classes) == 2 else ()
    # Not of every decision_function: one against one of 3 classes has 3 columns too, one for each pair.
    known = classes if method is Method.PREDICT_PROBA else ()
    labels = signature.labels.get(method) or known
    return labels if len(labels) == n_columns else ()


def _blocks(method: Method, signature: Signature, n_columns: int | None) -> tuple[tuple[str, ...], ...]:
    blocks = signature.output_classes or ()
    return blocks if method is Method.PREDICT_PROBA and sum(map(len, blocks)) == n_columns else ()


def _kind(method: Method, signature: Signature) -> Kind:
    """Classes are kept as text: only one that cannot be a number or a truth tells that labels are texts."""
    if method in _OF_NUMBERS:
        return "number"
    if method is not Method.PREDICT:
        return "unknown"
    groups = signature.output_classes or ((signature.classes,) if signature.classes else ())
    return "text" if groups and all(map(_are_texts, groups)) else "unknown"


def _are_texts(classes: Sequence[str]) -> bool:
    return not all(name in ("True", "False") or _is_number(name) for name in classes)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
