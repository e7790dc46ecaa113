# `make demo` to try it, `make test` to test everything. Both work on a fresh checkout with Python >= 3.11 and Node >= 20.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REFERENCE := .venvs/dustrack
TRACKEVAL := .venvs/trackeval
TRACKS := .venvs/tracks
OLDEST := .venvs/oldest
DLC := .venvs/dlc
JS_SOURCES := $(shell find js/src -type f 2>/dev/null)
# in containers one often is root, which JupyterLab refuses unless told
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)
BUNDLE := src/jupytrack/static/widget.js

.PHONY: demo test check docs bench clean test-python test-tracks test-oldest test-dlc test-js test-browser screenshot bundle browser

demo: $(VENV)/.lab $(BUNDLE)
	$(BIN)/python -m jupyterlab $(AS_ROOT) notebooks/01_annotate.ipynb

test: check test-js test-python test-tracks test-oldest test-dlc test-browser

test-python: $(VENV)/.test $(BUNDLE) $(REFERENCE)/.done $(TRACKEVAL)/.done
	JUPYTRACK_REFERENCE_PYTHON=$(abspath $(REFERENCE))/bin/python \
	  JUPYTRACK_TRACKEVAL_PYTHON=$(abspath $(TRACKEVAL))/bin/python \
	  $(BIN)/python -m pytest -m "not browser and not deeplabcut" tests

test-browser: $(VENV)/.test $(BUNDLE) browser
	$(BIN)/python -m pytest -m "browser and not deeplabcut" tests

# the lowest numpy, pandas and ruamel.yaml that pyproject.toml allows, an early OpenCV, and no numba
test-oldest: $(OLDEST)/.done
	$(OLDEST)/bin/python -m pytest -p no:cacheprovider -m "not browser and not notebook and not heavy and not deeplabcut" \
	  tests/video tests/annotation tests/formats tests/flow tests/qa tests/dlc

# with the extra `tracks`, beside the other build of OpenCV that it brings
test-tracks: $(TRACKS)/.done $(TRACKEVAL)/.done
	JUPYTRACK_TRACKEVAL_PYTHON=$(abspath $(TRACKEVAL))/bin/python \
	  $(TRACKS)/bin/python -m pytest -p no:cacheprovider -m "not browser and not notebook and not heavy" \
	  tests/qa tests/video/test_enhance.py tests/flow/test_lucas_kanade.py

# with the real deeplabcut; the path lets torchvision be imported where its compiled part does not fit torch
test-dlc: $(DLC)/.done $(BUNDLE) browser
	PYTHONPATH=$(abspath tests/dlc/torchvision_shim) \
	  $(DLC)/bin/python -m pytest -p no:cacheprovider -m deeplabcut tests/dlc tests/e2e tests/test_notebooks.py

test-js: js/node_modules/.package-lock.json
	cd js && npm test

check: $(VENV)/.test js/node_modules/.package-lock.json
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd js && npm run check

bench: $(VENV)/.test $(BUNDLE) $(REFERENCE)/.done $(TRACKS)/.done browser
	JUPYTRACK_REFERENCE_PYTHON=$(abspath $(REFERENCE))/bin/python JUPYTRACK_BENCHMARKS=1 \
	  $(BIN)/python -m pytest -s tests/benchmarks
	JUPYTRACK_BENCHMARKS=1 $(TRACKS)/bin/python -m pytest -s --noconftest tests/benchmarks/test_evaluation.py

# the picture in the README, taken by a browser test
screenshot: $(VENV)/.test $(BUNDLE) browser
	JUPYTRACK_SCREENSHOT=1 $(BIN)/python -m pytest -q tests/e2e/test_screenshot.py

docs: $(VENV)/.docs
	$(BIN)/python -m mkdocs build --strict

bundle: $(BUNDLE)

$(BUNDLE): js/node_modules/.package-lock.json $(JS_SOURCES)
	cd js && npm run build
	@touch $@

js/node_modules/.package-lock.json: js/package.json js/package-lock.json
	cd js && npm ci
	@touch $@

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'jupytrack needs Python 3.11 or newer; set PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.lab: pyproject.toml | $(BIN)/python $(BUNDLE)
	$(BIN)/python -m pip install --quiet -e ".[lab]"
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python $(BUNDLE)
	$(BIN)/python -m pip install --quiet -e ".[test]"
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python $(BUNDLE)
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	@touch $@

# DUSTrack pins numpy < 2, so the tests that let it read our files give it an environment of its own
$(REFERENCE)/.done:
	$(PYTHON) -m venv $(REFERENCE)
	$(REFERENCE)/bin/python -m pip install --quiet "dustrack==1.3.2"
	@touch $@

# trackeval brings its own build of OpenCV, which would replace ours
$(TRACKEVAL)/.done:
	$(PYTHON) -m venv $(TRACKEVAL)
	$(TRACKEVAL)/bin/python -m pip install --quiet "trackeval==1.3.0"
	@touch $@

# trackers asks for the build of OpenCV with windows, which needs libGL; ours goes on top, as on a server
$(TRACKS)/.done: pyproject.toml | $(BUNDLE)
	$(PYTHON) -m venv $(TRACKS)
	$(TRACKS)/bin/python -m pip install --quiet "pytest>=8,<10" "hypothesis>=6.100,<7" -e ".[tracks]"
	$(TRACKS)/bin/python -m pip install --quiet --force-reinstall --no-deps "opencv-python-headless>=4.9,<6"
	@touch $@

# torch first: what deeplabcut asks for by itself is three times as large
$(DLC)/.done: pyproject.toml | $(BUNDLE)
	$(PYTHON) -m venv $(DLC)
	$(DLC)/bin/python -m pip install --quiet "torch==2.13.0"
	$(DLC)/bin/python -m pip install --quiet "torchvision==0.28.0" -e ".[dlc,test]"
	@touch $@

$(OLDEST)/.done: pyproject.toml | $(BUNDLE)
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet "numpy==1.26.*" "pandas==2.2.*" "ruamel.yaml==0.18.0" "opencv-python-headless==4.10.*" "pytest>=8,<10" "hypothesis>=6.100,<7" -e .
	@touch $@

browser:
	@command -v chromium >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq chromium; \
	else \
	  echo "The browser tests drive chromium. Install it first, on Debian or Ubuntu: sudo apt-get install chromium" >&2; exit 1; \
	fi

clean:
	rm -rf $(VENV) .venvs dist build site src/jupytrack/static js/node_modules
