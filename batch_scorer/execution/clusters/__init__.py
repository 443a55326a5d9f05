"""Where chunks run, and which of them goes out next."""
