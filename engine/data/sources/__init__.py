"""The sources of images, one file each. Each defines `find` and `load`; see `engine.data`."""
