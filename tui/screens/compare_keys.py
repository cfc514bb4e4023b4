"""The views of a comparison, and the keys of its screen."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from tui.charts.keys import SMOOTHING_BINDINGS

VIEWS = {"curves": "c", "runs": "r", "classes": "k", "differences": "d"}
"""The views and their keys, in the order of their line."""

_IMAGES = Binding.Group("Images", compact=True)

HELP = (
    "Runs that differ only in the seed are one group, with the mean of their accuracies, their standard deviation and"
    " Student's 95 % interval. The first group is what the others are compared with: two groups of seeds by Welch's"
    " test, two single runs by McNemar's test over the images that only one of them gets right. Both tell how"
    " probable such a difference is by chance alone. ± sd is the standard deviation over them: how training varies."
    " ± se is the standard error of one accuracy: how much the choice of the test images matters.\n\n"
    "Curves: the smoothed loss, the accuracy or the loss of the test images. A run keeps its colour.\n\n"
    "Runs: ● has a curve, ○ has none. Classes: the accuracy of each class, the largest change first.\n\n"
    "Differences: the constants that are not the same, and what else decides about results."
)
"""What F1 tells."""

COMPARE_BINDINGS: list[BindingType] = [
    Binding("c", "view('curves')", "Curves", tooltip="The curves over each other"),
    Binding("r", "view('runs')", "Runs", tooltip="The runs and what they reach"),
    Binding("k", "view('classes')", "Classes", tooltip="The accuracy of each class side by side"),
    Binding("d", "view('differences')", "Differences", tooltip="The constants that differ"),
    Binding("a", "quantity", "Quantity", tooltip="Curves of the loss, the accuracy or the test loss"),
    Binding("x", "across", "Across", tooltip="Curves by iteration, by epoch or by seconds of training"),
    *SMOOTHING_BINDINGS,
    Binding("g", "images('second')", "Images", tooltip="Images that the second run gets right, not A", group=_IMAGES),
    Binding("G", "images('first')", "Images", tooltip="Images that A gets right, not the second run", group=_IMAGES),
    Binding("m", "means", "Means", tooltip="A curve for each run, or the mean of each group"),
    Binding("space", "hide", "Hide", tooltip="Hide or show the curve of the run under the cursor"),
    Binding("v", "all_constants", "All", tooltip="All constants, or only the differences"),
    Binding("e", "export", "Export", tooltip="Write the comparison to a folder: a page, curves, tables"),
    Binding("f5", "refresh", "Refresh", show=False, tooltip="Read the runs again"),
    Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
    Binding("escape", "back", "Back", tooltip="Back to where the comparison was opened"),
    Binding("q", "app.leave", "Leave", tooltip="Close the program"),
]
