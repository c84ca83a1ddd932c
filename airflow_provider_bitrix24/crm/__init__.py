"""What the CRM's things are: ids, items, bindings. Strict, because the API casts what it dislikes."""
