"""The display methods change state that others watch."""

from __future__ import annotations

import pytest

from jupytrack.annotation.display import DisplayState
from jupytrack.annotation.palettes import PALETTES
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import AnnotationError


class Screen:
    def __init__(self):
        self.count = 0

    def refresh(self):
        self.count += 1


@pytest.fixture
def annotation():
    return VideoAnnotation(n_labels=3)


def test_colours_follow_the_number_of_the_label(annotation):
    set2 = PALETTES["Set2"]
    assert annotation.palette == list(set2[:3])
    assert all(len(color) == 3 and all(0 <= part <= 1 for part in color) for color in set2)
    assert set2[0] == pytest.approx((0.4, 0.7607843137254902, 0.6470588235294118))
    ann = VideoAnnotation(preloaded_json={"9": {}, "nose": {}})
    assert ann.palette == [set2[1], set2[1]]
    assert VideoAnnotation(palette_name="tab10").palette == [PALETTES["tab10"][0]]
    with pytest.raises(AnnotationError, match="no palette"):
        VideoAnnotation(palette_name="Set99")


def test_every_method_is_seen_by_listeners(annotation):
    display = annotation.display
    seen = []
    stop = display.on_change(lambda: seen.append(1))
    annotation.hide()
    assert not display.visible
    annotation.show()
    annotation.hide_trace("1")
    assert [display.trace_visible(label) for label in "012"] == [True, False, True]
    annotation.show_trace("1")
    annotation.show_one_trace("2")
    assert [display.trace_visible(label) for label in "012"] == [False, False, True]
    annotation.set_alpha(0.25)
    annotation.set_alpha(0.5, label="1")
    assert [display.alpha_of(label) for label in "01"] == [0.25, 0.5]
    annotation.set_plot_type("line")
    assert annotation.plot_type == "line"
    annotation.plot_type = "dot"
    assert display.plot_type == "dot"
    display.set_palette("Dark2")
    assert len(seen) == 10
    annotation.hide(draw=False)
    assert not display.visible
    assert len(seen) == 10
    stop()
    annotation.show()
    assert len(seen) == 10


def test_displays_are_refreshed_on_edits(annotation):
    canvas, x, y = Screen(), Screen(), Screen()
    annotation.setup_display(canvas, x, [y])
    counts = canvas.count, x.count, y.count
    annotation.add([1, 2], "0", 3)
    assert (canvas.count, x.count, y.count) == tuple(count + 1 for count in counts)
    annotation.update_display_scatter(3)
    assert (canvas.count, x.count) == (counts[0] + 2, counts[1] + 1)
    annotation.update_display_trace("0", draw=True)
    assert (canvas.count, x.count, y.count) == (counts[0] + 2, counts[1] + 2, counts[2] + 2)
    annotation.update_display(3)
    assert canvas.count == counts[0] + 3
    annotation.clear_display()
    count = canvas.count
    annotation.add([1, 2], "0", 4)
    assert canvas.count == count
    annotation.re_setup_display()
    assert canvas.count > count
    assert annotation.display.visible
    count, revision = canvas.count, annotation.revision
    annotation.invalidate_caches()
    assert canvas.count == count + 1
    assert annotation.revision > revision


def test_displays_given_to_the_constructor():
    canvas, trace = Screen(), Screen()
    ann = VideoAnnotation(ax_list_scatter=[canvas], ax_list_trace_x=[trace], ax_list_trace_y=[trace])
    ann.add([1, 2], "0", 3)
    assert canvas.count
    assert trace.count
    assert ann.display.bound("trace") == (trace,)


def test_what_cannot_be_shown_is_refused(annotation):
    with pytest.raises(AnnotationError, match=r"no refresh\(\)"):
        annotation.setup_display(object())
    with pytest.raises(AnnotationError, match="plot type"):
        annotation.set_plot_type("bars")
    with pytest.raises(AnnotationError, match="opacity"):
        annotation.set_alpha(2)


def test_a_failing_listener_does_not_stop_the_others(caplog):
    display = DisplayState()
    seen = []
    display.on_change(lambda: 1 / 0)
    display.on_change(lambda: seen.append(1))
    display.set_visible(False)
    assert seen == [1]
    assert "ZeroDivisionError" in caplog.text
