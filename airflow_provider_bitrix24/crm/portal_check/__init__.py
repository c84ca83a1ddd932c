"""What this package relies on in a portal, asked of the portal itself."""
