"""The command line: the constants as flags, and the subcommands, found in the folder `commands`.

A command's module imports what it needs only when the command runs, so `--help` and the first paint are quick.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from cyclopts import App, CycloptsError, UnusedCliTokensError

from engine import __version__
from engine.errors import ConstantError, EngineError, InputError, NoSuchRunError
from engine.text import clean
from tui.command_line import commands, full_screen
from tui.command_line.arguments import Colours, Constants, Flags, Notify, WhenDone, as_config
from tui.command_line.exit_codes import ExitCode
from tui.terminal.ending import Ending

app = App(
    name="cifar-tui",
    version=__version__,
    help="Train an image classifier and watch it, in a terminal. Without a command: the app, its form filled in with"
    " the constants given.",
    help_format="plaintext",
    result_action="return_value",
)
_MODULES = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
COMMANDS = tuple(name.replace("_", "-") for name in _MODULES)
for _name, _command in zip(_MODULES, COMMANDS, strict=True):
    app.command(getattr(importlib.import_module(f"{commands.__name__}.{_name}"), _name), name=_command)


@app.default
def start_app(
    *,
    colours: Colours = "auto",
    when_done: WhenDone = "",
    notify: Notify = None,
    config: Constants = Flags(),  # noqa: B008 - never changed
) -> int:
    chosen = None if colours == "auto" else colours
    return full_screen.start(as_config(config), colours=chosen, ending=Ending(when_done, notify))


def execute_command(arguments: list[str]) -> int:
    """Run one command line and return the exit code. An error is one or two lines on stderr, never a traceback."""
    try:
        result = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        print(f"cifar-tui: {_explained(error)}", file=sys.stderr)
        return ExitCode.WRONG
    except (ConstantError, InputError, NoSuchRunError) as error:
        print(f"cifar-tui: {error.message}", file=sys.stderr)
        return ExitCode.WRONG
    except EngineError as error:
        print(f"cifar-tui: {error.message}", file=sys.stderr)
        return ExitCode.FAILED
    except BrokenPipeError:
        # The reader of stdout is gone, as in `cifar-tui runs | head -1`. That is no error.
        return ExitCode.DONE
    return result if isinstance(result, int) else ExitCode.DONE


def _explained(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        word = clean(error.unused_tokens[0])
        return f"'{word}' is not understood here. The commands are {', '.join(COMMANDS)}; see --help."
    return f"{clean(error)} See --help."
