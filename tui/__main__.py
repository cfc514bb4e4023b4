"""`python -m tui`: the same as `cifar-tui`, where the console script is not on the path."""

from tui.command_line.main import main

if __name__ == "__main__":
    main()
