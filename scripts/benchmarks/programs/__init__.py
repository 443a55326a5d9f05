"""What a bench runs in a process of its own."""
