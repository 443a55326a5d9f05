"""Measure batch-scorer side by side with what people would use instead (A B A B …).

Without a verb, everything: it makes the lake, trains the models, runs us and the peers that are installed.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.catalogue import BENCHES
from benchmarks.inputs.rides import InputsMissing
from benchmarks.measuring.commands import SCRIPTS, CommandFailed
from benchmarks.measuring.turns import tell
from benchmarks.page.machine import machine
from benchmarks.page.page import write_section
from benchmarks.page.scaling import refresh
from benchmarks.page.sections import body_of
from benchmarks.settings import Settings

ROOT = SCRIPTS.parent
PAGE = ROOT / "docs" / "performance.md"
_EVERY_SIZE, _QUICK_SIZES = "100,1000,10000", "100,1000"
_USUAL = {
    "days": 30,
    "rows": 200_000,
    "models": "linear,boosted,forest",
    "partitions": 100_000,
    "sizes": None,
    "generations": 1_000_000,
    "memory_rows": "1000000,10000000",
}


def main() -> None:
    options = _options()
    names = [options.verb] if options.verb else list(BENCHES)
    failed = [name for name in names if not _was_measured(name, options)]
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _was_measured(name: str, options: argparse.Namespace) -> bool:
    """Prints the section, and writes it where that is wanted. One bench that fails does not stop others."""
    bench, settings = BENCHES[name], _settings(options, BENCHES[name].runs)
    begun, where = time.monotonic(), machine()
    try:
        section = bench.measure(settings)
    except (CommandFailed, InputsMissing) as error:
        tell(f"{name}: {error}")
        return False
    if not settings.is_full_size:
        section = replace(section, figures={})
    body = body_of(section, command=_shown_command(name, options, settings), machine=where)
    print(f"{body}\n", flush=True)
    tell(f"{name} took {time.monotonic() - begun:.0f} s")
    if options.write:
        write_section(options.page, name, body, list(BENCHES))
        if name == "night":
            _refresh(options.page.with_name("scaling.md"), options.page)
    return True


def _refresh(scaling: Path, performance: Path) -> None:
    try:
        refresh(scaling, performance)
    except (FileNotFoundError, ValueError) as error:  # of a night with one model, or into another directory
        tell(f"{scaling.name} stays as it was: {error}")


def _options() -> argparse.Namespace:
    verbs = "\n".join(f"  {name:<12}{bench.what}" for name, bench in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        epilog=f"verbs:\n{verbs}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", nargs="?", choices=list(BENCHES), metavar="VERB")
    parser.add_argument("--runs", type=int, help="turns; each bench has its own number otherwise")
    parser.add_argument("--days", type=int, help="partitions of a night (30)")
    parser.add_argument("--rows", type=int, help="rows of each (200000)")
    parser.add_argument("--models", help=f"of {_USUAL['models']}")
    parser.add_argument("--partitions", type=int, help="plan: partitions (100000)")
    parser.add_argument("--sizes", help=f"scale: partitions of the backfills ({_EVERY_SIZE})")
    parser.add_argument("--generations", type=int, help="scale: of the ledger (1000000)")
    parser.add_argument("--memory-rows", help="memory: rows of one partition")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "bench", help="what is made is kept here"
    )
    parser.add_argument("--peers", type=Path, default=ROOT.parent / "shared" / "bench",
                        help="directory with make_lake.py, make_models.py and peers/")  # fmt: skip
    parser.add_argument("--peer-python", type=Path, default=Path(sys.executable),
                        help="interpreter that has ray, pyspark, mlflow and dask")  # fmt: skip
    parser.add_argument(
        "--write",
        action="store_true",
        help="replace the sections in docs/performance.md, and tables of docs/scaling.md",
    )
    parser.add_argument("--page", type=Path, default=PAGE, help=argparse.SUPPRESS)
    parser.set_defaults(**_USUAL)
    return parser.parse_args()


def _settings(options: argparse.Namespace, runs: int) -> Settings:
    return Settings(
        runs=options.runs or runs,
        days=options.days,
        rows=options.rows,
        models=tuple(options.models.split(",")),
        work=options.work.absolute(),
        peers=options.peers.absolute(),
        peer_python=options.peer_python.absolute(),
        partitions=options.partitions,
        sizes=_numbers(options.sizes or (_EVERY_SIZE if options.verb else _QUICK_SIZES)),
        generations=options.generations,
        memory_rows=_numbers(options.memory_rows),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(map(int, text.split(","))))


def _shown_command(name: str, options: argparse.Namespace, settings: Settings) -> str:
    """Without directories: they say nothing on another machine."""
    given = [
        f" --{option.replace('_', '-')} {getattr(options, option)}"
        for option, usual in _USUAL.items()
        if getattr(options, option) != usual
    ]
    return f"scripts/bench {name} --runs {settings.runs}{''.join(given)}"
