"""What is published against what was recorded."""
