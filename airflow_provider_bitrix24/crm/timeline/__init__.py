"""What stands on timelines: records, their bindings, comments, log messages, and activities."""
