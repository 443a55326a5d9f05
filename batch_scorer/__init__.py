"""batch-scorer: scores a data lake, validated, exactly accounted, published whole or not at all."""

__version__ = "0.1.0"
