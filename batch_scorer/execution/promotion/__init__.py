"""Before an alias moves: what must be true of the version. After it moved: what that made outdated."""
