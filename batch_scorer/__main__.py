"""The command from its first line on: `batch-scorer`, and `python -m batch_scorer`."""

from batch_scorer.cli import signals


def main() -> None:
    """Raises: SystemExit."""
    signals.remember()  # before everything else is imported, which takes a while
    from batch_scorer.cli.main import main as command

    command()


if __name__ == "__main__":  # worker processes import this module again, under another name
    main()
