"""Tables of a database as the target of extracted data, on SQLAlchemy Core."""
