"""What is measured on, and against."""
