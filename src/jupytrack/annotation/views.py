"""``annotation.data[label][frame] = [x, y]``: mappings over the dense arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from jupytrack.annotation.table import frame_number, position

if TYPE_CHECKING:
    from jupytrack.annotation.editing import EditablePoints

__all__ = ["FramesView", "LabelsView", "Position"]


class Position(list[float]):
    """The position of one point, [x, y]; writing to it moves the point."""

    def __init__(self, xy: list[float], frames: FramesView, frame: int) -> None:
        super().__init__(xy)
        self._frames = frames
        self._frame = frame

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        moved = list(self)
        moved[index] = value
        self._frames[self._frame] = moved
        super().__setitem__(index, value)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy of a position is a plain list: it moves nothing.
        return (list, (list(self),))


class FramesView(MutableMapping[int, list[float]]):
    """The points of one label: frame → [x, y], in the order of frames. Every write is one undoable edit."""

    def __init__(self, owner: EditablePoints, label: str) -> None:
        self._owner = owner
        self.label = label

    def _get(self, frame: Any) -> list[float] | None:
        store = self._owner._store
        try:
            xy = store.xy[store.row(self.label), frame].tolist() if 0 <= frame < store.capacity else None
        except (TypeError, IndexError):
            return None
        return None if xy is None or len(xy) != 2 or xy[0] != xy[0] else xy

    def _frames(self) -> list[int]:
        store = self._owner._store
        frames: list[int] = np.flatnonzero(~np.isnan(store.xy[store.row(self.label), :, 0])).tolist()
        return frames

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, (int, np.integer)) and self._get(frame) is not None

    def __getitem__(self, frame: int) -> list[float]:
        xy = self._get(frame) if isinstance(frame, (int, np.integer)) else None
        if xy is None:
            raise KeyError(frame)
        return Position(xy, self, int(frame))

    def __setitem__(self, frame: int, xy: Any) -> None:
        self._owner.add(xy, self.label, frame)

    def __delitem__(self, frame: int) -> None:
        if frame not in self:
            raise KeyError(frame)
        self._owner.remove(self.label, frame)

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames())

    def __reversed__(self) -> Iterator[int]:
        return reversed(self._frames())

    def __len__(self) -> int:
        return len(self._frames())

    def __repr__(self) -> str:
        return repr(self.to_dict())

    def pop(self, frame: int, *default: Any) -> Any:
        """Remove a point and return where it was."""
        # A plain list, because writing to a Position would bring the point back.
        value = super().pop(frame, *default)
        return list(value) if isinstance(value, Position) else value

    def popitem(self) -> tuple[int, list[float]]:
        """Remove the last point and return its frame and where it was."""
        frames = self._frames()
        if not frames:
            raise KeyError(f"label {self.label!r} has no points")
        return frames[-1], self.pop(frames[-1])

    def to_dict(self) -> dict[int, list[float]]:
        """Return frame → [x, y] as plain Python objects."""
        store = self._owner._store
        frames = self._frames()
        return dict(zip(frames, store.xy[store.row(self.label), frames].tolist(), strict=True))

    copy = to_dict

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Set many points as one edit."""
        points = dict(other, **kwargs)
        if not points:
            return
        limit = self._owner._frame_limit
        frames = [frame_number(frame, limit) for frame in points]
        xy = [position(value, self.label, frame) for frame, value in points.items()]
        self._owner.set_points(self.label, frames, xy)

    def clear(self) -> None:
        """Remove all points of the label as one edit; the label stays."""
        frames = self._frames()
        if frames:
            self._owner.set_points(
                self.label, frames, np.full((len(frames), 2), np.nan), title=f"Clear {self.label}"
            )


class LabelsView(MutableMapping[str, MutableMapping[int, list[float]]]):
    """All points: label → frame → [x, y]. Every write is one undoable edit."""

    def __init__(self, owner: EditablePoints) -> None:
        self._owner = owner

    def __contains__(self, label: object) -> bool:
        return label in self._owner._store

    def __getitem__(self, label: str) -> FramesView:
        if label not in self._owner._store:
            raise KeyError(label)
        return FramesView(self._owner, label)

    def __setitem__(self, label: str, points: Mapping[int, Any]) -> None:
        self.update({label: points})

    def __delitem__(self, label: str) -> None:
        if label not in self:
            raise KeyError(label)
        labels = [other for other in self._owner.labels if other != label]
        self._owner._keep_labels(labels, f"Remove label {label}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._owner.labels)

    def __len__(self) -> int:
        return len(self._owner.labels)

    def __repr__(self) -> str:
        return repr(self.to_dict())

    def pop(self, label: str, *default: Any) -> Any:
        """Remove a label and return its points as a dict."""
        points = self[label].to_dict() if label in self else None
        value = super().pop(label, *default)
        return value if points is None else points

    def popitem(self) -> tuple[str, MutableMapping[int, list[float]]]:
        """Remove the last label and return it with its points."""
        if not self._owner.labels:
            raise KeyError("there are no labels")
        label = self._owner.labels[-1]
        return label, self.pop(label)

    def to_dict(self) -> dict[str, dict[int, list[float]]]:
        """Return label → frame → [x, y] as plain Python objects."""
        return {label: FramesView(self._owner, label).to_dict() for label in self}

    copy = to_dict

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Replace or add whole labels as one edit."""
        given = dict(other, **kwargs)
        self._owner._replace_labels(given, "Set " + ", ".join(map(str, given)))

    def clear(self) -> None:
        """Remove all labels and their points as one edit."""
        self._owner._keep_labels([], "Remove all labels")
