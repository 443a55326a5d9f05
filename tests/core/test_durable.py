"""Small files are written whole or not at all, and refusals are told in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batch_scorer.core.durable import write_whole
from batch_scorer.core.errors import OutputUnwritable


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "directory" / "file.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_refuses_is_named_and_the_old_content_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(OutputUnwritable) as caught:
        write_whole(tmp_path / "file" / "below", b"x")
    assert caught.value.where == str(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_bytes() == b"in the way"


def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path) -> None:
    """As root, plan -o /dev/null would else take /dev/null from everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(OutputUnwritable, match="no plain file"):
            write_whole(path, b"x")
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
