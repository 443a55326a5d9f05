"""The command: its verbs, and the one place where an error becomes an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NoReturn

import click

from batch_scorer import __version__
from batch_scorer.cli import signals
from batch_scorer.cli.completing import complete_names, complete_own_names, listen_to_shells
from batch_scorer.cli.output import fail
from batch_scorer.cli.settings import Invocation, Settings, global_options
from batch_scorer.cli.signals import Stopped, in_words
from batch_scorer.cli.verbs import Verbs
from batch_scorer.core import collector
from batch_scorer.core.errors import BatchScorerError, ReaderGone, UsageError

_VERBS = {
    # file: what is in it
    "starting": ["init"],
    "project": ["validate-config", "schema", "schedule", "completion"],
    "doctoring": ["doctor"],
    "planning": ["plan"],
    "running": ["run", "backfill"],
    "retrying": ["retry"],
    "health": ["status"],
    "runs": ["runs"],
    "showing": ["show"],
    "auditing": ["verify", "audit"],
    "rebuilding": ["ledger"],
    "quarantine": ["quarantine"],
    "mending": ["rollback", "unpin", "repair", "unlock", "cancel", "gc"],
    "models": ["models"],
    "suites": ["suites"],
}


# From the words alone, which are understood when the verb is imported: `head_start` can be wrong.
_SCORING = frozenset(("run", "backfill", "retry"))
_ONLY_LOOKING = frozenset(("-h", "--help", "--dry-run"))


class _Verbs(click.Group):
    """A group that suggests the nearest verb."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            from batch_scorer.core.nearest import suggestion

            hint = suggestion(name, self.list_commands(ctx))
            raise click.UsageError(f'no such command "{name}"{hint}', ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # which click itself would end with 1
            raise ReaderGone("whoever read stdout has gone") from None


@click.group(
    cls=_Verbs,
    commands=Verbs(_VERBS, prepare=complete_names),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "--version", prog_name="batch-scorer")
@global_options
def cli(settings: Settings) -> None:
    """Score a data lake: validated, exactly accounted, published whole or not at all."""


complete_own_names(cli)  # a verb's, once it is imported


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point. Exit codes are CLI.md's; a bug of ours is told like any other error and exits 1."""
    collector.owns_process()
    _expect_children()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = _ended(words)
        # Python ends by SIGINT, whatever the exit code, if a Ctrl-C broke off the last code that was made of
        # text, as dataclasses are. This is such code.
        eval("None")  # noqa: S307
        sys.exit(code)
    finally:
        if "multiprocessing.forkserver" in sys.modules:
            from batch_scorer.execution.clusters.local.workers import stop_fork_server

            stop_fork_server()  # it holds our stdout, and whoever reads that would wait for its end


def run(arguments: Sequence[str], first: Callable[[Sequence[str]], None] = lambda _words: None) -> int:
    """The exit code of one invocation. first: what begins with its words, before they are understood."""
    invocation = Invocation(_first_guess(arguments))
    listen_to_shells()
    try:
        first(arguments)
        outcome: Any = cli.main(
            list(arguments),
            prog_name="batch-scorer",
            standalone_mode=False,
            auto_envvar_prefix="BATCH_SCORER",
            obj=invocation,
        )
    except ReaderGone:
        return _broken_off()
    except BatchScorerError as error:
        return _fail(invocation.settings, error)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        return _fail(invocation.settings, _usage(error))
    except (KeyboardInterrupt, click.Abort, Stopped) as stopped:
        return _fail(invocation.settings, in_words(stopped))
    except Exception as surprise:
        from batch_scorer.core.surprises import as_internal_error

        return _fail(invocation.settings, as_internal_error(surprise))
    return outcome if isinstance(outcome, int) else 0


def _expect_children() -> None:
    """Whoever started us may ignore what becomes of children, and a process inherits that. Nobody could tell
    then how a program ended that we start: Python says that it went well.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _fail(settings: Settings, error: BatchScorerError) -> int:
    signals.outcome_stands(error.exit_code)  # while it is told too
    return fail(settings, error)


def _ended(words: Sequence[str]) -> int:
    """The exit code, which no signal changes any more."""
    try:
        code = run(words, first=_begin)
    except (KeyboardInterrupt, Stopped) as stopped:  # while it was told how it ended
        code = in_words(stopped).exit_code
    signals.outcome_stands(code)
    return code


def _begin(words: Sequence[str]) -> None:
    is_scoring = not _SCORING.isdisjoint(words) and _ONLY_LOOKING.isdisjoint(words)
    # A run ends the process that begins here, and is not ended by the signal itself.
    signals.listen(for_sigterm=is_scoring)
    if is_scoring:
        from batch_scorer.execution.clusters.local import head_start

        head_start.begin(_given(words).get("--cluster"))


def _broken_off() -> int:
    """The reader of our stdout (head, less) has gone: as if SIGPIPE had ended us, without a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
    return ReaderGone.exit_code


def _first_guess(arguments: Sequence[str]) -> Settings:
    """How to tell what is wrong with a command line that cannot be understood."""
    asked = _given(arguments).get("--log-format") or os.environ.get("BATCH_SCORER_LOG_FORMAT")
    as_json = asked == "json"
    settings = Settings(json="--json" in arguments, log_format="json" if as_json else "text")
    if as_json:
        from batch_scorer.ops.logs import configure_logging

        configure_logging(format="json")
    return settings


def _given(words: Sequence[str]) -> dict[str, str]:
    """What seems to be given to each option, before anybody knows which options there are."""
    parted = (word.partition("=") for word in words)
    return dict(pairwise(words)) | {name: value for name, equals, value in parted if equals}


def _usage(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "batch-scorer"
    return UsageError(error.format_message(), next_command=f"{command} --help")


if __name__ == "__main__":
    main()
