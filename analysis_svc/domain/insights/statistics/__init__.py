"""The statistics behind patterns over time; importing them takes seconds, so only their own process does."""
