"""What every HTML page of ours shares: its style, its escaping, its head."""
