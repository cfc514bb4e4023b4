"""The app as far as it shows runs: opened from the disk, their results, their images, and what is exported of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.storage.layout import is_sweep
from engine.text import clean
from tui import work
from tui.dialogs.choice import unfinished
from tui.dialogs.export_to import Exportable, ExportTo
from tui.running import RunningApp
from tui.screens.messages import Compare, Export, OpenRun, ShowImages, ShowOwnPictures, ShowResults
from tui.terminal.ending import DEFAULT, Ending

if TYPE_CHECKING:
    from engine.record.record import RunRecord
    from engine.runs.watched import WatchedRun
    from tui.screens.sweep_reader import SweepReader


class ShowingApp(RunningApp):
    """Opens a run that is on disk, as it trains or with its results, and the screens that lead on from those."""

    def __init__(self, ending: Ending = DEFAULT) -> None:
        super().__init__(ending)
        self._recent_pictures: list[str] = []
        """Paths that were typed to have pictures classified, the newest first."""

    def on_open_run(self, message: OpenRun) -> None:
        """Show a run of the list. If it did not complete, ask whether to resume it."""
        self.open_run(message.folder, offer_resume=True)

    def open_run(self, folder: Path, *, offer_resume: bool = False) -> None:
        """Show the run in `folder`, as it trains or its results; or the sweep, if it is one."""
        from engine.storage.entry import UNFINISHED

        here = self.screen
        if (
            self.training is not None
            and not self.training.ended
            and folder.absolute() == self.training.folder.absolute()
        ):
            self.show_training(self.training)
            return

        def read() -> tuple[WatchedRun, RunRecord] | SweepReader:
            if is_sweep(folder):
                from tui.screens.sweep_reader import SweepReader

                return SweepReader(folder)
            from engine.runs.watched import WatchedRun

            watched = WatchedRun(folder)
            return watched, watched.record()

        def show(found: tuple[WatchedRun, RunRecord] | SweepReader) -> None:
            if not isinstance(found, tuple):
                self._show_sweep(found)
                return
            watched, record = found
            if self.screen is not here:  # the user went elsewhere meanwhile
                watched.close()
            elif not record.ended:
                self.show_training(watched.start())
            elif offer_resume and record.status in UNFINISHED:
                self.push_screen(unfinished(folder.name, record.status), partial(chosen, record))
            else:
                self._show_results(record, folder)

        def chosen(record: RunRecord, answer: str | None) -> None:
            if answer == "resume":
                self.resume(folder)
            elif answer == "show":
                self._show_results(record, folder)

        def failed(error: EngineError) -> None:
            if self.screen is here and len(self.screen_stack) == 1:  # the app began with it
                self.to_form()
            self.tell(error)

        work.run(self, read, show, failed)

    def _show_sweep(self, reader: SweepReader) -> None:
        from tui.screens.sweep import SweepScreen

        self.push_screen(SweepScreen(reader))

    def _show_results(self, record: RunRecord, folder: Path) -> None:
        from tui.screens.results import ResultsScreen

        self.push_screen(ResultsScreen(record, folder))

    def on_show_results(self, message: ShowResults) -> None:
        self._show_results(message.record, message.folder)

    def on_show_images(self, message: ShowImages) -> None:
        """Show the images of an evaluation as pictures."""
        from tui.screens.gallery import GalleryScreen

        self.push_screen(
            GalleryScreen(
                message.record,
                message.folder,
                message.index,
                true=message.true,
                predicted=message.predicted,
                order=message.order,
                among=message.among,
            )
        )

    def on_compare(self, message: Compare) -> None:
        """Show runs beside each other."""
        from tui.screens.compare import CompareScreen

        self.push_screen(CompareScreen(message.folders))

    def on_show_own_pictures(self, message: ShowOwnPictures) -> None:
        """Let the network of a run classify pictures that a person names."""
        from tui.screens.own_pictures import OwnPicturesScreen

        self.push_screen(OwnPicturesScreen(message.record, message.folder, self._recent_pictures))

    def on_export(self, message: Export) -> None:
        """Ask where to, and write the files of a run."""
        from engine.export import FILES, WITH_PREDICTIONS
        from engine.export.bundle import write_bundle
        from engine.use.exported import FILES as MODEL_FILES
        from tui.look.wording import CHECKING

        written: list[Path] = []
        remarks: list[str] = []

        def exported(folder: Path | None) -> None:
            if folder is not None:
                names = ", ".join(path.name for path in written)
                told = [f"{names} are in {clean(folder.absolute())}", *remarks]
                self.notify("\n".join(told), title="Exported", markup=False, timeout=10 if remarks else None)

        # Both write in a thread of their own, so they need a record of their own.

        def write_results(folder: Path) -> None:
            remarks.clear()
            written[:] = write_bundle(message.record.copy(), folder, message.folder, remarks.append)

        def write_network(folder: Path) -> None:
            from engine.export.model.folder import write_model

            remarks.clear()
            written[:], onnx = write_model(message.record.copy(), message.folder, folder, say=remarks.append)
            if onnx is not None:
                remarks.append(onnx.told)

        here = Path.cwd() / message.folder.name
        results = Exportable("results", (*FILES, *WITH_PREDICTIONS), Path(f"{here}-export"), write_results)
        network = Exportable("model", MODEL_FILES, Path(f"{here}-model"), write_network, CHECKING)
        self.push_screen(ExportTo(results, network), exported)
