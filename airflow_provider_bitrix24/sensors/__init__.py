"""Sensors: tasks that wait for something to happen in the CRM."""
