"""What is known of a run: its events, its losses, and what follows from them."""
