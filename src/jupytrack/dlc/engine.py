"""The real deeplabcut, called. The only module that imports it; it takes seconds, so only workers do.

Every function takes the project's config.yaml, works on the iteration that stands there, and on shuffle 1
unless told otherwise. DeepLabCut removes all handlers of the root logger while it trains.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import inspect
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupytrack.dlc.config import edit_yaml, parse_yaml
from jupytrack.dlc.snapshots import load_snapshot, prepare_for_refining, save_beginning, snapshot_files
from jupytrack.errors import FormatError, MissingDependencyError, TrainingError

__all__ = [
    "Beginning",
    "analyze_videos",
    "begin_from_snapshot",
    "begin_new",
    "create_training_dataset",
    "deeplabcut",
    "evaluate",
    "hub_is_reachable",
    "keeping_best",
    "prepare_hub",
    "set_options",
    "train",
]

_HUB = "https://huggingface.co"
_REMEDY = 'Install it beside jupytrack: pip install "jupytrack[dlc]".'


def deeplabcut() -> Any:
    """Return the module; imports it, which takes 5 to 10 seconds.

    Raises
    ------
    MissingDependencyError
        If it, or something it needs, is not installed.
    """
    try:
        return importlib.import_module("deeplabcut")
    except ImportError as error:
        raise MissingDependencyError(f"deeplabcut could not be loaded: {error}.", _REMEDY) from error
    except (RuntimeError, OSError) as error:
        # torchvision whose compiled part was made for another torch
        raise MissingDependencyError(
            f"deeplabcut could not be loaded: {error}.",
            "Most likely torch and torchvision do not fit together: install versions that do, both from the "
            "same index (https://pytorch.org/get-started).",
        ) from error


def _known(function: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that are set, after a check that deeplabcut knows them all."""
    parameters = inspect.signature(function).parameters
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        raise TypeError(f"deeplabcut's {function.__name__} knows no {', '.join(map(repr, unknown))}.")
    return {key: value for key, value in options.items() if value is not None}


def create_training_dataset(
    config: Path, *, net_type: str | None = None, shuffle: int = 1, **options: Any
) -> None:
    """Make the dataset and the model's configuration of the current iteration, in the place of older ones.

    Raises
    ------
    TrainingError
        If DeepLabCut found no labelled frames.
    """
    dlc = deeplabcut()
    engine = importlib.import_module("deeplabcut.core.engine").Engine.PYTORCH
    given = {"Shuffles": [shuffle], "userfeedback": False, "engine": engine, "net_type": net_type, **options}
    made = dlc.create_training_dataset(str(config), **_known(dlc.create_training_dataset, given))
    if made is None:
        raise TrainingError(
            "DeepLabCut found no labelled frames of the videos in config.yaml.",
            "Label frames of a video of this project, or add the labelled video to it.",
        )


def _loader(config: Path, shuffle: int) -> Any:
    deeplabcut()
    data = importlib.import_module("deeplabcut.pose_estimation_pytorch.data")
    return data.DLCLoader(config=config, shuffle=shuffle, trainset_index=0)


def set_options(config: Path, updates: Mapping[str, Any], *, shuffle: int = 1) -> None:
    """Change the model's configuration.

    Parameters
    ----------
    config : Path
        The project's config.yaml.
    updates : mapping
        New values by dotted name, as ``{"train_settings.batch_size": 8}``.
    shuffle : int
        The shuffle.

    Raises
    ------
    TrainingError
        If DeepLabCut knows no such option or refuses its value.
    """
    loader = _loader(config, shuffle)
    model = loader.model_cfg
    for name, value in updates.items():
        try:
            model.set_nested(name, copy.deepcopy(value))
        except (AttributeError, ValueError) as error:
            raise TrainingError(
                f"DeepLabCut refuses {name} = {value!r}: {error}",
                "The model's options are listed in pytorch_config.yaml in the iteration's train folder.",
            ) from error
    model.to_yaml(loader.model_config_path)


@dataclass(frozen=True)
class Beginning:
    """What a training begins with.

    Attributes
    ----------
    snapshot : Path
        Weights as a snapshot of epoch 0.
    text : str
        What they are, for people.
    with_heads : bool
        Whether the output layers are taken over, too.
    """

    snapshot: Path
    text: str
    with_heads: bool = True


def begin_new(config: Path, target: Path, *, pretrained: bool, shuffle: int = 1) -> Beginning:
    """Build the model that its configuration describes and save its weights.

    ``train_network`` would always ask the hub for ImageNet weights; a snapshot keeps it from doing so.

    Parameters
    ----------
    config : Path
        The project's config.yaml.
    target : Path
        Where the snapshot goes.
    pretrained : bool
        Take the backbone's ImageNet weights from the hub or its cache; else all weights are random.
    shuffle : int
        The shuffle.

    Raises
    ------
    TrainingError
        If the ImageNet weights cannot be had.
    """
    import torch

    loader = _loader(config, shuffle)
    models = importlib.import_module("deeplabcut.pose_estimation_pytorch.models")
    torch.manual_seed(int(loader.model_cfg["train_settings"]["seed"]))
    backbone = loader.model_cfg["model"]["backbone"]
    name = str(backbone.get("model_name") or loader.model_cfg["net_type"])
    try:
        model = models.PoseModel.build(
            copy.deepcopy(loader.model_cfg["model"]), pretrained_backbone=pretrained
        )
    except Exception as error:
        if not pretrained:
            raise
        raise no_imagenet(name, error) from error
    save_beginning(model.state_dict(), target)
    return Beginning(target, f"ImageNet weights ({name})" if pretrained else f"random weights ({name})")


def no_imagenet(name: str, error: Exception | None = None) -> TrainingError:
    hub = os.environ.get("HF_ENDPOINT", _HUB)
    reason = f" ({str(error).strip().splitlines()[0]})" if error is not None and str(error).strip() else ""
    return TrainingError(
        f"The ImageNet weights of {name} are not on this machine, and {hub} cannot be reached{reason}.",
        'Begin with random weights (refine_mode="scratch") or with a snapshot ("in_project", "external"), or '
        "connect this machine, or set HF_ENDPOINT to a mirror.",
    )


def hub_is_reachable(seconds: float = 3.0) -> bool:
    """Tell whether ImageNet weights can be downloaded now."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    request = urllib.request.Request(os.environ.get("HF_ENDPOINT", _HUB), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False


def prepare_hub() -> bool:
    """Look whether the hub can be reached and, if not, keep deeplabcut from waiting for it.

    To be called before anything imports deeplabcut, which reads the environment only once.

    Returns
    -------
    bool
        Whether ImageNet weights may be had: the hub answers, or its cache holds a model's.
    """
    if hub_is_reachable():
        return True
    os.environ["HF_HUB_OFFLINE"] = "1"
    home = os.environ.get("HF_HOME", os.path.join(os.path.expanduser("~"), ".cache", "huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub")))
    return any(cache.glob("models--timm--*/snapshots/*"))


def begin_from_snapshot(
    config: Path,
    source: Path,
    target: Path,
    text: str,
    *,
    updates: Mapping[str, Any] | None = None,
    shuffle: int = 1,
) -> Beginning:
    """Make a snapshot the beginning of a new training of the current iteration.

    The network's description is copied from the configuration beside the snapshot, so that the weights fit.
    Where the body parts differ, only the backbone is taken over.

    Parameters
    ----------
    config : Path
        The project's config.yaml.
    source : Path
        The snapshot; ``pytorch_config.yaml`` is expected beside it.
    target : Path
        Where the snapshot of epoch 0 goes.
    text : str
        What it is, for people.
    updates : mapping, optional
        Options that go before the snapshot's; see :func:`set_options`.
    shuffle : int
        The shuffle.

    Raises
    ------
    TrainingError
        If the weights do not fit the network.
    FormatError
        If the snapshot or its configuration cannot be read.
    """
    loader = _loader(config, shuffle)
    path = Path(loader.model_config_path)
    same_parts = True
    beside = source.with_name("pytorch_config.yaml")
    if beside.is_file():
        theirs, ours = parse_yaml(beside), parse_yaml(path)
        old, new = _parts(theirs), _parts(ours)
        same_parts = not old or old == new
        model = copy.deepcopy(theirs.get("model")) if isinstance(theirs.get("model"), dict) else {}
        if model:
            if not same_parts:
                model["heads"] = _resized(model.get("heads") or {}, ours["model"]["heads"])
            copied = {"model": model}
            copied.update({key: theirs[key] for key in ("net_type", "method") if key in theirs})
            edit_yaml(path, copied)
    if updates:
        set_options(config, updates, shuffle=shuffle)
    weights = prepare_for_refining(source, target)
    models = importlib.import_module("deeplabcut.pose_estimation_pytorch.models")
    wanted = models.PoseModel.build(
        copy.deepcopy(_loader(config, shuffle).model_cfg["model"]), pretrained_backbone=False
    ).state_dict()
    shapes = {name: tuple(value.shape) for name, value in weights.items() if hasattr(value, "shape")}
    wrong = [name for name, value in wanted.items() if shapes.get(name) != tuple(value.shape)]
    if any(name.startswith("backbone.") for name in wrong):
        raise TrainingError(
            f"The snapshot {source} is of another network than this iteration's.",
            f"Keep {beside.name} beside the snapshot, choose the net_type that it was trained with, or leave "
            "the network alone in pytorch_cfg_updates.",
        )
    with_heads = same_parts and not wrong
    what = text if with_heads else f"{text}, without its output layers, because the body parts differ"
    return Beginning(target, what, with_heads)


def _parts(model: Mapping[str, Any]) -> list[str]:
    about = model.get("metadata")
    return [str(part) for part in (about or {}).get("bodyparts") or []]


def _resized(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return our output layers, which have our number of body parts, with the inner channels of theirs."""
    heads = copy.deepcopy(dict(ours))
    for name, head in heads.items():
        for kind, layers in head.items():
            other = (theirs.get(name) or {}).get(kind)
            if isinstance(layers, dict) and isinstance(other, dict) and "channels" in layers:
                inner = list(other.get("channels") or layers["channels"])[:-1]
                head[kind] = {**layers, **other, "channels": [*inner, layers["channels"][-1]]}
    return heads


def train(config: Path, snapshot: Path, *, with_heads: bool = True, shuffle: int = 1, **options: Any) -> None:
    """Train the network from a snapshot, for ``epochs`` more epochs than that has."""
    dlc = deeplabcut()
    given = {
        "shuffle": shuffle,
        "snapshot_path": str(snapshot),
        "keepdeconvweights": with_heads,
        **options,
    }
    dlc.train_network(str(config), **_known(dlc.train_network, given))


@contextmanager
def keeping_best(train_folder: Path) -> Iterator[None]:
    """Let a resumed training know the best result so far, so that a worse one does not take its place.

    DeepLabCut keeps that only in memory and would replace the best snapshot at its next evaluation.
    """
    best = [path for path in snapshot_files(train_folder) if "best" in path.name]
    if not best:
        yield
        return
    deeplabcut()
    manager = importlib.import_module(
        "deeplabcut.pose_estimation_pytorch.runners.snapshots"
    ).TorchSnapshotManager
    metrics: Mapping[str, Any] = {}
    with contextlib.suppress(FormatError):
        metrics = (load_snapshot(best[-1]).get("metadata") or {}).get("metrics") or {}
    real = manager.__post_init__

    def remember(self: Any) -> None:
        real(self)
        value = metrics.get(self._key)
        if value is not None and Path(self.model_folder) == train_folder:
            self._best_metric = float(value)

    manager.__post_init__ = remember
    try:
        yield
    finally:
        manager.__post_init__ = real


def evaluate(config: Path, *, shuffle: int = 1, device: str | None = None, **options: Any) -> None:
    """Evaluate every snapshot of the current iteration on the labelled frames; config.yaml stays as it is."""
    dlc = deeplabcut()
    pytorch = importlib.import_module("deeplabcut.pose_estimation_pytorch.apis")
    shuffles = options.pop("Shuffles", options.pop("shuffles", [shuffle]))
    given = {"shuffles": list(shuffles), "snapshotindex": "all", "device": device, **options}
    _known(pytorch.evaluate_network, given)
    dlc.evaluate_network(str(config), **{key: value for key, value in given.items() if value is not None})


def analyze_videos(
    config: Path,
    videos: Sequence[Path],
    folder: Path,
    snapshot: Path,
    *,
    shuffle: int = 1,
    device: str | None = None,
    **options: Any,
) -> list[Path]:
    """Analyse videos with one snapshot, whether or not there are results of it already.

    Parameters
    ----------
    config : Path
        The project's config.yaml.
    videos : sequence of Path
        The videos.
    folder : Path
        Where the results go.
    snapshot : Path
        The snapshot, of the current iteration.
    shuffle : int
        The shuffle.
    device : str, optional
        Where to run.
    **options
        More for ``deeplabcut.analyze_videos``.

    Returns
    -------
    list of Path
        The prediction file of each video.
    """
    dlc = deeplabcut()
    pytorch = importlib.import_module("deeplabcut.pose_estimation_pytorch.apis")
    data = importlib.import_module("deeplabcut.pose_estimation_pytorch.data.snapshots")
    index = [each.path.name for each in data.list_snapshots(snapshot.parent, "snapshot")].index(snapshot.name)
    # the old names of these two, which DUSTrack's scripts use
    for old, new in (("batchsize", "batch_size"), ("videotype", "video_extensions")):
        if old in options:
            options[new] = options.pop(old)
    given: dict[str, Any] = {"overwrite": True, "snapshot_index": index, "device": device, **options}
    if device == "cpu":
        # DeepLabCut's preparing threads fight with torch's for the same cores: 1.7 times slower
        given.setdefault("inference_cfg", {"multithreading": {"enabled": False}})
    known = {**inspect.signature(dlc.analyze_videos).parameters}
    _known(pytorch.analyze_videos, {key: value for key, value in given.items() if key not in known})
    folder.mkdir(parents=True, exist_ok=True)
    scorer = dlc.analyze_videos(
        str(config),
        [str(video) for video in videos],
        shuffle=shuffle,
        destfolder=str(folder),
        **{key: value for key, value in given.items() if value is not None},
    )
    written = [folder / f"{video.stem}{scorer}.h5" for video in videos]
    missing = [path.name for path in written if not path.is_file()]
    if missing:
        raise TrainingError(f"DeepLabCut wrote no {', '.join(missing)}.", "The log says more.")
    return written
