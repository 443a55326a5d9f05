"""From a lease to a generation that readers see, and back."""
