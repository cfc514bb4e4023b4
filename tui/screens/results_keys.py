"""The views of the results, and the keys of their screen."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from tui.charts.keys import CHART_BINDINGS
from tui.widgets.heat_map import PICTURES

VIEWS = {"table": "t", "map": "m", "history": "h", "calibration": "k", "filters": "w", "chart": "c"}
"""The views and their keys, in the order of their line."""

EPOCH = Binding.Group("Epoch", compact=True)
TABLE = Binding.Group("Table", compact=True)

HELP = (
    "Table: how many images of each class were recognised. Precision: of the images taken for a class, those"
    " that are of it. Recall: of its images, those that were recognised; that is the accuracy of a class. F1"
    " is the harmonic mean of both. The standard error tells how far the accuracy could be from that on other"
    " images of the same kind.\n\n"
    "Map: what the images were taken for. A row is the true class, a column the class it was taken for. Blue"
    " is right, orange is wrong, and a stronger colour is a larger share of the row's images. Without room for"
    " the counts, glyphs show the share: · some, ░ 3 %, ▒ 10 %, ▓ 20 %, █ 40 % and more.\n\n"
    "Tab goes from the table to the map and to the most confused pairs. The arrow keys move the cursor there,"
    " and Enter shows the images under it.\n\n"
    "History: the accuracy of each class after each epoch. Moving its cursor sideways chooses the evaluation"
    " that all views show.\n\n"
    "Calibration: for 15 ranges of how sure the network was, how many of those images it recognised. Below"
    " the diagonal it was too sure. The expected error is the mean distance from the diagonal.\n\n"
    "Filters of the first layer: grey where a weight is 0, brighter where it adds, darker where it subtracts.\n\n"
    "Chart: the loss of every iteration, as ◆ the accuracy on the test or validation images, as ◇ that on the"
    " training images, as ● the loss of the test or validation images, and as ★ the test accuracy after a"
    " validation. By epoch it shows the accuracy or the loss of training images and of others, and how far"
    " they are apart. Training images count as they were trained on, with augmentation and label smoothing,"
    " and while the network still learnt."
)
"""What F1 tells."""

RESULTS_BINDINGS: list[BindingType] = [
    Binding("g", "images", "Images", tooltip="The images of this evaluation: what they were taken for", group=PICTURES),
    Binding("left_square_bracket", "evaluation(-1)", "Earlier", tooltip="The evaluation before", group=EPOCH),
    Binding("right_square_bracket", "evaluation(1)", "Later", tooltip="The evaluation after it", group=EPOCH),
    Binding("o", "order", "Order", tooltip="Sort the table by the next column", group=TABLE),
    Binding("O", "reverse", "Reverse", tooltip="Reverse the order of the table", group=TABLE),
    Binding("v", "columns", "Columns", tooltip="Precision, recall and F1 by class, or the counts", group=TABLE),
    Binding("d", "details", "Class", tooltip="What the class under the cursor was taken for"),
    Binding("t", "view('table')", "Table", tooltip="The table: accuracies by class"),
    Binding("m", "view('map')", "Map", tooltip="The map: what each class was taken for"),
    Binding("h", "view('history')", "History", tooltip="The accuracy of each class after each epoch"),
    Binding("k", "view('calibration')", "Calibration", tooltip="How often the network is right, by how sure it is"),
    Binding("w", "view('filters')", "Filters", tooltip="What the first layer looks for, and what it has learnt"),
    Binding("c", "view('chart')", "Chart", tooltip="The loss chart, or without it"),
    *CHART_BINDINGS,
    Binding(
        "a", "curves", "Curves", tooltip="Accuracy or loss by epoch, of training and of test images, with their gap"
    ),
    Binding("u", "use", "Use", tooltip="Classify pictures of your own with this network"),
    Binding("e", "export", "Export", tooltip="Write the files of this run to a folder of your choice"),
    Binding("n", "new_run", "New", tooltip="The form, with the constants of this run"),
    Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
    Binding("escape", "back", "Back", tooltip="Back to where this run was opened"),
    Binding("q", "app.leave", "Leave", tooltip="Close the program"),
]
