"""The keys of the list of runs, and what F1 tells of it."""

from __future__ import annotations

from textual.binding import Binding, BindingType

HELP = (
    "Every run in the folder of runs, the latest first. A run is interrupted if its process ended without recording"
    " how the run ended. An accuracy is of the test images, or with a v of the validation images of a run that has not"
    " got as far. What runs do is looked at every second.\n\n"
    "Conditions: a word is looked for in the names, tags and notes. accuracy>70, model=cnn, learning_rate<=0.001 and"
    " started>=2026-03-14 compare; name:heron has the text in it; tag:good is a tag; has:validation says that there is"
    " a value, and not 0. Side by side means AND; OR, NOT and parentheses work as well. The columns are the fields.\n\n"
    "Space marks runs, to compare them, to tag them or to throw them away together. ★ is the run that others are"
    " compared with while they train; without it that is the best one on the same images.\n\n"
    "The trash is the folder .trash beside the runs: nothing is deleted before it is emptied."
)

ORDER = Binding.Group("Sort", compact=True)
WORDS = Binding.Group("Tag, note", compact=True)
TRASH = Binding.Group("Trash", compact=True)

RUNS_BINDINGS: list[BindingType] = [
    Binding("space", "mark", "Mark", tooltip="Mark this run, or no longer"),
    Binding("slash", "filter", "Filter", tooltip="Show only the runs that meet conditions"),
    Binding("c", "compare", "Compare", tooltip="Compare the marked runs; one with the run under the cursor, or with ★"),
    Binding("o", "sort", "Sort", tooltip="Sort by the next column", group=ORDER),
    Binding("O", "reverse", "Reverse", tooltip="Reverse the order", group=ORDER),
    Binding("v", "columns", "Columns", tooltip="Which columns are shown, of all that is known of a run"),
    Binding("n", "new_run", "New", tooltip="The form, with the constants of this run"),
    Binding("r", "resume", "Resume", tooltip="Go on with this run from its newest checkpoint"),
    Binding("t", "tags", "Tag", tooltip="Give tags to the marked runs, or to this one", group=WORDS),
    Binding("N", "note", "Note", tooltip="Write a note about this run", group=WORDS),
    Binding("asterisk", "pin", "Pin", key_display="*", tooltip="Compare others with this run while they train, or not"),
    Binding("R", "rename", "Rename", tooltip="Give this run another name"),
    Binding(
        "delete,x",
        "throw_away",
        "Trash",
        key_display="x",
        tooltip="Throw away the marked runs, or this one",
        group=TRASH,
    ),
    Binding("z", "trash", "Restore", tooltip="What is in the trash: restore it, or empty the trash", group=TRASH),
    Binding("a", "mark_all", "All", tooltip="Mark all runs that are shown, or none"),
    Binding("w", "sweeps", "Sweeps", tooltip="The sweeps in this folder: runs that look for good constants"),
    Binding("down", "to_table", "To the runs", show=False),
    Binding("f5", "refresh", "Refresh", show=False, tooltip="Read the folder of runs again"),
    Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
    Binding("escape", "back", "Back", tooltip="Take the filter away, or back to the screen before"),
    Binding("q", "app.leave", "Leave", tooltip="Close the program"),
]
