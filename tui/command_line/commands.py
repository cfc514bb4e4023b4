"""The command line: the constants as flags, and the subcommands.

Only what every command needs is imported on top; the app, Rich and the engine's heavier parts are imported by the
command that wants them, so that `--help` and the first paint come at once.
"""

from __future__ import annotations

import sys
from dataclasses import field, make_dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from engine import __version__
from engine.config import CONSTANTS, Constant, TrainingConfig
from engine.errors import ConstantError, EngineError, NoSuchRunError
from engine.export import FILES
from engine.text import clean
from tui.command_line import full_screen
from tui.command_line.exit_codes import ExitCode


def _flag(constant: Constant) -> tuple[object, object]:
    """Return the type and the default of a constant's flag: bool for `--name` and `--no-name`, otherwise str.

    `TrainingConfig.checked` reads the text, because it has the messages for wrong values.
    """
    explained = Parameter(help=f"{constant.help} Allowed: {constant.allowed}.")
    if constant.type is bool:
        return Annotated[bool, explained], field(default=constant.default)
    return Annotated[str, explained], field(default=str(constant.default))


_Flags = make_dataclass(
    "_Flags",
    [(c.name, *_flag(c)) for c in CONSTANTS],
    namespace={"__module__": __name__},  # Cyclopts takes no flags from a class of the standard library
)
if TYPE_CHECKING:
    Constants = object
else:
    Constants = Annotated[_Flags, Parameter(name="*")]
RunsDir = Annotated[Path, Parameter(help="Where the runs are.")]
RunArgument = Annotated[str | None, Parameter(help="A run's name or folder; left out, the latest run.")]

app = App(
    name="cifar-tui",
    version=__version__,
    help="Train an image classifier and watch it, in a terminal. Without a command: the app, its form filled in with"
    " the constants given.",
    help_format="plaintext",
    result_action="return_value",
)


def execute_command(arguments: list[str]) -> int:
    """Run one command line; the exit code. An error is one or two lines on stderr, never a traceback."""
    try:
        result = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        print(f"cifar-tui: {_explained(error)}", file=sys.stderr)
        return ExitCode.WRONG
    except (ConstantError, NoSuchRunError) as error:
        print(f"cifar-tui: {error.message}", file=sys.stderr)
        return ExitCode.WRONG
    except EngineError as error:
        print(f"cifar-tui: {error.message}", file=sys.stderr)
        return ExitCode.FAILED
    except BrokenPipeError:
        # Whoever read our output has gone, as in `cifar-tui runs | head -1`; nothing is left to be told.
        return ExitCode.DONE
    return result if isinstance(result, int) else ExitCode.DONE


def _explained(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        commands = ", ".join(name for name in app if not name.startswith("-"))
        return f"'{clean(error.unused_tokens[0])}' is not understood here. The commands are {commands}; see --help."
    return f"{clean(error)} See --help."


@app.default
def start_app(*, config: Constants = _Flags()) -> int:  # noqa: B008 - never changed
    return full_screen.start(as_config(config))


@app.command
def watch(run: RunArgument = None, /, *, runs_dir: RunsDir = Path("runs")) -> int:
    """Show a run of another process as it goes on, or the results of one that ended."""
    from engine.storage.listing import find

    folder = find(runs_dir, run)
    return full_screen.start(TrainingConfig(runs_dir=runs_dir), watch=folder)


@app.command
def train(
    *,
    json: Annotated[
        bool, Parameter(negative="", help="One event a line on stdout, as JSON, and nothing else.")
    ] = False,
    config: Constants = _Flags(),  # noqa: B008 - never changed
) -> int:
    """Train without the app: a progress display on a terminal, plain lines otherwise."""
    from engine.runs.local import Run
    from tui.command_line.headless import JsonLines, follow, on_terminal

    return follow(Run(as_config(config)).start(), JsonLines() if json else on_terminal())


@app.command
def resume(
    run: Annotated[
        str | None, Parameter(help="A run's name or folder; left out, the latest run that did not complete.")
    ] = None,
    /,
    *,
    json: Annotated[
        bool, Parameter(negative="", help="One event a line on stdout, as JSON, and nothing else.")
    ] = False,
    runs_dir: RunsDir = Path("runs"),
) -> int:
    """Go on with an interrupted run from its newest checkpoint, with the constants and images it had."""
    from engine.runs.local import Run
    from engine.storage.listing import find
    from tui.command_line.headless import JsonLines, follow, on_terminal

    resumed = Run.resume(find(runs_dir, run, "unfinished"))
    return follow(resumed.start(), JsonLines() if json else on_terminal())


@app.command
def stop(
    run: Annotated[str | None, Parameter(help="A run's name or folder; left out, the latest live run.")] = None,
    /,
    *,
    runs_dir: RunsDir = Path("runs"),
) -> int:
    """Ask a live run to stop, evaluate and save, and wait until it has."""
    from engine.storage.listing import find
    from tui.command_line.stop import stop_run

    return stop_run(find(runs_dir, run, "live"))


@app.command
def runs(
    *,
    json: Annotated[bool, Parameter(negative="", help="As JSON.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """List the runs here: name, status, when, accuracy."""
    from engine.storage.listing import list_runs

    entries = list_runs(runs_dir)
    if json:
        _print_json([entry.as_json() for entry in entries])
        return
    from tui.command_line.printed import print_runs

    print_runs(entries, runs_dir)


@app.command(help=f"Write the files of a run to a folder: {', '.join(FILES)}.")
def export(
    run: RunArgument = None,
    /,
    *,
    to: Annotated[Path, Parameter(help="Where the bundle goes; made if it is not there.")],
    runs_dir: RunsDir = Path("runs"),
) -> None:
    from engine.export.bundle import write_bundle
    from engine.storage.listing import find
    from engine.storage.tail import read

    written = write_bundle(read(find(runs_dir, run)), to)
    print("\n".join(str(path) for path in written))


@app.command
def bench(
    *,
    json: Annotated[Path | None, Parameter(help="Also write every single measurement to this file.")] = None,
    screen: Annotated[bool, Parameter(help="Also measure what the screen costs, on the real app.")] = True,
    config: Constants = _Flags(),  # noqa: B008 - never changed
) -> int:
    """Measure the speed here and now against the notebook's own loop; takes some minutes."""
    from tui.bench.report import bench

    return bench(as_config(config), json, screen=screen)


def as_config(flags: object) -> TrainingConfig:
    """Return the config that the flags give. Raises `ConstantError`."""
    return TrainingConfig.checked(vars(flags))


def _print_json(content: object) -> None:
    print(dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
