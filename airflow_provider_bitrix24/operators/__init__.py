"""Operators: what a task does with a portal."""
