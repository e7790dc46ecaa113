"""The picture with everything on it: frames, overlay, pointer and keys, in one widget."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
from ipycanvas import Canvas
from ipywidgets import widget_serialization

from jupytrack.errors import JupytrackError
from jupytrack.video.stills import encode_still
from jupytrack.widgets import messages
from jupytrack.widgets.overlay import Overlay
from jupytrack.widgets.recording import RecordingManager
from jupytrack.widgets.session import Session
from jupytrack.widgets.stills import StillQueue

__all__ = ["FrameCanvas"]

log = logging.getLogger(__name__)
_STATIC = Path(__file__).parents[1] / "static"
_MISSING = """export default {{ render({{ el }}) {{
  el.textContent = "The browser part of jupytrack is not built: {name} is missing. Run make bundle.";
}} }};"""
_EDITS_REMEMBERED = 2000
_NOTICES_KEPT = 20
# whether this thread is answering a browser
_answering: contextvars.ContextVar[bool] = contextvars.ContextVar("answering", default=False)


def _asset(name: str) -> str:
    path = _STATIC / name
    if path.exists():
        # not the path: anywidget would watch it, and keep every canvas for that
        return path.read_text(encoding="utf-8")
    return _MISSING.format(name=name) if name.endswith(".js") else ""


class FrameCanvas(anywidget.AnyWidget):
    """Shows a session's video and passes on what the user does.

    The browser decides which frame is on the screen and when; this side sends frames and overlays on request
    and carries out edits and commands.

    Parameters
    ----------
    session : Session
        What to show.
    commands : list of dict
        The table of commands, see :func:`jupytrack.widgets.commands.browser_table`.
    run_command : callable
        Called as ``run_command(name, {"frame": ..., "pointer": ..., **args})`` for commands of the kernel.
    overlay : Overlay
        What is painted over the frames.

    Attributes
    ----------
    frame, playing, speed, theme, status, trace_unit
        In step with the session's.
    hidden : bool
        Whether another video is shown in its place. The browser then plays nothing, asks for nothing and
        gives its frames back; zoom and place of the picture stay.
    height : int
        Height of the picture in CSS pixels.
    marker_models : list of bqplot marks
        Their ``x`` follows the shown frame in the browser, without a message to the kernel.
    trace_figures : list of bqplot.Figure
        A click or a drag on them goes to that frame; a drag with shift selects an interval.
    interval_models : list of bqplot marks
        They show the interval while the browser draws it.
    """

    _esm = _asset("widget.js")
    _css = _asset("widget.css")

    info = traitlets.Dict().tag(sync=True)
    timestamps = traitlets.Bytes().tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    status = traitlets.Dict().tag(sync=True)
    bindings: Any = traitlets.List().tag(sync=True)
    theme = traitlets.Unicode("auto").tag(sync=True)
    trace_unit = traitlets.Unicode("frame").tag(sync=True)
    hidden = traitlets.Bool(False).tag(sync=True)
    height = traitlets.Int(480, min=100, max=10_000).tag(sync=True)
    canvas_model = traitlets.Instance(Canvas).tag(sync=True, **widget_serialization)
    recorder_model = traitlets.Instance(RecordingManager, allow_none=True).tag(
        sync=True, **widget_serialization
    )
    marker_models = traitlets.List(traitlets.Instance(ipywidgets.Widget)).tag(
        sync=True, **widget_serialization
    )
    interval_models = traitlets.List(traitlets.Instance(ipywidgets.Widget)).tag(
        sync=True, **widget_serialization
    )
    trace_figures = traitlets.List(traitlets.Instance(ipywidgets.Widget)).tag(
        sync=True, **widget_serialization
    )

    _FOLLOWED = ("frame", "playing", "speed", "theme", "trace_unit")

    def __init__(
        self,
        session: Session,
        commands: list[dict[str, Any]],
        run_command: Callable[[str, dict[str, Any]], Any],
        overlay: Overlay,
        **traits: Any,
    ) -> None:
        video = session.video
        self.session = session
        self.overlay = overlay
        self._run_command = run_command
        self._lock = threading.RLock()
        self._browser: contextvars.Context | None = None
        self._edits: dict[str, bool] = {}
        self._views: set[str] = set()
        self._kept_notices: list[dict[str, Any]] = []
        self._stills = StillQueue(self._send_still)
        self._recorder = ThreadPoolExecutor(1, thread_name_prefix="jupytrack-overlay")
        super().__init__(
            info={
                "width": int(video.width),
                "height": int(video.height),
                "n_frames": len(video),
                "fps": float(video.get_avg_fps()),
                "missing": int(getattr(video, "missing_frames", 0)),
            },
            timestamps=np.ascontiguousarray(video.timestamps, dtype="<f8").tobytes(),
            status=session.status,
            bindings=commands,
            canvas_model=overlay.canvas,
            recorder_model=overlay.manager,
            **{name: getattr(session, name) for name in self._FOLLOWED},
            **traits,
        )
        self.on_msg(self._on_message)
        self._stops = [
            session.on_points_changed(self._on_points_changed),
            session.on_confirmed(self._on_confirmed),
            session.on_notice(self._on_notice),
        ]
        session.observe(self._on_session, [*self._FOLLOWED, "status"])
        session.observe(self._on_frames_changed, ["frames_revision"])
        session.observe(self._on_layers_changed, ["layers_revision"])
        self.observe(self._on_browser, list(self._FOLLOWED))

    def perform(self, name: str) -> None:
        """Let the browser carry out one of its own commands, such as ``fit`` or ``full_window``."""
        self.send({"type": "perform", "name": name})

    def refresh(self) -> None:
        """Draw everything anew."""
        self.session.touch_overlay()
        self._on_frames_changed(None)

    def hide(self) -> None:
        """Stop playing, and give back what is kept to be quick, while another video is shown instead."""
        self.session.playing = False
        self.hidden = True
        with self._lock:
            views = list(self._views)
        for view in views:
            self._stills.forget(view)
        self.overlay.release()
        self.session.video.release()

    def show(self) -> None:
        """Be shown again, as it was."""
        self.hidden = False

    def close(self) -> None:
        """Stop following the session, and leave the screen."""
        for stop in getattr(self, "_stops", []):
            stop()
        if getattr(self, "_stops", None):
            self._stops = []
            self.session.unobserve(self._on_session, [*self._FOLLOWED, "status"])
            self.session.unobserve(self._on_frames_changed, ["frames_revision"])
            self.session.unobserve(self._on_layers_changed, ["layers_revision"])
            self._stills.close()
            self._recorder.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _handle_msg(self, msg: Any) -> None:
        token = _answering.set(True)
        self._browser = contextvars.copy_context()
        try:
            super()._handle_msg(msg)
        finally:
            _answering.reset(token)

    def _send(self, msg: Any, buffers: Any = None) -> None:
        """Send as if in answer to the browser, also when a running cell made the change.

        The kernel handles what a browser says to a widget in the thread that last sent to that browser. After
        a message from a cell that would be the thread of the cells, and the picture would stand still until
        the cell is done.
        """
        context = self._browser
        if context is None or _answering.get():
            super()._send(msg, buffers)
        else:
            context.copy().run(super()._send, msg, buffers)

    def _on_session(self, change: Any) -> None:
        setattr(self, change["name"], change["new"])

    def _on_browser(self, change: Any) -> None:
        name, value = change["name"], change["new"]
        try:
            setattr(self.session, name, value)
        except traitlets.TraitError:
            log.warning("The browser set %s to %r, which is impossible.", name, value)
        # the session may know better, for instance where the video ends
        setattr(self, name, getattr(self.session, name))

    def _on_points_changed(self, frames: Any) -> None:
        affected = self.overlay.affected(frames)
        self.send(
            {
                "type": "invalidate",
                "what": "overlay",
                "frames": None if affected is None else [int(frame) for frame in affected],
                "revision": int(self.session.overlay_revision),
            }
        )

    def _on_frames_changed(self, _: Any) -> None:
        revision = int(self.session.frames_revision)
        self.send({"type": "invalidate", "what": "stills", "frames": None, "revision": revision})

    def _on_layers_changed(self, _: Any) -> None:
        """Take back edits that no layer has any more: another kernel held the layer, and never saw them."""
        histories = [ann.history for ann in (*self.session.layers.loaded, self.session.layers.buffer)]
        with self._lock:
            waiting = [edit for edit, confirmed in self._edits.items() if not confirmed]
        # not under the lock: whoever changes a layer may want it
        for edit in waiting:
            if not any(edit in history for history in histories):
                with self._lock:
                    self._edits.pop(edit, None)
                self.send({"type": "edited", "edit": edit, "ok": False})

    def _on_confirmed(self, edit_id: str) -> None:
        with self._lock:
            if edit_id not in self._edits:
                return
            self._edits[edit_id] = True
        self.send({"type": "confirmed", "edit": edit_id})

    def _on_notice(self, level: str, problem: str, remedy: str) -> None:
        notice = {"type": "notice", "level": level, "problem": problem, "remedy": remedy}
        with self._lock:
            if not self._views:
                # nobody looks yet: what was said while opening is shown once somebody does
                self._kept_notices = [*self._kept_notices, notice][-_NOTICES_KEPT:]
                return
        self.send(notice)

    def _on_message(self, _: Any, content: Any, buffers: Any) -> None:
        """Answer the browser; whatever goes wrong becomes a notice, and the widget stays usable."""
        try:
            request = messages.parse(content, len(self.session.video))
            self._answer(request)
        except JupytrackError as error:
            self._on_notice("error", error.problem, error.remedy)
            self._refuse(content, error.problem, error.remedy)
        except Exception as error:
            log.exception("A message from the browser could not be answered.")
            problem = f"Something went wrong: {type(error).__name__}: {error}"
            remedy = "Your annotations are as they were before. The kernel's log has the details."
            self._on_notice("error", problem, remedy)
            self._refuse(content, problem, remedy)

    def _refuse(self, content: Any, problem: str, remedy: str) -> None:
        """End what the browser waits for, if it can be told which that is."""
        if not isinstance(content, dict):
            return
        kind, number = content.get("type"), content.get("id")
        if kind == "edit" and isinstance(number, str):
            error = {"problem": problem, "remedy": remedy}
            self.send({"type": "edited", "edit": number, "ok": False, "error": error})
        elif kind == "command" and isinstance(number, int):
            self.send({"type": "done", "id": number})

    def _answer(self, request: messages.Request) -> None:
        match request:
            case messages.StillRequest() | messages.OverlayRequest() if self.hidden:
                # asked for before the browser knew
                pass
            case messages.StillRequest():
                asked = request.view, request.id, request.frames, request.fresh, request.quality
                self._stills.request(*asked)
            case messages.OverlayRequest():
                context = contextvars.copy_context()
                self._recorder.submit(context.run, self._send_overlays, request)
            case messages.EditRequest():
                self._edit(request)
            case messages.CommandRequest():
                self._command(request)
            case messages.Selection():
                self.session.select_label(request.label)
            case messages.Seek():
                self.session.go_to(request.frame)
            case messages.Hello():
                self._greet(request.view)
            case messages.Bye():
                self._stills.forget(request.view)
                with self._lock:
                    self._views.discard(request.view)

    def _greet(self, view: str) -> None:
        with self._lock:
            self._views.add(view)
            kept, self._kept_notices = self._kept_notices, []
        for notice in kept:
            self.send(notice)

    def _edit(self, request: messages.EditRequest) -> None:
        with self._lock:
            # known before it is made: the confirmation may come from another thread at once
            confirmed = self._edits.setdefault(request.id, False)
            while len(self._edits) > _EDITS_REMEMBERED:
                del self._edits[next(iter(self._edits))]
        try:
            if request.op == "place":
                self.session.place(request.label, request.frame, request.x, request.y, edit_id=request.id)
            else:
                self.session.remove(request.label, request.frame, edit_id=request.id)
        except JupytrackError as error:
            with self._lock:
                self._edits.pop(request.id, None)
            self._refuse({"type": "edit", "id": request.id}, error.problem, error.remedy)
            return
        revision = int(self.session.overlay_revision)
        self.send({"type": "edited", "edit": request.id, "ok": True, "revision": revision})
        if confirmed or request.id not in self.session.ann.history:
            # it came a second time and the browser may have missed the first answer, or it changed nothing
            self.send({"type": "confirmed", "edit": request.id})

    def _command(self, request: messages.CommandRequest) -> None:
        try:
            values = {"frame": request.frame, "pointer": request.pointer, **request.args}
            self._run_command(request.name, values)
        finally:
            self.send({"type": "done", "id": request.id})

    def _send_still(self, view: str, number: int, frame: int, quality: int) -> None:
        session = self.session
        # read before the frame is made: a change meanwhile makes this one late
        revision, enhancement = int(session.frames_revision), session.enhancement
        answer: dict[str, Any] = {"type": "still", "view": view, "id": number, "frame": frame}
        answer |= {"revision": revision, "mime": "image/jpeg"}
        try:
            data = encode_still(session.video, frame, quality, enhancement)
        except JupytrackError as error:
            self.send({**answer, "error": str(error)})
        except Exception as error:
            log.exception("Frame %d could not be sent.", frame)
            self.send({**answer, "error": f"Frame {frame} cannot be shown: {error}"})
        else:
            self.send(answer, [data])

    def _send_overlays(self, request: messages.OverlayRequest) -> None:
        # the first frame alone, because somebody waits for it
        for frames in (request.frames[:1], request.frames[1:]):
            if not frames:
                continue
            try:
                self._send_recordings(request, frames)
            except Exception as error:
                log.exception("Overlays could not be recorded.")
                problem = f"The overlay of frame {frames[0]} cannot be drawn: {error}"
                self._on_notice("error", problem, "The kernel's log has the details.")

    def _send_recordings(self, request: messages.OverlayRequest, frames: tuple[int, ...]) -> None:
        revision = int(self.session.overlay_revision)
        recordings = [self.overlay.record(frame, request.scale) for frame in frames]
        buffers = [buffer for recording in recordings for buffer in recording.buffers]
        answer = {
            **{"type": "overlay", "view": request.view, "id": request.id, "frames": list(frames)},
            **{"revision": revision, "scale": request.scale},
            "points": [recording.points for recording in recordings],
            "metas": [recording.meta for recording in recordings],
            "lengths": [len(recording.buffers) for recording in recordings],
            "sizes": [len(buffer) for buffer in buffers],
        }
        self.send(answer, [b"".join(buffers)])
