"""What will bite tonight, found by day: one module for each family of checks. None changes anything."""
