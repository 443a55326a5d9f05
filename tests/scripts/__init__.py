"""What people and CI run: the parts of it that decide something."""
