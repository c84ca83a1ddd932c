"""What sensors and triggers look for, again and again. Each look is a plan."""
