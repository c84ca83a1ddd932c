"""Triggers: waiting in the triggerer, where it holds no worker."""
