"""One run trained by several processes: the steps that they make together, and what those do that do not lead."""
