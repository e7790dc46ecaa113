"""The body parts of a project, and which label of our layers is which of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from jupytrack.annotation.table import PointTable, label_order
from jupytrack.dlc.config import ConfigFile, read_text
from jupytrack.dlc.settings import Settings
from jupytrack.errors import AnnotationError, FormatError
from jupytrack.formats.deeplabcut import default_labels

__all__ = ["BodyParts", "body_parts_of", "by_body_part", "layer_labels", "needs_mapping"]

PREFIX = "point"
_MAPPING = "internal_to_dlc_labels"


class BodyParts:
    """Body parts of :class:`jupytrack.DLCProject`, and their labels in our layers."""

    path: Path
    settings: Settings
    _config: ConfigFile

    @property
    def trackers(self) -> list[str]:
        """The body parts, as in config.yaml."""
        return [str(part) for part in self._config.get("bodyparts") or []]

    @property
    def body_parts(self) -> list[str]:
        """The body parts; the same as :attr:`trackers`."""
        return self.trackers

    @property
    def label_names(self) -> list[str]:
        """The body parts by the names of :attr:`trackermap`, or their own where it has none."""
        names = self.trackermap
        return [names.get(part, part) for part in self.trackers]

    @property
    def trackermap(self) -> dict[str, str]:
        """Body part → name for people.

        From ``dlc_trackermap.txt`` in the project's folder, with lines like ``point0 - muscle_boundary``;
        empty if there is no such file.

        Raises
        ------
        FormatError
            If a line is not like that.
        """
        path = self.path / "dlc_trackermap.txt"
        lines = read_text(path).splitlines() if path.exists() else []
        names = {}
        for number, line in enumerate(lines, 1):
            part, dash, name = (piece.strip() for piece in line.partition(" - "))
            if line.strip() and not (part and dash and name):
                raise FormatError(f"{path}, line {number}: {line!r}.", "Write: point0 - name for people")
            if line.strip():
                names[part] = name
        return names

    @property
    def internal_to_dlc_labels(self) -> dict[str, str] | None:
        """Body part by label, None if they go by the usual rule; kept with the project when it is set."""
        found = self.settings.get(_MAPPING)
        if not isinstance(found, dict | None):
            raise FormatError(
                f"{self.settings.path}: {_MAPPING} is {found!r}.",
                'Write {"label": "body part"}, or remove it.',
            )
        return None if found is None else {str(label): str(part) for label, part in found.items()}

    @internal_to_dlc_labels.setter
    def internal_to_dlc_labels(self, mapping: Mapping[str, str] | None) -> None:
        if mapping is None:
            self.settings.pop(_MAPPING, None)
            return
        mapping = {str(label): str(part) for label, part in mapping.items()}
        strangers = [part for part in mapping.values() if part not in self.trackers]
        if strangers:
            raise AnnotationError(
                f"{', '.join(strangers)} is no body part of {self.path}.",
                f"Body parts are {', '.join(self.trackers)}.",
            )
        layer_labels(self.trackers, mapping)
        self.settings[_MAPPING] = mapping

    @property
    def layer_labels(self) -> dict[str, str]:
        """Body part → label in our layers, in the order of the body parts."""
        return layer_labels(self.trackers, self.internal_to_dlc_labels)

    def _keep_labels(self, body_parts: Sequence[str]) -> None:
        """Leave the labels of body parts as they are when there are others beside them."""
        before, default = self.layer_labels, default_labels(body_parts)
        labels = {part: before[part] for part in body_parts if part in before}
        for part in body_parts:
            if part not in labels:
                numbers = (str(number) for number in range(len(body_parts) + 1))
                free = (each for each in (default[part], *numbers) if each not in labels.values())
                labels[part] = next(free)
        parts = {label: part for part, label in labels.items()}
        if needs_mapping(parts):
            self.settings[_MAPPING] = parts
        else:
            self.settings.pop(_MAPPING, None)


def body_parts_of(labels: Iterable[str], mapping: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return label → body part for a new project.

    Parameters
    ----------
    labels : iterable of str
        The labels of its annotations.
    mapping : mapping, optional
        Names of body parts by label; for the others it is ``point<label>`` for a number, else the label.

    Returns
    -------
    dict of str to str
        In the order of the labels: numbers first.

    Raises
    ------
    AnnotationError
        If two labels would be the same body part.
    """
    mapping = mapping or {}
    parts: dict[str, str] = {}
    for label in sorted(set(labels), key=label_order):
        part = mapping.get(label) or (PREFIX + label if label.isascii() and label.isdigit() else label)
        if part in parts.values():
            other = next(each for each, name in parts.items() if name == part)
            raise AnnotationError(
                f"Labels {other!r} and {label!r} would both be body part {part!r}.",
                "Give each a name of its own in internal_to_dlc_labels.",
            )
        parts[label] = part
    return parts


def layer_labels(body_parts: Sequence[str], mapping: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return body part → label in our layers.

    Parameters
    ----------
    body_parts : sequence of str
        The project's body parts.
    mapping : mapping, optional
        ``internal_to_dlc_labels``: body part by label. Body parts that it lacks have the label that a file of
        DeepLabCut's gives them when it is read: ``point3`` is ``3``; if some are named otherwise, all are
        numbered in alphabetical order.

    Returns
    -------
    dict of str to str
        In the order of the body parts.

    Raises
    ------
    AnnotationError
        If a label would be two body parts.
    """
    own = {part: label for label, part in (mapping or {}).items()}
    default = default_labels(body_parts)
    labels = {part: own.get(part, default[part]) for part in body_parts}
    for part, label in labels.items():
        same = [other for other in body_parts if labels[other] == label]
        if len(same) > 1:
            raise AnnotationError(
                f"Label {label!r} would be body part {' and '.join(map(repr, same))}.",
                f"Name the labels of all body parts in internal_to_dlc_labels, {part!r} too.",
            )
    return labels


def needs_mapping(parts: Mapping[str, str]) -> bool:
    """Whether label → body part is to be kept: numbers by the alphabet change when a part is added."""
    return any(part != PREFIX + label for label, part in parts.items())


def by_body_part(table: PointTable, labels: Mapping[str, str]) -> tuple[PointTable, dict[str, int]]:
    """Return points with one label for each body part, in the order of the body parts.

    Parameters
    ----------
    table : PointTable
        Points of a layer.
    labels : mapping
        Body part → label.

    Returns
    -------
    tuple
        The table, its labels being body parts, NaN where the layer has nothing; and how many points each
        label has that is no body part.
    """
    result = PointTable.empty(list(labels), table.n_frames)
    for row, label in enumerate(labels.values()):
        if label in table.labels:
            result.xy[row] = table.xy[table.labels.index(label)]
    strays = {
        label: int(np.count_nonzero(table.present[row]))
        for row, label in enumerate(table.labels)
        if label not in set(labels.values())
    }
    return result, {label: count for label, count in strays.items() if count}
