"""The same work done by this package and by others, against the portal in a box. See README.md."""
