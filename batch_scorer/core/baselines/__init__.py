"""What a model saw at training, as counts that merge exactly."""
