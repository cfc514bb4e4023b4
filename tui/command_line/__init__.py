"""The command line: what the program does without and around the app."""
