"""Rows into the CRM: their values, their keys, and the plans that write them."""
