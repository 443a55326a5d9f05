"""`python -m batch_scorer`."""

from batch_scorer.cli.main import main

if __name__ == "__main__":  # worker processes import this module again, under another name
    main()
