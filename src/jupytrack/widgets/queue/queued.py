"""What an annotator knows of the queue of videos that it may be part of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jupytrack.errors import AnnotationError

if TYPE_CHECKING:
    from jupytrack.widgets.queue.video_queue import VideoQueue

__all__ = ["Paths", "Queued"]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class Queued:
    """The part of the annotator that goes on to other videos.

    Attributes
    ----------
    queue : VideoQueue or None
        The queue that this annotator is part of; None for a video outside DeepLabCut projects.
    """

    queue: VideoQueue | None = None

    def swap_to(self, index: int) -> bool:
        """Show another video of the queue; see :meth:`VideoQueue.swap_to`. Without a queue, return False."""
        return False if self.queue is None else self.queue.swap_to(index)

    def swap_prev(self, event: Any = None) -> bool:
        """Show the video before this one in the queue; return whether there is one."""
        return False if self.queue is None else self.queue.swap_prev(event)

    def swap_next(self, event: Any = None) -> bool:
        """Show the video after this one in the queue; return whether there is one."""
        return False if self.queue is None else self.queue.swap_next(event)

    def add_video(
        self,
        path_or_paths: Paths,
        *,
        layer_name: str | None = None,
        set_active: bool = False,
        **dustrack_kwargs: Any,
    ) -> list[int]:
        """Add videos of the project to the queue; see :meth:`VideoQueue.add_video`.

        Raises
        ------
        AnnotationError
            If the video is in no DeepLabCut project, so that there is no queue.
        """
        given = {"layer_name": layer_name, "set_active": set_active, **dustrack_kwargs}
        return self._require_queue().add_video(path_or_paths, **given)

    def remove_video(self, index: int) -> bool:
        """Take a video out of the queue; see :meth:`VideoQueue.remove_video`. Without one, return False."""
        return False if self.queue is None else self.queue.remove_video(index)

    def replace_active_with(
        self, path_or_paths: Paths, *, layer_name: str | None = None, **dustrack_kwargs: Any
    ) -> list[int]:
        """Put videos in the place of this one; see :meth:`VideoQueue.replace_active_with`.

        Raises
        ------
        AnnotationError
            If the video is in no DeepLabCut project, so that there is no queue.
        """
        return self._require_queue().replace_active_with(
            path_or_paths, layer_name=layer_name, **dustrack_kwargs
        )

    def _require_queue(self) -> VideoQueue:
        if self.queue is None:
            raise AnnotationError(
                "A queue of videos needs a DeepLabCut project, and this video is in none.",
                "Make a project of it with create_dlc_project(), or open a video of a project.",
            )
        return self.queue
