"""Work in the background, and the same work on many videos."""

from jupytrack.jobs.background import Job, JobCancelled, Progress
from jupytrack.jobs.many import map_videos
from jupytrack.jobs.results import VideoResult, VideoResults

__all__ = ["Job", "JobCancelled", "Progress", "VideoResult", "VideoResults", "map_videos"]
