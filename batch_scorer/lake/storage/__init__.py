"""Where bytes are: disks and object stores by the same calls, and what they promise of what is written."""
