"""What siblings do with Arrow's columns and files, once: they may not import each other, nor core pyarrow."""
