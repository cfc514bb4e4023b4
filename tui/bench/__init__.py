"""What the screen costs, measured."""
