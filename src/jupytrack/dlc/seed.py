"""Seed bundles: a trained model in a folder, for other projects to begin with.

A bundle is a folder of three files, as DUSTrack writes and reads it: ``snapshot-<N>.pt`` (or
``snapshot-best-<N>.pt``), ``pytorch_config.yaml`` (the network and its body parts) and ``pose_cfg.yaml``, and
perhaps ``description.txt``. In a project it takes the place of iteration 0, trained; predictions of it help
to label the first frames.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupytrack.dlc.config import edit_yaml, parse_yaml
from jupytrack.dlc.snapshots import load_snapshot
from jupytrack.dlc.training import require_idle
from jupytrack.dlc.videos import PathLike
from jupytrack.errors import ConflictError, FormatError, MissingDependencyError
from jupytrack.files import all_or_none, entries, replacing, save_error, write_atomic

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = [
    "extract_snapshot_for_seeding",
    "get_seed_bundles_root",
    "import_seed_bundle_into_project",
    "inspect_seed_bundle",
    "list_seed_bundles",
    "set_seed_bundles_root",
]

_MODEL, _POSE, _ABOUT = "pytorch_config.yaml", "pose_cfg.yaml", "description.txt"
_MAKE = "Make the bundle with extract_snapshot_for_seeding, from a project of DeepLabCut 3."


def extract_snapshot_for_seeding(
    snapshot_path: PathLike, destination_path: PathLike, description: str = ""
) -> Path:
    """Copy a snapshot and what describes its network into a folder, a seed bundle.

    Parameters
    ----------
    snapshot_path : path
        The ``.pt`` file in the train folder of a DeepLabCut 3 project.
    destination_path : path
        The folder; made if it is not there. Another snapshot in it is replaced, other files stay.
    description : str
        What the model tracks, for people.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If the snapshot, or a configuration that belongs to it, is not there.
    FormatError
        If one of them is damaged, or the snapshot holds more than numbers.
    SaveError
        If the folder cannot be written.
    """
    snapshot, folder = Path(snapshot_path), Path(destination_path)
    if snapshot.suffix != ".pt" or not snapshot.is_file():
        raise FileNotFoundError(f"There is no snapshot {snapshot}. Give a .pt file of DeepLabCut 3.")
    model, pose = snapshot.with_name(_MODEL), snapshot.parent.parent / "test" / _POSE
    for path in (model, pose):
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing, which describes {snapshot.name}. Take the snapshot from the train "
                "folder of a DeepLabCut 3 project."
            )
    _body_parts(model)
    _check_snapshot(snapshot)
    _made(folder)
    for source, name in ((snapshot, snapshot.name), (model, _MODEL), (pose, _POSE)):
        _copy(source, folder / name)
    for other in folder.glob("snapshot-*.pt"):
        if other.name != snapshot.name:
            other.unlink()
    if description.strip():
        write_atomic(folder / _ABOUT, f"{description.strip()}\n".encode())
    return folder


def inspect_seed_bundle(bundle_path: PathLike) -> dict[str, Any]:
    """Check a seed bundle's files and return what it is; loads no weights.

    Parameters
    ----------
    bundle_path : path
        The folder.

    Returns
    -------
    dict
        ``snapshot``, ``pytorch_config`` and ``pose_cfg`` (Path), ``bodyparts`` (list of str), ``net_type``
        and ``description`` (str).

    Raises
    ------
    FileNotFoundError
        If the folder or one of its three files is not there.
    FormatError
        If there are several snapshots, or a configuration is damaged or lacks the body parts. It is a
        ValueError, too.
    """
    folder = Path(bundle_path)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}. {_MAKE}")
    found = sorted(folder.glob("snapshot-*.pt"))
    if not found:
        raise FileNotFoundError(f"{folder} has no snapshot-*.pt. {_MAKE}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise FormatError(f"{folder} has several snapshots ({names}).", "Leave the one that is meant.")
    for name in (_MODEL, _POSE):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing. {_MAKE}")
    parse_yaml(folder / _POSE)
    about = folder / _ABOUT
    return {
        "snapshot": found[0],
        "pytorch_config": folder / _MODEL,
        "pose_cfg": folder / _POSE,
        "bodyparts": _body_parts(folder / _MODEL),
        "net_type": str(parse_yaml(folder / _MODEL).get("net_type") or ""),
        "description": about.read_text("utf-8", "replace").strip() if about.is_file() else "",
    }


def list_seed_bundles(root: PathLike) -> list[dict[str, Any]]:
    """Return the seed bundles in a folder, by name; folders that are none are left out.

    Parameters
    ----------
    root : path
        The folder; none need be there.

    Returns
    -------
    list of dict
        For each what :func:`inspect_seed_bundle` returns, and its ``name`` (str) and ``path`` (Path).
    """
    bundles = []
    for path in sorted(entries(Path(root))):
        if path.is_dir():
            try:
                bundles.append({"name": path.name, "path": path, **inspect_seed_bundle(path)})
            except (OSError, ValueError):
                continue
    return bundles


def import_seed_bundle_into_project(
    dlc_project: DLCProject, bundle_path: PathLike, iteration: int = 0, shuffle: int = 1
) -> Path:
    """Make a bundle's model an iteration of a project, as if it had been trained there.

    The project's body parts become the bundle's, because the model knows no others. Then
    ``project.start_analysis(iteration)`` gives predictions to correct.

    Parameters
    ----------
    dlc_project : DLCProject
        The project; the iteration must not be trained yet.
    bundle_path : path
        The bundle's folder.
    iteration : int
        Which iteration it becomes.
    shuffle : int
        Number of the shuffle.

    Returns
    -------
    Path
        The model's folder.

    Raises
    ------
    FileNotFoundError, FormatError
        If the bundle is incomplete or damaged, or its snapshot holds more than numbers. The project is as it
        was then.
    ConflictError
        If the iteration is trained already, or the project has labels of other body parts.
    TrainingError
        If the project is being trained.
    """
    about = inspect_seed_bundle(bundle_path)
    project = dlc_project
    require_idle(project.path)
    if project.iteration_is_trained(iteration):
        raise ConflictError(
            f"Iteration {iteration} of {project.path} is trained already.",
            "Import the bundle into a new project, or train with refine_mode='external'.",
        )
    if set(project.body_parts) - set(about["bodyparts"]) and any(
        (project.path / "labeled-data").glob("*/CollectedData_*.h5")
    ):
        raise ConflictError(
            f"{project.path} has labelled frames of other body parts ({', '.join(project.body_parts)}) than "
            f"the bundle ({', '.join(about['bodyparts'])}).",
            "Import the bundle into a new project.",
        )
    _check_snapshot(about["snapshot"])
    config = project.config
    fraction = project.training_fraction or 0.95
    prefix = f"{config['Task']}{config.get('date', '')}"
    name = f"{prefix}-trainset{int(100 * fraction)}shuffle{shuffle}"
    folder = project.path / "dlc-models-pytorch" / f"iteration-{iteration}" / name
    train, test = folder / "train", folder / "test"
    dataset = project.path / "training-datasets" / f"iteration-{iteration}" / f"UnaugmentedDataSet_{prefix}"
    new = [each for each in (folder, dataset) if not each.exists()]
    try:
        for each in (train, test, dataset):
            _made(each)
        _copy(about["pose_cfg"], test / _POSE)
        edit_yaml(test / _POSE, {"dataset": str(project.path)})
        _copy(about["pytorch_config"], train / _MODEL)
        metadata = parse_yaml(train / _MODEL).get("metadata") or {}
        metadata.update(project_path=str(project.path), pose_config_path=str(train / _MODEL))
        edit_yaml(train / _MODEL, {"metadata": metadata})
        shuffles = {name: {"train_fraction": fraction, "index": shuffle, "split": 1, "engine": "pytorch"}}
        # JSON is YAML; DeepLabCut finds its shuffles in this file
        write_atomic(dataset / "metadata.yaml", json.dumps({"shuffles": shuffles}, indent=1).encode())
        with all_or_none() as keep:
            keep(project.config_path)
            keep(project.settings.path)
            project.edit_config(bodyparts=about["bodyparts"], iteration=iteration, skeleton=[])
            project.settings["began_with"] = {
                **project.settings.get("began_with", {}),
                str(iteration): f"seed bundle {Path(bundle_path).name}",
            }
            # last, because with it the iteration counts as trained
            _copy(about["snapshot"], train / about["snapshot"].name)
    except BaseException:
        for each in new:
            shutil.rmtree(each, ignore_errors=True)
        raise
    return folder


def get_seed_bundles_root() -> Path | None:
    """Return the folder of bundles that :func:`set_seed_bundles_root` remembered; None if it is not there."""
    try:
        root = Path(json.loads(_memory().read_bytes())["root"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return root if root.is_dir() else None


def set_seed_bundles_root(path: PathLike | None) -> None:
    """Remember a folder of seed bundles for this user.

    Parameters
    ----------
    path : path or None
        The folder; None forgets it.
    """
    if path is None:
        _memory().unlink(missing_ok=True)
        return
    _made(_memory().parent)
    write_atomic(_memory(), json.dumps({"root": os.path.abspath(path)}).encode())


def _memory() -> Path:
    import platformdirs

    return Path(platformdirs.user_config_dir("jupytrack")) / "seed-bundles.json"


def _body_parts(path: Path) -> list[str]:
    about = parse_yaml(path).get("metadata")
    parts = about.get("bodyparts") if isinstance(about, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise FormatError(f"{path} names no body parts (metadata, bodyparts).", _MAKE)
    return list(parts)


def _check_snapshot(path: Path) -> None:
    """Pass only a snapshot whose numbers can be read."""
    try:
        weights = load_snapshot(path)["model"]
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"torch is needed to check {path}.", 'Install it: pip install "jupytrack[dlc]".'
        ) from error
    for name, value in weights.items():
        if getattr(value, "is_floating_point", bool)() and not math.isfinite(float(value.double().sum())):
            raise FormatError(f"{path}: the weights {name} are no numbers.", "Use another snapshot.")


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise save_error(folder, error) from error


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
