"""Where images come from: a source a file."""
