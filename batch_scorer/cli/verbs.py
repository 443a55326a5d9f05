"""Verbs by name, each imported from its file when it is asked for: a run waits for its own imports only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from importlib import import_module

import click


class Verbs(MutableMapping[str, click.Command]):
    """files: name of a file of this room -> the verbs in it, which are functions of the same name.

    prepare: done once to each verb that was imported.
    """

    def __init__(self, files: Mapping[str, Sequence[str]], prepare: Callable[[click.Command], None]) -> None:
        self._file_of = {verb: file for file, verbs in files.items() for verb in verbs}
        self._prepare = prepare
        self._imported: dict[str, click.Command] = {}

    def __getitem__(self, verb: str) -> click.Command:
        if verb not in self._imported:
            module = import_module(f"batch_scorer.cli.{self._file_of[verb]}")
            self[verb] = getattr(module, verb.replace("-", "_"))
        return self._imported[verb]

    def __setitem__(self, verb: str, command: click.Command) -> None:
        self._file_of.setdefault(verb, "")
        self._prepare(command)
        self._imported[verb] = command

    def __delitem__(self, verb: str) -> None:
        del self._file_of[verb]
        self._imported.pop(verb, None)

    def __contains__(self, verb: object) -> bool:  # as it is inherited, it would import it
        return verb in self._file_of

    def __iter__(self) -> Iterator[str]:
        return iter(self._file_of)

    def __len__(self) -> int:
        return len(self._file_of)
