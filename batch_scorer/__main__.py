"""`python -m batch_scorer`."""

from batch_scorer.cli.main import main

main()
