"""Every JSON line that `--json` writes, by its type: what `schema --messages` publishes."""
