"""The annotator: a video, its layers, and everything to work on them, as one widget."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal

import ipywidgets

from jupytrack.annotation.conflict import Conflict
from jupytrack.annotation.layer_list import BUFFER
from jupytrack.annotation.layers import LayerStack
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import AnnotationError, ConflictError, JupytrackError, Level
from jupytrack.video.reader import VideoReader
from jupytrack.widgets import commands as table
from jupytrack.widgets.actions import layers
from jupytrack.widgets.bindings import Bindings
from jupytrack.widgets.colors import css
from jupytrack.widgets.dialogs import Banner, Choice, Question
from jupytrack.widgets.frame_canvas import FrameCanvas
from jupytrack.widgets.lifetime import Lifetime
from jupytrack.widgets.methods import AnnotatorMethods
from jupytrack.widgets.options import OptionError, checked, refuse_unknown
from jupytrack.widgets.overlay import TRANSLUCENT, Overlay
from jupytrack.widgets.panels import EnhancePanel, LabelsPanel, LayersPanel, Panel
from jupytrack.widgets.projects.methods import Projects
from jupytrack.widgets.projects.panel import ProjectPanel
from jupytrack.widgets.questions import Questions
from jupytrack.widgets.queue.queued import Queued
from jupytrack.widgets.session import Session
from jupytrack.widgets.tools import CopyPanel, IntervalPanel, TraceBar, toolbar
from jupytrack.widgets.traces import LOWEST, Traces
from jupytrack.widgets.tracking import Tracking
from jupytrack.widgets.tracking_panels import BlipsPanel, DoubtBar, TrackingPanel

__all__ = ["Annotator", "DUSTrack"]

Layers = str | VideoAnnotation | Sequence[str] | Sequence[VideoAnnotation] | Mapping[str, Any] | LayerStack
_SHEETS = ("annotator.css", "projects/projects.css")
_STYLE = "".join((Path(__file__).parent / name).read_text() for name in _SHEETS)


class Annotator(Projects, Questions, Bindings, AnnotatorMethods, Tracking, Queued, Lifetime):
    """Place and correct points on a video, frame by frame, in a notebook cell.

    Most users call :func:`jupytrack.open`, which also finds the layers that lie beside the video.

    An annotator whose layers are all opened again in this kernel gives way to the new one: it frees its
    memory, and its output says where to go on. It stays, read-only, where that would lose something: points
    in the buffer layer, or a video that is being written.

    Parameters
    ----------
    vid_name : path or VideoReader
        The video.
    annotation_names : str, list, mapping or VideoAnnotation
        The layers: names (their files are ``<video>_annotations_<name>.json`` beside the video), a mapping of
        names to files, or annotations. The first one is active. A ``buffer`` layer is always added. Or a
        :class:`jupytrack.LayerStack` of this video, which the annotator then closes when it is closed.
    clahe_clip : float
        Contrast (CLAHE clip limit); 1 is off.
    clahe_grid : int
        CLAHE tiles along each side.
    gamma : float
        Above 1 brightens middle tones.
    brightness : float
        Added to every value.
    dark_mode : bool, optional
        Dark or light colours; by default those of the notebook.
    n_labels : int
        Labels of a new layer.
    titlefunc : callable, optional
        Called with the annotator when the frame changes; returns the line above the picture.
    height_ratios : tuple of three float
        Heights of the picture and the two traces; a trace is never lower than can be read.
    fast_render : bool
        Accepted for scripts written for DUSTrack; drawing is always fast.
    other_layers : mapping of str to path, optional
        Further layers, by name. One that cannot be read is left out, with a warning.
    accept_other_video : bool
        Open layers even though they were made on another video.

    Attributes
    ----------
    session : Session
        The state that everything binds to: ``session.frame``, ``session.label``, and so on.
    canvas : FrameCanvas
        The picture.
    overlay : Overlay
        What is painted over the picture; ``overlay.add_painter(function)`` adds your own.
    traces : Traces
        The plots.
    commands : dict of str to Command
        Every command by name, with the keys that run it.

    Raises
    ------
    VideoNotFoundError, VideoError
        If the video cannot be read.
    FormatError, ConflictError
        If a layer cannot be read, or belongs to another video.
    OptionError
        If an option does not exist, or cannot have this value.
    """

    def __init__(
        self,
        vid_name: str | os.PathLike[str] | VideoReader,
        annotation_names: Layers = "iteration-0",
        *args: Any,
        clahe_clip: float = 1.0,
        clahe_grid: int = 8,
        gamma: float = 1.0,
        brightness: float = 0,
        dark_mode: bool | None = None,
        n_labels: int = 1,
        titlefunc: Callable[[Any], str] | None = None,
        height_ratios: tuple[float, float, float] = (10, 1, 1),
        fast_render: bool = True,
        other_layers: Mapping[str, str | os.PathLike[str]] | None = None,
        accept_other_video: bool = False,
        **kwargs: Any,
    ) -> None:
        refuse_unknown(kwargs, self.options(), "Annotator")
        if args:
            raise OptionError(
                f"Annotator takes two arguments without a name, {2 + len(args)} were given.",
                "Name the others, for instance titlefunc=...; there is no figure to draw into.",
            )
        options = checked(
            clahe_clip=clahe_clip,
            clahe_grid=clahe_grid,
            gamma=gamma,
            brightness=brightness,
            dark_mode=dark_mode,
            titlefunc=titlefunc,
            height_ratios=height_ratios,
        )
        self._owns_video = not isinstance(vid_name, VideoReader)
        video = vid_name if isinstance(vid_name, VideoReader) else VideoReader(os.fspath(vid_name))
        self._n_labels = n_labels
        if isinstance(annotation_names, LayerStack):
            stack, wanted = annotation_names, None
        else:
            stack, wanted = LayerStack(video, accept_other_video=accept_other_video), annotation_names
        try:
            if wanted is not None:
                self._add_layers(stack, wanted, n_labels)
            left_out = self._add_others(stack, other_layers or {})
            self.session = Session(video, stack, enhancement=options.enhancement, theme=options.theme)
        except BaseException:
            # nobody else can give the locks back
            stack.close()
            if self._owns_video:
                video.close()
            raise
        if self.session.labels:
            self.session.select_label((self.ann.labels or self.session.labels)[0])
        self.commands: dict[str, table.Command] = dict(table.BY_NAME)
        self._titlefunc = titlefunc
        self._ratios = options.height_ratios
        self._roles: tuple[str, str | None, str, bool] | None = None
        # before anything is drawn, so that nothing is drawn in vain
        self.update_annotation_visibility()
        self.overlay = Overlay(self.session)
        self.canvas = FrameCanvas(
            self.session, table.browser_table(self.commands.values()), self._run_from_browser, self.overlay
        )
        self.traces = Traces(self.session, self._trace_heights())
        self.canvas.marker_models = self.traces.markers
        self.canvas.interval_models = self.traces.intervals
        self.canvas.trace_figures = list(self.traces.figures)
        super().__init__(self._build(), layout=ipywidgets.Layout(width="100%"))
        self.add_class("jupytrack")
        self.add_class("jupytrack-annotator")
        self._show_theme()
        self.session.observe(
            lambda _: self.update_annotation_visibility(), ["layers_revision", "label", "all_traces"]
        )
        self.session.observe(lambda _: self._show_title(), ["frame"])
        self.session.observe(lambda _: self._show_theme(), ["theme"])
        self.session.observe(lambda _: self._attend(), ["read_only", "layers_revision"])
        self.canvas.observe(self._on_height, ["height"])
        self._show_title()
        self._attend()
        told = (message for message in stack.messages if not self.session.is_asked(message[1]))
        for message in (*told, *left_out, *(("warning", text, "") for text in video.warnings)):
            self.session.notify(*message)
        self._enter()
        self._reading = stack.read_in_background()

    @classmethod
    def options(cls) -> set[str]:
        """Names of the options of the constructor."""
        parameters = inspect.signature(Annotator.__init__).parameters.values()
        return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - {
            "self",
            "vid_name",
        }

    @classmethod
    def from_annotations(
        cls, annotations: VideoAnnotation | Sequence[VideoAnnotation], *args: Any, **kwargs: Any
    ) -> Annotator:
        """Open the video that some annotations belong to, with them as layers.

        Parameters
        ----------
        annotations : VideoAnnotation or list of VideoAnnotation
            Layers of one video.
        *args, **kwargs
            Passed on to :class:`Annotator`.

        Raises
        ------
        AnnotationError
            If they belong to no video, or to several.
        """
        found = [annotations] if isinstance(annotations, VideoAnnotation) else list(annotations)
        videos = {str(ann.video.fname) for ann in found if ann.video is not None}
        if len(videos) != 1 or any(ann.video is None for ann in found):
            raise AnnotationError(
                f"These annotations belong to {len(videos) or 'no'} video{'s' if len(videos) > 1 else ''}.",
                "Give annotations of one video, made with VideoAnnotation(fname, vname).",
            )
        return cls(videos.pop(), found, *args, **kwargs)

    # layers

    def add_annotation_layers(self, annotation_names: Layers, n_labels: int = 1) -> None:
        """Add layers: those whose files exist are read, others begin empty.

        Parameters
        ----------
        annotation_names : str, list, mapping or VideoAnnotation
            As for the constructor. Layers that are there already are left alone.
        n_labels : int
            Labels of a layer that begins empty.

        Raises
        ------
        FormatError, ConflictError
            If a file cannot be read, or belongs to another video.
        """
        with self.session.lock, self.session.batch():
            self._add_layers(self.session.layers, annotation_names, n_labels, undoable=True)

    def add_layer(self, name: str) -> None:
        """Add a layer of this name and make it the active one; its file is read if there is one.

        A new layer gets the labels of the active one.

        Raises
        ------
        AnnotationError
            If there is such a layer already, or the name is empty.
        """
        if not name or name in self.session.layers:
            raise AnnotationError(
                f"There is a layer {name!r} already." if name else "A layer needs a name.",
                "Choose another name.",
            )
        with self.session.lock, self.session.batch():
            self.session.layers.add(name, labels=self.ann.labels or ["0"], undoable=True)
        layers.select_layer(self.session, name)

    @staticmethod
    def _add_layers(stack: LayerStack, given: Layers, n_labels: int, undoable: bool = False) -> None:
        wanted: dict[str, Any]
        if isinstance(given, VideoAnnotation):
            wanted = {given.name: given}
        elif isinstance(given, Mapping):
            wanted = dict(given)
        elif not isinstance(given, Iterable):
            raise AnnotationError(
                f"{given!r} names no layers.", "Give a name, a list of names, or a mapping of names to files."
            )
        else:
            found = [given] if isinstance(given, str) else list(given)
            wanted = {one.name if isinstance(one, VideoAnnotation) else str(one): one for one in found}
            wanted = {name: one if isinstance(one, VideoAnnotation) else None for name, one in wanted.items()}
        for name, source in wanted.items():
            if name not in stack.names:
                stack.add(name, source, n_labels=n_labels, undoable=undoable and name != BUFFER)
        stack.buffer.set_plot_type("line", draw=False)

    @staticmethod
    def _add_others(
        stack: LayerStack, others: Mapping[str, str | os.PathLike[str]]
    ) -> list[tuple[Level, str, str]]:
        """Add layers nobody asked for by name; one that cannot be read keeps nobody from the video."""
        left_out: list[tuple[Level, str, str]] = []
        for name, path in others.items():
            if name in stack.names:
                continue
            try:
                stack.add(name, Path(path))
            except JupytrackError as error:
                problem = f"Layer {name!r} ({Path(path).name}) was left out. {error.problem}"
                left_out.append(("warning", problem, error.remedy))
        return left_out

    # view

    def update(self) -> None:
        """Show what is there now; changes show by themselves, so this is rarely needed."""
        self.session.touch_overlay()

    def refresh(self, event: Any = None) -> None:
        """Draw everything anew."""
        with self.session.batch():
            for ann in self.session.layers:
                ann.invalidate_caches()
            self.session.frames_revision += 1
            self.session.touch_overlay()

    def update_frame_marker(self, draw: bool = False) -> None:
        """Draw the traces anew; the browser moves the frame marker by itself."""
        self.traces.refresh()

    def update_annotation_visibility(self, draw: bool = False) -> None:
        """Show the active layer, the overlay layer translucent, and hide the others; and their traces."""
        session, stack = self.session, self.session.layers
        roles = (stack.active, stack.overlay, session.label, session.all_traces)
        changed = self._roles is None or roles[:2] != self._roles[:2]
        self._roles = roles
        with session.batch():
            for ann in (*stack.loaded, stack.buffer):
                name = ann.name
                if changed:
                    ann.set_alpha(TRANSLUCENT if name == stack.overlay != stack.active else 1.0, draw=False)
                    if name in (stack.active, stack.overlay):
                        ann.show(draw=False)
                    else:
                        ann.hide(draw=False)
                labels = list(ann.labels)
                shown = [label for label in labels if session.all_traces or label == session.label]
                ann.display.set_traces(shown, [label for label in labels if label not in shown], draw=False)
            session.touch_overlay()

    def freeze_plot_axes(self, event: Any = None) -> None:
        """Keep the limits of the traces as they are."""
        self.traces.freeze(True)
        self.trace_bar.show()

    def unfreeze_plot_axes(self, event: Any = None) -> None:
        """Let the limits of the traces follow the data again."""
        self.traces.freeze(False)
        self.trace_bar.show()

    def reset_view(self) -> None:
        """Show the whole picture, and in the traces the whole video and the current label."""
        self.perform("fit")
        self.reset_traces()

    def reset_view_to_data(self) -> None:
        """Show the whole picture, and in the traces the annotated frames and all labels."""
        self.perform("fit")
        self.traces.show_annotated()

    def reset_traces(self) -> None:
        """Show the whole video and the current label in the traces."""
        self.traces.fit_values()
        self.traces.show_whole_video()

    def set_image_background_color(self, color: Any) -> None:
        """Set the colour around the picture.

        Parameters
        ----------
        color : str or tuple of three float
            A CSS colour, or red, green and blue from 0 to 1.
        """
        self._background = color if isinstance(color, str) else css(color)
        self._show_theme()

    # putting it together

    def _build(self) -> list[ipywidgets.Widget]:
        self._style = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self._background = ""
        self.read_only_banner = Banner("warning")
        self.question = Question()
        self.jobs = ipywidgets.VBox([])
        self.title_line = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self.trace_bar = TraceBar(self)
        self.doubt_bar = DoubtBar(self)
        self.tracking_panel = TrackingPanel(self)
        self.blips_panel = BlipsPanel(self)
        self.project_panel = ProjectPanel(self)
        self.panels: tuple[Panel, ...] = (
            LayersPanel(self),
            LabelsPanel(self),
            self.project_panel,
            EnhancePanel(self),
            CopyPanel(self),
            IntervalPanel(self),
            self.tracking_panel,
            self.blips_panel,
        )
        for panel in self.panels:
            heading = ipywidgets.HTML(escape(panel.title), _dom_classes=("jupytrack-heading",))
            panel.children = (heading, *panel.children)
        # what is used while one looks at the picture or the traces is near them
        below = (self.tracking_panel, self.blips_panel)
        for panel in below:
            panel.layout.flex, panel.layout.width = "1 1 280px", "auto"
        under = ipywidgets.HBox(below, layout=ipywidgets.Layout(width="100%", flex_flow="row wrap"))
        traces = [self.trace_bar, self.traces.widget, self.doubt_bar]
        picture = ipywidgets.VBox(
            [self.title_line, self.canvas, self.jobs, *traces, under],
            layout=ipywidgets.Layout(flex="6 1 480px", min_width="0", width="auto"),
        )
        beside = [panel for panel in self.panels if panel not in below]
        side = ipywidgets.VBox(beside, layout=ipywidgets.Layout(flex="1 1 280px", min_width="0"))
        body = ipywidgets.HBox(
            [picture, side],
            layout=ipywidgets.Layout(width="100%", flex_flow="row wrap", align_items="flex-start"),
        )
        for box, name in ((side, "side"), (body, "body"), (picture, "main"), (under, "under")):
            box.add_class(f"jupytrack-{name}")
        return [self._style, self.read_only_banner, self.question, toolbar(self), body]

    def _show_read_only(self) -> None:
        if not self.session.read_only:
            self.read_only_banner.hide()
            return
        conflict = None if self.ann.durable is None else self.ann.durable.conflict
        if conflict is not None:
            theirs = "Take the file's" if conflict.ours is None else "Take the other one's"
            self.read_only_banner.say(
                conflict.problem,
                conflict.remedy,
                [
                    ("Keep our version", "", lambda: self._resolve(conflict, "journal")),
                    (theirs, "", lambda: self._resolve(conflict, "file")),
                ],
            )
            return
        try:
            self.session.require_writable()
        except ConflictError as error:
            steal: list[Choice] = [("Take over…", "primary", self.confirm_take_over), ("Leave it", "", None)]
            # what another cell of this kernel holds is not taken from it
            choices = [] if self.ann.durable is None else steal
            self.read_only_banner.say(error.problem, error.remedy, choices)

    def _resolve(self, conflict: Conflict, keep: Literal["journal", "file"]) -> None:
        with self.session.reporting(), self.session.lock, self.session.batch():
            kept = conflict.resolve(keep)
            self.session.notify("info", f"The other version was kept as {kept.name}.")
        self._attend()

    def _attend(self) -> None:
        """Show whether the active layer may be edited."""
        self.session.update_read_only()
        self.session.update_status()
        self._show_read_only()

    def _trace_heights(self) -> tuple[float, float]:
        picture, *rest = self._ratios
        scale = self.canvas.height / picture
        return tuple(max(scale * ratio, LOWEST) for ratio in rest)  # type: ignore[return-value]

    def _on_height(self, _: Any) -> None:
        for figure, height in zip(self.traces.figures, self._trace_heights(), strict=True):
            figure.layout.height = f"{height:.0f}px"

    def _show_title(self) -> None:
        if self._titlefunc is None:
            return
        try:
            title = str(self._titlefunc(self))
        except Exception as error:
            # once is enough: it would fail on every frame
            self._titlefunc = None
            self.title_line.layout.display = "none"
            problem = f"titlefunc failed: {type(error).__name__}: {error}"
            self.session.notify("error", problem, "Correct it, and open the video again.")
            return
        self.title_line.value = escape(title)
        self.title_line.layout.display = None

    def _show_theme(self) -> None:
        extra = f".jupytrack-annotator .jupytrack-stage {{ background: {self._background}; }}"
        self._style.value = f"<style>{_STYLE}{extra if self._background else ''}</style>"
        for theme in ("dark", "light"):
            (self.add_class if self.session.theme == theme else self.remove_class)(f"jupytrack-{theme}")


DUSTrack = Annotator
