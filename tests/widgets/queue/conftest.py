from __future__ import annotations

import shutil

import pytest
from projects import make_trained_project

import jupytrack


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    return make_trained_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def project(original, tmp_path):
    return shutil.copytree(original, tmp_path / original.name)


@pytest.fixture
def queue(project):
    queue = jupytrack.open(project)
    yield queue
    queue.close()
