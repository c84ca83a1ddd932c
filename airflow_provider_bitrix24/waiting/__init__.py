"""What sensors and triggers share: polling together, and patience with trouble that passes."""
