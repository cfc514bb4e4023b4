"""A trained network in a folder of its own, to be used elsewhere: see `engine.use.exported` for its files."""
