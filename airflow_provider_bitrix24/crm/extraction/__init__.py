"""What can be extracted, what changed since the last time, and what is gone."""
