"""The subcommands of `cifar-tui`, one a file. A file `name.py` has a function `name`; its arguments are the flags."""
