"""A plan at work on the Arrow columns of a batch."""
