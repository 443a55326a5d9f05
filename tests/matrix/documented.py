"""The matrix in words: the tables of docs/models.md, "What can be registered"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.matrix.estimators import CASES, Case
from tests.matrix.lake import READINGS
from tests.matrix.refused import REFUSALS

BEGIN, END = "<!-- from tests/matrix, by scripts/docs -->\n", "<!-- end -->\n"


def with_tables(page: str) -> str:
    """The page with what stands between the two marks written anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n" + "\n".join(_lines()) + f"\n\n{END}{after}"


def _lines() -> Iterator[str]:
    yield from _table(("kind", "estimators", "formats", "published values"), _kinds())
    yield ""
    yield from _table(("columns as training read them", "formats"), _readings())
    yield ""
    yield from _table(("refused", "because", "instead"), _refusals())


def _kinds() -> Iterator[Sequence[str]]:
    """One row for what is alike: of one family, as exact, in the same formats."""
    alike: dict[tuple[str, str, str], list[Case]] = {}
    families = list(dict.fromkeys(case.family for case in CASES))
    for case in sorted(CASES, key=lambda case: families.index(case.family)):
        alike.setdefault((case.family, _formats(case.no_skops), case.batch or ""), []).append(case)
    for (family, formats, batch), cases in alike.items():
        names = "; ".join(case.name for case in cases)
        yield family, names, formats, f"1e-12: {batch}" if batch else "the same bits"


def _readings() -> Iterator[Sequence[str]]:
    for reading in READINGS.values():
        yield reading.name, _formats(reading.no_skops)


def _refusals() -> Iterator[Sequence[str]]:
    for refusal in REFUSALS:
        yield refusal.what, refusal.why, refusal.instead


def _formats(no_skops: str) -> str:
    return f"joblib ({no_skops})" if no_skops else "skops, joblib"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from (_row(row) for row in rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
