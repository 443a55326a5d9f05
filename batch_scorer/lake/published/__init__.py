"""Looking at what is published, without trusting any of it."""
