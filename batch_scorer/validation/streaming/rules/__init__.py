"""What each expectation needs from the rows, when it holds, and what it tells GX."""
