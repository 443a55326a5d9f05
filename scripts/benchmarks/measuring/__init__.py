"""A command with all its descendants: wall and processor seconds, memory."""
