"""What the resources of the dlt source yield, and what they know of earlier loads."""
