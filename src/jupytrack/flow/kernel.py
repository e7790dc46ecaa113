"""Flow at nodes as one compiled function a step, where numba is installed; see jupytrack.flow.nodes.

It does what OpenCV's pyramidal Lucas-Kanade does, in floating point, and saves what can be saved: nodes lie
whole pixels apart and share one interpolated template, there are no pictures of gradients, and no call for
each level. It leaves every label alone whose search windows leave the picture, run away or find too little
texture: those go the way without it.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

__all__ = ["FINE", "compiled_step"]

FINE = 0
"""What ``compiled_step`` says of a label that it moved; anything else asks for another way."""
_ALONE, _OUTSIDE, _FLAT, _FAR, _BENT = 1, 2, 3, 4, 5
# Pixels of motion beyond the guess that a search may go, on each level.
_ROOM = 10


def _template(picture, stride, left, top, fx, fy, width, height, patch, gx, gy):  # type: ignore[no-untyped-def]
    """Interpolate a part of a picture, one pixel wider all around, and its gradients (Scharr)."""
    w00, w01 = (1 - fx) * (1 - fy), fx * (1 - fy)
    w10, w11 = (1 - fx) * fy, fx * fy
    for y in range(height + 2):
        upper = picture[(top - 1 + y) * stride + left - 1 : (top - 1 + y) * stride + left + width + 2]
        lower = picture[(top + y) * stride + left - 1 : (top + y) * stride + left + width + 2]
        row = patch[y]
        for x in range(width + 2):
            row[x] = (
                w00 * np.float32(upper[x])
                + w01 * np.float32(upper[x + 1])
                + w10 * np.float32(lower[x])
                + w11 * np.float32(lower[x + 1])
            )
    three, ten = np.float32(3 / 32), np.float32(10 / 32)
    for y in range(height):
        a, b, c = patch[y], patch[y + 1], patch[y + 2]
        to_x, to_y = gx[y], gy[y]
        for x in range(width):
            to_x[x] = three * (a[x + 2] - a[x] + c[x + 2] - c[x]) + ten * (b[x + 2] - b[x])
            to_y[x] = three * (c[x] - a[x] + c[x + 2] - a[x + 2]) + ten * (c[x + 1] - a[x + 1])


def _mirrored(n, size):  # type: ignore[no-untyped-def]
    """Return the pixel that stands for one beyond the edge."""
    if n < 0:
        n = -n
    if n >= size:
        n = 2 * size - 2 - n
    return min(max(n, 0), size - 1)


def _template_at_edge(  # type: ignore[no-untyped-def]
    picture, stride, columns, rows, left, top, fx, fy, width, height, raw, raw_x, raw_y, patch, gx, gy
):
    """Do as ``_template`` where the part reaches over the edge, as OpenCV does.

    Beyond the edge the picture is mirrored and gradients are zero; so gradients are taken before they are
    interpolated.
    """
    for y in range(height + 3):
        line = _fast_mirrored(top - 1 + y, rows) * stride
        for x in range(width + 3):
            raw[y, x] = np.float32(picture[line + _fast_mirrored(left - 1 + x, columns)])
    three, ten = np.float32(3 / 32), np.float32(10 / 32)
    for y in range(height + 1):
        a, b, c = raw[y], raw[y + 1], raw[y + 2]
        for x in range(width + 1):
            if 0 <= left + x < columns and 0 <= top + y < rows:
                raw_x[y, x] = three * (a[x + 2] - a[x] + c[x + 2] - c[x]) + ten * (b[x + 2] - b[x])
                raw_y[y, x] = three * (c[x] - a[x] + c[x + 2] - a[x + 2]) + ten * (c[x + 1] - a[x + 1])
            else:
                raw_x[y, x] = raw_y[y, x] = np.float32(0)
    w00, w01 = (1 - fx) * (1 - fy), fx * (1 - fy)
    w10, w11 = (1 - fx) * fy, fx * fy
    for y in range(height):
        for x in range(width):
            a, b = raw[y + 1], raw[y + 2]
            patch[y + 1, x + 1] = w00 * a[x + 1] + w01 * a[x + 2] + w10 * b[x + 1] + w11 * b[x + 2]
            a, b = raw_x[y], raw_x[y + 1]
            gx[y, x] = w00 * a[x] + w01 * a[x + 1] + w10 * b[x] + w11 * b[x + 1]
            a, b = raw_y[y], raw_y[y + 1]
            gy[y, x] = w00 * a[x] + w01 * a[x + 1] + w10 * b[x] + w11 * b[x + 1]


def _search(  # type: ignore[no-untyped-def]
    area, columns, rows, patch, gx, gy, mask, ox, oy, width, height, x, y, count, epsilon, flat, found
):
    """Find the part of the template that begins at (ox, oy) in an area, from (x, y) on (its corner)."""
    # Whole vectors, the surplus masked out, are faster than a rest of single pixels.
    padded = len(mask)
    a11 = np.float32(0)
    a12 = np.float32(0)
    a22 = np.float32(0)
    for j in range(height):
        row_x, row_y = gx[oy + j, ox : ox + padded], gy[oy + j, ox : ox + padded]
        for i in range(padded):
            masked_x, masked_y = mask[i] * row_x[i], mask[i] * row_y[i]
            a11 += masked_x * row_x[i]
            a12 += masked_x * row_y[i]
            a22 += masked_y * row_y[i]
    determinant = a11 * a22 - a12 * a12
    smallest = (a11 + a22 - math.sqrt((a11 - a22) * (a11 - a22) + 4 * a12 * a12)) / (2 * width * height)
    if smallest < flat or determinant <= 0:
        return _FLAT
    last_x = np.float32(0)
    last_y = np.float32(0)
    for turn in range(count):
        left, top = math.floor(x), math.floor(y)
        if left < 0 or top < 0 or left + width >= columns or top + height >= rows:
            return _OUTSIDE
        fx, fy = np.float32(x - left), np.float32(y - top)
        w00, w01 = (1 - fx) * (1 - fy), fx * (1 - fy)
        w10, w11 = (1 - fx) * fy, fx * fy
        b1 = np.float32(0)
        b2 = np.float32(0)
        for j in range(height):
            upper = area[top + j, left : left + padded + 1]
            lower = area[top + j + 1, left : left + padded + 1]
            row = patch[oy + j + 1, ox + 1 : ox + 1 + padded]
            row_x, row_y = gx[oy + j, ox : ox + padded], gy[oy + j, ox : ox + padded]
            for i in range(padded):
                seen = w00 * upper[i] + w01 * upper[i + 1] + w10 * lower[i] + w11 * lower[i + 1]
                difference = mask[i] * (seen - row[i])
                b1 += difference * row_x[i]
                b2 += difference * row_y[i]
        step_x = (a12 * b2 - a22 * b1) / determinant
        step_y = (a12 * b1 - a11 * b2) / determinant
        x += step_x
        y += step_y
        if step_x * step_x + step_y * step_y <= epsilon:
            break
        if turn > 0 and abs(step_x + last_x) < 0.01 and abs(step_y + last_y) < 0.01:
            # Back and forth: OpenCV, too, takes the middle.
            x -= step_x * np.float32(0.5)
            y -= step_y * np.float32(0.5)
            break
        last_x, last_y = step_x, step_y
    found[0], found[1] = x, y
    return 0


# Sums in any order, so that they run in vectors; NaN stays NaN, unlike with fastmath=True.
_options: dict[str, Any] = {
    "nogil": True,
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
    "cache": True,
    "error_model": "numpy",
}
_fast_template: Any = numba.njit(**_options)(_template)
_fast_mirrored: Any = numba.njit(**_options)(_mirrored)
_fast_template_at_edge: Any = numba.njit(**_options)(_template_at_edge)
_fast_search: Any = numba.njit(**_options)(_search)


def _step(  # type: ignore[no-untyped-def]
    before,
    before_sizes,
    after,
    after_sizes,
    at,
    tracked,
    window,
    count,
    epsilon,
    flat,
    reach,
    bend,
    strain,
    moved,
    told,
):  # fmt: skip
    """Move all windows of all labels from one picture to the next.

    ``before`` and ``after`` are the levels of both pictures, each in one row of bytes, with their strides,
    widths and heights. ``told`` takes, for each label, whether it was moved.
    """
    width, height = window
    half_x, half_y = np.float32((width - 1) * 0.5), np.float32((height - 1) * 0.5)
    padded = -(-width // 16) * 16
    mask = np.zeros(padded, np.float32)
    mask[:width] = 1
    means = np.empty((at.shape[1], 2), np.float32)
    spreads = np.zeros(at.shape[1], np.float32)
    numbers = np.zeros(at.shape[1], np.int64)
    # No larger than these labels need, so that the work stays in the fast cache.
    widest = 1
    for label in range(at.shape[1]):
        sum_x, sum_y = 0.0, 0.0
        for k in range(at.shape[0]):
            if tracked[k, label]:
                sum_x += at[k, label, 0]
                sum_y += at[k, label, 1]
                numbers[label] += 1
        if numbers[label] == 0:
            continue
        means[label, 0], means[label, 1] = sum_x / numbers[label], sum_y / numbers[label]
        for k in range(at.shape[0]):
            if tracked[k, label]:
                away_x, away_y = (
                    abs(at[k, label, 0] - means[label, 0]),
                    abs(at[k, label, 1] - means[label, 1]),
                )
                spreads[label] = max(spreads[label], away_x, away_y)
        if spreads[label] <= reach:
            widest = max(widest, math.ceil(spreads[label]))
    patch = np.zeros((height + 2 + 2 * widest, padded + 2 + 2 * widest), np.float32)
    gx, gy = np.zeros_like(patch), np.zeros_like(patch)
    extra = 2 * (widest + _ROOM + 2)
    area = np.zeros((height + extra, padded + extra), np.float32)
    raw = np.zeros((patch.shape[0] + 2, patch.shape[1] + 2), np.float32)
    raw_x, raw_y = np.zeros_like(raw), np.zeros_like(raw)
    found = np.empty(2, np.float32)
    shift = np.empty((5, 2), np.float32)
    node_x, node_y = np.array([0, 1, -1, 0, 0]), np.array([0, 0, 0, 1, -1])
    for label in range(at.shape[1]):
        number = numbers[label]
        told[label] = 0
        if number == 0:
            continue
        mean_x, mean_y = means[label]
        spread = spreads[label]
        if not spread <= reach:
            told[label] = _ALONE
            continue
        scale = max(1, math.ceil(spread))
        by_x, by_y = np.float32(0), np.float32(0)
        state = 0
        for level in range(len(before) - 1, -1, -1):
            share = np.float32(0.5) ** level
            by_x, by_y = 2 * by_x, 2 * by_y
            around = scale if level == 0 else 0
            corner_x, corner_y = mean_x * share - half_x - around, mean_y * share - half_y - around
            left, top = math.floor(corner_x), math.floor(corner_y)
            wide, high = width + 2 * around, height + 2 * around
            stride, columns, rows = before_sizes[level]
            fx, fy = np.float32(corner_x - left), np.float32(corner_y - top)
            if left >= 1 and top >= 1 and left + wide + 1 < columns and top + high + 1 < rows:
                _fast_template(before[level], stride, left, top, fx, fy, wide, high, patch, gx, gy)
            elif (
                left > -width
                and top > -height
                and left + wide < columns + width
                and top + high < rows + height
            ):
                _fast_template_at_edge(
                    before[level], stride, columns, rows, left, top, fx, fy, wide, high,
                    raw, raw_x, raw_y, patch, gx, gy,
                )  # fmt: skip
            else:
                state = _OUTSIDE
                break
            guess_x, guess_y = by_x, by_y
            # Where the search may go, as floating point: converted once for all nodes and turns.
            stride, columns, rows = after_sizes[level]
            area_x = math.floor(corner_x + by_x) - _ROOM
            area_y = math.floor(corner_y + by_y) - _ROOM
            long, tall = wide + 2 + 2 * _ROOM, high + 2 + 2 * _ROOM
            if area_x >= 0 and area_y >= 0 and area_x + long <= columns and area_y + tall <= rows:
                for j in range(tall):
                    line = (area_y + j) * stride + area_x
                    seen, to = after[level][line : line + long], area[j]
                    for i in range(long):
                        to[i] = np.float32(seen[i])
            else:
                for j in range(tall):
                    line = _fast_mirrored(area_y + j, rows) * stride
                    for i in range(long):
                        area[j, i] = np.float32(after[level][line + _fast_mirrored(area_x + i, columns)])
            for node in range(5 if level == 0 and number > 1 else 1):
                ox, oy = around + scale * node_x[node], around + scale * node_y[node]
                x, y = corner_x + ox, corner_y + oy
                state = _fast_search(
                    area, long, tall, patch, gx, gy, mask, ox, oy, width, height,
                    x + by_x - area_x, y + by_y - area_y, count, epsilon, flat, found,
                )  # fmt: skip
                if state != 0:
                    break
                seen_x, seen_y = found[0] + area_x, found[1] + area_y
                if not (-width < seen_x < columns and -height < seen_y < rows):
                    state = _OUTSIDE
                    break
                shift[node, 0], shift[node, 1] = found[0] + area_x - x, found[1] + area_y - y
                if node == 0:
                    by_x, by_y = shift[0, 0], shift[0, 1]
                    if abs(by_x - guess_x) > _ROOM or abs(by_y - guess_y) > _ROOM:
                        state = _FAR
                        break
            if state != 0:
                break
        if state != 0:
            told[label] = state
            continue
        c = np.zeros((5, 2), np.float32)
        for axis in range(2):
            c[0, axis] = shift[0, axis]
            if number == 1:
                continue
            for n in range(2):
                plus, minus = shift[2 * n + 1, axis] - shift[0, axis], shift[2 * n + 2, axis] - shift[0, axis]
                c[n + 1, axis] = (plus - minus) / 2
                c[n + 3, axis] = (plus + minus) / 2
                if not (
                    abs(plus + minus) <= 2 * bend and max(abs(plus), abs(minus)) <= strain * scale + bend
                ):
                    state = _BENT
        if state != 0:
            told[label] = state
            continue
        for k in range(at.shape[0]):
            if tracked[k, label]:
                u = (at[k, label, 0] - mean_x) / scale
                v = (at[k, label, 1] - mean_y) / scale
                for axis in range(2):
                    moved[k, label, axis] = at[k, label, axis] + (
                        c[0, axis] + u * (c[1, axis] + u * c[3, axis]) + v * (c[2, axis] + v * c[4, axis])
                    )


compiled_step: Any = numba.njit(**_options)(_step)
