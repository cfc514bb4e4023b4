"""Charts as data: a chart declares its axes and layers in a file here; `svg` and `tui.charts.cells` draw it."""
