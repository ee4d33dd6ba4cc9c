// Where one sample reads: the pixels of its level and how much each of them counts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "xmsda/problem.h"

namespace xmsda {

struct Corner {
  int64_t pixel;       // on the S axis
  double coefficient;  // of this pixel's value in the interpolated one
  double du, dv;       // derivatives of the coefficient by the normalised location
};

struct Corners {
  Corner corner[4];
  int count = 0;  // only pixels inside the level
};

// An axis of `size` pixels: from a normalised location to a pixel coordinate, and its derivative.
struct AxisRule {
  double scale, shift;
  double last;  // coordinate of the last pixel

  AxisRule(bool align_corners, int64_t size)
      : scale(static_cast<double>(align_corners ? size - 1 : size)),
        shift(align_corners ? 0 : 0.5),
        last(static_cast<double>(size - 1)) {}
};

// The four neighbours, zeros outside or clamped coordinates. Inside the level a neighbour counts even when its
// coefficient is 0, so that its NaN shows, as with torch's grid_sample.
inline Corners BilinearCorners(const Problem& problem, const Level& level, double u, double v) {
  const AxisRule columns(problem.align_corners, level.width);
  const AxisRule rows(problem.align_corners, level.height);
  double x = u * columns.scale - columns.shift;
  double y = v * rows.scale - rows.shift;
  double x_scale = columns.scale;
  double y_scale = rows.scale;
  Corners corners;
  if (problem.padding == Padding::kBorder) {
    if (!std::isfinite(u) || !std::isfinite(v)) return corners;
    // As torch has it: no gradient at the outermost centres themselves either.
    if (!(x > 0 && x < columns.last)) x_scale = 0;
    if (!(y > 0 && y < rows.last)) y_scale = 0;
    x = std::clamp(x, 0.0, columns.last);
    y = std::clamp(y, 0.0, rows.last);
  }
  // False for NaN. Bounds x, so that the conversions below are defined.
  if (!(x > -1 && x < columns.last + 1 && y > -1 && y < rows.last + 1)) return corners;
  const double x0 = std::floor(x);
  const double y0 = std::floor(y);
  for (int dy = 0; dy < 2; ++dy) {
    for (int dx = 0; dx < 2; ++dx) {
      const int64_t column = static_cast<int64_t>(x0) + dx;
      const int64_t row = static_cast<int64_t>(y0) + dy;
      if (column < 0 || column >= level.width || row < 0 || row >= level.height) continue;
      const double bx = dx == 0 ? 1 - (x - x0) : x - x0;
      const double by = dy == 0 ? 1 - (y - y0) : y - y0;
      corners.corner[corners.count++] = {.pixel = level.start + row * level.width + column,
                                         .coefficient = bx * by,
                                         .du = (dx == 0 ? -x_scale : x_scale) * by,
                                         .dv = (dy == 0 ? -y_scale : y_scale) * bx};
    }
  }
  return corners;
}

// RT-DETRv2's nearest pixel, clamped to the level.
inline Corners DiscreteCorners(const Level& level, double u, double v) {
  Corners corners;
  if (!std::isfinite(u) || !std::isfinite(v)) return corners;
  const auto pixel = [](double t, int64_t size) {
    const double last = static_cast<double>(size - 1);
    return static_cast<int64_t>(std::clamp(std::trunc(t * static_cast<double>(size) + 0.5), 0.0, last));
  };
  const int64_t column = pixel(u, level.width);
  const int64_t row = pixel(v, level.height);
  corners.corner[0] = {.pixel = level.start + row * level.width + column, .coefficient = 1, .du = 0, .dv = 0};
  corners.count = 1;
  return corners;
}

inline Corners CornersOf(const Problem& problem, const Level& level, double u, double v) {
  if (problem.sampling == Sampling::kDiscrete) return DiscreteCorners(level, u, v);
  return BilinearCorners(problem, level, u, v);
}

}  // namespace xmsda
