"""One module a verb of `scripts/bench`."""
