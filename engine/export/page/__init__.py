"""The parts of report.html. Each returns HTML whose texts are escaped; nothing in it is loaded or run."""
