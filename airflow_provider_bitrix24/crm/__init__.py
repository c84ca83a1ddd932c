"""Ids, CRM items, bindings, and work on them as plans. Values are strict, because the API casts bad ones."""
