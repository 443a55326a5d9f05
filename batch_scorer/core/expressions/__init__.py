"""The small language of `input.where` and `model.output`: from text to trees, and what can be named in it."""
