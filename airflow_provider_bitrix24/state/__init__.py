"""What outlives a try of a task."""
