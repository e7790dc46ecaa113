"""Let torchvision be imported where its compiled part does not load (a CPU-only torch beside its GPU build).

A process finds this through PYTHONPATH. It does nothing until torchvision is imported, and nothing then
unless that import raises: DeepLabCut's pose models use none of the compiled operators, but torchvision
describes two of them to torch while it loads.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType


class _Loader(importlib.abc.Loader):
    kept: list[object] = []  # noqa: RUF012 - the operators vanish with the object that defined them

    def __init__(self, real: importlib.abc.Loader) -> None:
        self.real = real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        try:
            self.real.exec_module(module)
        except Exception:
            for name in [n for n in sys.modules if n.startswith("torchvision.")]:
                del sys.modules[name]
            import torch

            library = torch.library.Library("torchvision", "DEF")
            library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            self.kept.append(library)
            self.real.exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "torchvision":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


sys.meta_path.insert(0, _Finder())
