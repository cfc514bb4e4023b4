"""The files of a bundle, a format a file."""
