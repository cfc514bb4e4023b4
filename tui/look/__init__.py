"""How things look: colours, numbers, cells."""
