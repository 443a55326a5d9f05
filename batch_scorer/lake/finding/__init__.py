"""Which partitions a table has, from names and stamps alone."""
