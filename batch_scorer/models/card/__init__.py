"""A model version for people: the model card."""
