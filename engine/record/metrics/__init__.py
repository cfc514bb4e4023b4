"""What follows from an evaluation, one measure a file. Plain numbers: no torch, no file."""
