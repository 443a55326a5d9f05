"""Do one thing to a registry again and again, killed by SIGKILL one step later each time.

    python -m tests.models.killed ACTION TEMPLATE OUT

OUT/0, OUT/1, … become copies of the registry in TEMPLATE, each as a process left it that died before its
first, second, … change of the file system; the last one was not killed. A step is whatever the interpreter
audits: opening for writing, renaming, making and removing files and directories. No data library: forks are
cheap, and there are no threads that a fork would lose.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.trust.private_keys import SigningKey
from batch_scorer.models.trust.signing import sign_version
from tests.models.drafts import FILES, draft

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)), comment="ada")
_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.link", "shutil.rmtree"}

ACTIONS: Mapping[str, Callable[[FileRegistry], object]] = {
    "register": lambda registry: registry.add_version(draft(), FILES, why="again"),
    "promote": lambda registry: registry.promote("taxi_tips", 1, "champion", reason="again", who="ada"),
    "sign": lambda registry: sign_version(registry, "taxi_tips", 1, KEY, who="ada"),
}


def main(action: str, template: str, out: str) -> None:
    for n_steps in range(1000):
        root = Path(out) / str(n_steps)
        shutil.copytree(template, root)
        pid = os.fork()
        if not pid:
            _kill_after(n_steps)
            ACTIONS[action](FileRegistry(root))
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0:
            return
    raise AssertionError("it never came to an end")


def _kill_after(n_steps: int) -> None:
    left = n_steps

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _CHANGES or (event == "open" and _writes(*arguments)):
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(hook)


def _writes(_path: object, _mode: object, flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


if __name__ == "__main__":
    main(*sys.argv[1:])
