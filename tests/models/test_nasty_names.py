"""Whatever a model, a version or an alias is called: nothing outside the registry is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch_scorer.core.errors import ModelNotFound, UsageError
from batch_scorer.models.registry.checking import leftovers
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.names import is_name
from tests.conftest import TaxiProject
from tests.models.drafts import FILES, draft, on_disk

_PIECES = st.sampled_from(
    [
        "..", ".", "/", "\\", "\0", "~", "%2F", "%2e%2e", "CON", "nul", ":", "*", "?", "$HOME", "`id`", "-p",
        "taxi_tips", "taxi_tips@1", "@", "é", "\u202e", "\u2215", "\uff0e\uff0e", "\ud800", "\n", " ",
        ".incoming-1", ".lock", "history.jsonl", "models", "C:", "1", "v1", "champion", "I\u0307", "a" * 300,
    ]
)  # fmt: skip
NASTY = st.one_of(st.lists(_PIECES, max_size=5).map("".join), st.text(max_size=12))

_EXAMPLES = [
    "../evil", "..", ".", "", "a/../b", "/etc/passwd", "a\0b", "CON", "..%2Fevil", "a" * 65, "a" * 10_000,
    "Taxi", "taxi tips", "-rf", "\u2025/evil", "taxi_tips\n", "taxi_tips/1",
]  # fmt: skip


def _with_examples(test: Callable[..., None]) -> Callable[..., None]:
    for text in _EXAMPLES:
        test = example(name=text)(test)
    return test


class _Fenced:
    """A registry two directories below a place that is looked at afterwards."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.registry = FileRegistry(place / "data" / "models")
        self.registry.add_version(draft(), FILES)
        (place / "data" / "history.jsonl").write_bytes(b"")
        self.before = self._outside()

    def _outside(self) -> set[Path]:
        return {path for path in self.place.rglob("*") if on_disk(self.registry.root) not in path.parents}

    def assert_whole(self) -> None:
        assert self._outside() == self.before
        assert all(is_name(entry.name) and entry.is_dir() for entry in on_disk(self.registry.root).iterdir())


@pytest.fixture(scope="module")
def fenced(tmp_path_factory: pytest.TempPathFactory) -> _Fenced:
    return _Fenced(tmp_path_factory.mktemp("place"))


@given(name=NASTY)
@_with_examples
@settings(max_examples=60)
def test_a_model_is_added_under_its_own_name_or_not_at_all(fenced: _Fenced, name: str) -> None:
    if is_name(name):
        fenced.registry.add_version(draft(name), FILES)
        assert name in fenced.registry.names()
    else:
        with pytest.raises(UsageError, match="cannot be the name of a model"):
            fenced.registry.add_version(draft(name), FILES)
    fenced.assert_whole()


@given(name=NASTY)
@_with_examples
@settings(max_examples=60)
def test_an_alias_is_a_word_or_is_refused_and_is_no_path_ever(fenced: _Fenced, name: str) -> None:
    try:
        fenced.registry.promote("taxi_tips", 1, name, reason="why", who="ada")
    except UsageError:
        assert name not in fenced.registry.aliases("taxi_tips")
    else:
        assert is_name(name)
        assert fenced.registry.resolve(f"taxi_tips@{name}").version == 1
    fenced.assert_whole()


@given(name=NASTY)
@_with_examples
@settings(max_examples=100)
def test_whatever_is_looked_up_is_found_inside_or_not_at_all(fenced: _Fenced, name: str) -> None:
    registry = fenced.registry
    looks: list[Callable[[], object]] = [
        lambda: registry.resolve(name),
        lambda: registry.resolve(f"{name}@1"),
        lambda: registry.resolve(f"taxi_tips@{name}"),
        lambda: registry.manifest(name, 1),
        lambda: registry.history(name),
        lambda: leftovers(registry, name),
        lambda: registry.promote(name, 1, "best", reason="", who="ada"),
        lambda: registry.add_signature(name, 1, key="k", signature="s", who="ada"),
    ]
    for look in looks:
        try:
            look()
        except ModelNotFound as error:
            assert all(line.isprintable() for line in error.render().splitlines())  # noqa: PT017 (of many)
        else:
            assert is_name(name) or is_name(name.partition("@")[0])
    fenced.assert_whole()


def test_a_nasty_name_on_the_command_line_is_exit_2_and_changes_nothing(project: TaxiProject) -> None:
    before = {path for path in project.root.rglob("*") if "state" not in path.parts}
    artefact = sorted((project.root / "data" / "models").rglob("model.joblib"))[0]
    for name in (text for text in _EXAMPLES if "\0" not in text):  # which no shell can pass on
        for command in (
            ["register", str(artefact), "--name", name, "--no-golden-rows", "--allow-pickle"],
            ["promote", f"{name}@1", "--alias", "best", "--reason", "why"],
            ["promote", "taxi_tips@1", "--alias", name, "--reason", "why"],
            ["show", f"{name}@1"],
            ["verify", f"{name}@1"],
            ["sign", f"{name}@1"],
            ["show", f"taxi_tips@{name}"],
            ["verify", f"taxi_tips@{name}"],
        ):
            done = project.cli("models", *command)
            assert done.code == 2, (command, done)
    assert {path for path in project.root.rglob("*") if "state" not in path.parts} == before
