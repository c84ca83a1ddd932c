"""What the CRM's things are: ids, items, timeline bindings. Strict, because the API casts what it dislikes."""
