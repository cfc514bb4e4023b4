"""Whether a difference is real, one measure a file. scipy takes a fifth of a second, so it is imported where used."""
