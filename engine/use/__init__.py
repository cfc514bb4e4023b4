"""What a finished or a live run can be asked: its predictions, its images, its network. Nothing here changes a run."""
