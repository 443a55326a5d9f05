"""What a chunk leaves behind before anybody sees it: predictions, rows set aside, records, keys."""
