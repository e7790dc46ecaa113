"""VideoAnnotation: one layer of points on a video, with its file, its history and its exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupytrack.annotation.editing import Change
from jupytrack.annotation.edits import difference
from jupytrack.annotation.exports import ExportedPoints
from jupytrack.annotation.layer_files import companion_stem, keep_files
from jupytrack.annotation.locating import find_layer_and_video, name_in
from jupytrack.annotation.locks import LayerLock
from jupytrack.annotation.saved import Unsaved, compare
from jupytrack.annotation.table import PointTable, column_type
from jupytrack.errors import AnnotationError, ConflictError, SaveError
from jupytrack.files import file_fingerprint, save_error

if TYPE_CHECKING:
    from jupytrack.annotation.durable import DurableLayer
    from jupytrack.flow.smoothing import SmoothedAnnotation
    from jupytrack.video.source import FrameSource

__all__ = ["Change", "Unsaved", "VideoAnnotation"]

_OPTIONS = {"palette_name", "ax_list", "ax_list_scatter", "ax_list_trace_x", "ax_list_trace_y"}


class VideoAnnotation(ExportedPoints):
    """One layer of points on a video.

    Every label is a text (usually digits) with at most one point a frame. All changes can be undone through
    ``history``.

    Parameters
    ----------
    fname : path, optional
        The layer's file: DUSTrack JSON, or DeepLabCut h5 or CSV (labelled data or predictions). A JSON file
        that does not exist yet is made on saving. For a video, the layer is ``<video>_annotations.json``
        beside it.
    vname : path, optional
        The video. Without one, a video of the same stem beside the layer is used if there is one.
    name : str, optional
        Name of the layer; by default what follows ``_annotations_`` in the file's name, else ``"noname"``.
    n_labels : int
        Labels of a new layer, ``"0"`` to ``str(n_labels - 1)``.
    video : FrameSource, optional
        The video if it is open already; then ``vname`` is not opened.
    palette_name : str
        Colours; see :data:`jupytrack.annotation.palettes.PALETTES`.
    preloaded_json : mapping, optional
        ``{label: {frame: [x, y]}}`` to start with instead of the file's content.
    accept_other_video : bool
        Open a layer even though its sidecar says that it was made on another video.
    ax_list, ax_list_scatter, ax_list_trace_x, ax_list_trace_y : object or list of objects, optional
        Displays to refresh on changes, as for :meth:`setup_display`.

    Raises
    ------
    FormatError
        If the file's content is not what its format promises, or has points beyond the video's end.
    ConflictError
        If the layer was made on another video.
    VideoError, VideoNotFoundError
        If ``vname`` cannot be read.
    """

    durable: DurableLayer | None = None
    """How edits are kept on disk as they are made; see :func:`jupytrack.annotation.durable.open_durable`."""
    _origin: str | None = None

    def __init__(
        self,
        fname: str | Path | None = None,
        vname: str | Path | None = None,
        name: str | None = None,
        n_labels: int = 1,
        *,
        video: FrameSource | None = None,
        palette_name: str = "Set2",
        preloaded_json: Mapping[Any, Mapping[Any, Any]] | None = None,
        accept_other_video: bool = False,
        **displays: Any,
    ) -> None:
        unknown = displays.keys() - _OPTIONS
        if unknown:
            raise TypeError(
                f"VideoAnnotation has no option {', '.join(sorted(unknown))}. "
                f"Besides the named ones there are {', '.join(sorted(_OPTIONS))}."
            )
        if name is not None and not isinstance(name, str):
            raise AnnotationError(f"{name!r} cannot be a layer's name.", "Give a text.")
        self.fname, self.video = find_layer_and_video(fname, vname, name, video)
        self.fstem = None if self.fname is None else Path(self.fname).stem
        self.name = name if name is not None else name_in(self.fstem)
        self.accept_other_video = accept_other_video
        n_frames = None if self.video is None else len(self.video)
        table, self._on_disk = self._read(n_labels, preloaded_json)
        super().__init__(table, n_frames, palette_name)
        self._meta: dict[str, Any] = table.meta
        self._baseline = self.to_table()
        self._unsaved: tuple[int, Unsaved] = (-1, Unsaved())
        self.setup_display(
            displays.get("ax_list_scatter", displays.get("ax_list")),
            displays.get("ax_list_trace_x"),
            displays.get("ax_list_trace_y"),
        )

    @classmethod
    def from_multiple_files(
        cls,
        fname_list: Sequence[str | Path],
        vname: str | Path,
        name: str,
        fname_merged: str | Path,
        **kwargs: Any,
    ) -> VideoAnnotation:
        """Merge several files of one video into a new layer; the last file that has a point wins.

        Parameters
        ----------
        fname_list : sequence of path
            The files, at least one.
        vname : path
            The video.
        name : str
            Name of the merged layer.
        fname_merged : path
            Its file, written by :meth:`save`.
        **kwargs
            Passed on to the constructor.
        """
        merged = cls(fname_merged, vname, name, **kwargs)
        kwargs["video"] = merged.video
        tables = [cls(fname, vname, name, **kwargs).to_table() for fname in fname_list]
        labels = sorted({label for table in tables for label in table.labels})
        n_frames = max((table.n_frames for table in tables), default=0)
        result = PointTable.empty(labels, n_frames)
        for table in tables:
            for row, label in enumerate(table.labels):
                into, there = labels.index(label), np.flatnonzero(table.present[row])
                result.xy[into, there] = table.xy[row, there]
                for column in {*table.columns, *result.columns}:
                    given = table.columns.get(column)
                    dtype = (given if given is not None else result.columns[column]).dtype
                    kind = column_type(column, dtype)
                    values = result.columns.setdefault(column, kind.empty((len(labels), n_frames)))
                    values[into, there] = kind.missing if given is None else given[row, there]
        merged._replace_all(result, "Merge " + ", ".join(Path(fname).name for fname in fname_list))
        return merged

    # files

    def load(self, n_annotations: int = 1, **h5_kwargs: str) -> dict[str, dict[int, list[float]]]:
        """Return what the layer's file holds, without changing the annotation.

        Parameters
        ----------
        n_annotations : int
            Labels to return if there is no file.
        **h5_kwargs
            ``remove_label_prefix``, ``img_prefix`` and ``img_suffix`` for DeepLabCut files.

        Returns
        -------
        dict
            ``{label: {frame: [x, y]}}``
        """
        return self._read(n_annotations, None, **h5_kwargs)[0].to_mapping()

    @staticmethod
    def _load_json(json_fname: str | Path) -> dict[str, dict[int, list[float]]]:
        """Return a DUSTrack JSON file's content, for ``preloaded_json``."""
        from jupytrack import formats

        return formats.read_layer(json_fname).to_mapping()

    def _read(
        self, n_labels: int, preloaded: Mapping[Any, Mapping[Any, Any]] | None = None, /, **options: str
    ) -> tuple[PointTable, str]:
        """Return the file's content, checked against the video, or empty labels; and its fingerprint."""
        from jupytrack import formats

        n_frames = None if self.video is None else len(self.video)
        path = self.fname
        if path is None or (self._origin is not None and not Path(path).exists()):
            path = self._origin
        fingerprint = "" if path is None else file_fingerprint(path)
        if preloaded is not None:
            return PointTable.from_mapping(preloaded, n_frames), fingerprint
        if path is None or not Path(path).exists():
            return PointTable.empty([str(label) for label in range(n_labels)]), fingerprint
        table = formats.read_layer(path, n_frames=n_frames, **options)
        made_on = table.meta.get("video", {}).get("fingerprint")
        if (
            self.video is not None
            and made_on
            and not self.accept_other_video
            and made_on != self.video.fingerprint
        ):
            raise ConflictError(
                f"{path} was made on another video than {self.video.fname}.",
                "Open it with its own video, or pass accept_other_video=True if the pictures are the same.",
            )
        return table, fingerprint

    def to_table(self) -> PointTable:
        """Return a copy of all points and columns, ``n_frames`` long, and what else the files hold."""
        table = super().to_table()
        table.meta = dict(self._meta)
        return table

    def save_to(self, fname: str | Path) -> None:
        """Save to another file from now on; what was read stays the source until that file exists."""
        with self.lock:
            self._origin = self.fname
            self.fname = str(fname)
            self.fstem = Path(fname).stem

    @property
    def has_file(self) -> bool:
        """Whether the layer was read from a file, or saved to one."""
        return bool(self._on_disk)

    def to_code(self, variable: str) -> str:
        """Return Python that opens this annotation, for :meth:`History.to_script`."""
        video = None if self.video is None else str(self.video.fname)
        return (
            "from jupytrack import VideoAnnotation\n\n"
            f"{variable} = VideoAnnotation({self.fname!r}, {video!r}, name={self.name!r}, "
            f"n_labels={max(len(self._baseline.labels), 1)})"
        )

    def reload(self, *, title: str = "Discard unsaved changes") -> None:
        """Go back to what the file holds (or to empty labels without one); this can be undone, too.

        Parameters
        ----------
        title : str
            What was done, for the undo menu.
        """
        with self.lock:
            if self.history.read_only:
                # Whoever may only look still sees what others saved.
                self._adopt_file()
                return
            table, self._on_disk = self._read(len(self.labels) or 1)
            self._do(difference(title, self._store, table))
            if self._on_disk:
                self.history.mark_saved(self._on_disk)
            self._begin_from(table)

    def _adopt_file(self) -> None:
        """Hold what the file holds, past the history."""
        with self.lock:
            table, self._on_disk = self._read(len(self.labels) or 1)
            difference("Read the file", self._store, table).apply(self)
            self._begin_from(table)

    def _begin_from(self, table: PointTable) -> None:
        """Count from the points there are now, which came from a file."""
        self._meta = table.meta
        self._baseline = self.to_table()
        self._unsaved = (-1, Unsaved())

    def save(self, fname: str | Path | None = None, *, overwrite: bool = False) -> None:
        """Write the layer's JSON and what it cannot hold into the sidecar beside it, atomically.

        Labels without points are kept, and so are undo and history.

        Parameters
        ----------
        fname : path, optional
            Write a copy there instead; the annotation stays with its own file.
        overwrite : bool
            Replace the layer's own file even if somebody else changed it since it was read; theirs is kept
            beside it as ``<file>.theirs-<time>``, its sidecar as ``<file>.theirs-<time>.sidecar``. Of another
            file, replace what is there.

        Raises
        ------
        AnnotationError
            If there is no file name, or it does not end in ``.json``.
        ConflictError
            If somebody else changed the layer's own file since it was read, or edits it now; if another file
            exists, or is open somewhere.
        SaveError
            If it cannot be written; what was there before is still there.
        """
        from jupytrack import formats

        own = fname is None or (
            self.fname is not None and Path(fname).resolve() == Path(self.fname).resolve()
        )
        path = self.fname if own else str(fname)
        if path is None:
            raise AnnotationError(f"Layer {self.name!r} has no file.", "Give a file name: save('x.json').")
        if Path(path).suffix != ".json":
            raise AnnotationError(
                f"{path} is no JSON file.", "Use to_json() for the same name with .json, or save('x.json')."
            )
        with self.lock:
            table = self.to_table()
            if self.video is not None:
                table.meta["video"] = {
                    "fingerprint": self.video.fingerprint,
                    "n_frames": len(self.video),
                    "name": Path(self.video.fname).name,
                }
            if not own:
                _write_copy(Path(path), table, overwrite)
                return
            self.history.require_writable()
            self._check_unchanged(overwrite)
            written: list[str] = []

            def before(fingerprint: str) -> None:
                written.append(fingerprint)
                self.history.mark_saving(fingerprint)

            try:
                fingerprint = formats.write_layer(path, table, before=before)
            except SaveError:
                # The points may be written and only the sidecar not: what is there then is ours.
                if file_fingerprint(path) in written:
                    self._on_disk = written[0]
                raise
            self._on_disk = fingerprint
            self._meta = table.meta
            self._baseline = self.to_table()
            self._unsaved = (-1, Unsaved())
            self.history.mark_saved(fingerprint)

    def _check_unchanged(self, overwrite: bool) -> None:
        """Refuse to replace a file that somebody else changed, or keep a copy of it."""
        path = Path(str(self.fname))
        theirs = file_fingerprint(path)
        if theirs in ("", self._on_disk):
            return
        if not overwrite:
            raise ConflictError(
                f"{path} was changed by somebody else since it was read; it was not overwritten.",
                "Save under another name, or reload() to take theirs (undo brings yours back), or use "
                "save(overwrite=True), which keeps theirs beside it.",
            )
        keep_files(path, "theirs")

    def to_json(self, *, overwrite: bool = False) -> None:
        """Save a layer that came from a DeepLabCut file as JSON of the same name beside it.

        Parameters
        ----------
        overwrite : bool
            Replace a JSON file that is there already.

        Raises
        ------
        AnnotationError
            If the layer does not come from a DeepLabCut file.
        ConflictError
            If there is such a JSON file, or it is open somewhere.
        """
        if self.fname is None or Path(self.fname).suffix not in {".h5", ".hdf5", ".csv"}:
            raise AnnotationError(f"Layer {self.name!r} is not from a DeepLabCut file.", "Use save().")
        self.save(Path(self.fname).with_suffix(".json"), overwrite=overwrite)

    @property
    def unsaved(self) -> Unsaved:
        """How the annotation differs from its file."""
        with self.lock:
            if self._unsaved[0] != self._revision:
                self._unsaved = (self._revision, compare(self._baseline, self._store))
            return self._unsaved[1]

    @property
    def names(self) -> dict[str, str]:
        """Names to show for labels, for instance DeepLabCut's body parts; labels without one are missing."""
        return dict(self._meta.get("names", {}))

    # what follows from the points

    def postprocess(self, *args: Any, **kwargs: Any) -> SmoothedAnnotation:
        """Return a smoothed copy: :func:`jupytrack.lk_moving_average_filter` of this layer.

        Parameters
        ----------
        *args, **kwargs
            Passed on: ``window_size``, ``exact``, ``max_disagreement`` and the like.
        """
        from jupytrack.flow.smoothing import lk_moving_average_filter

        return lk_moving_average_filter(self, *args, **kwargs)


def _write_copy(path: Path, table: PointTable, overwrite: bool) -> None:
    """Write points to a file that is not their own, unless that would replace what somebody needs."""
    from jupytrack import formats

    lock = LayerLock(path.with_name(f"{companion_stem(path)}.lock"))
    try:
        lock.acquire()
    except ConflictError as error:
        raise ConflictError(error.problem, "Save under another name, or close it there first.") from error
    except SaveError as error:
        cause = error.__cause__
        raise (save_error(path, cause) if isinstance(cause, OSError) else error) from cause
    try:
        if path.exists() and not overwrite:
            raise ConflictError(
                f"{path} is there already.", "Save under another name, or replace it with overwrite=True."
            )
        formats.write_layer(path, table)
    finally:
        lock.release()
