"""What is known of an event beyond its own text: whose it is, and which configuration item it is about."""
