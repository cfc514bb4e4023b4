"""The machine that trains: its devices, processors and memory."""
