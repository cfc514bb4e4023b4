"""The subcommands of `cifar-tui`, one a file: `some_name.py` has the function `some_name`, which is `some-name`.

The function's arguments are the flags.
"""
