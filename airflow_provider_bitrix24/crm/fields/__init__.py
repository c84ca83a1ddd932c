"""The fields of a type: their names, their types, the columns they become, and filters of them."""
