"""A run from its constants to its folder: in this process, in another one, or in the background."""
