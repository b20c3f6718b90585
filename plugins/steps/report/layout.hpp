// A layered drawing of a DAG, left to right: pure geometry, no text.
#pragma once

#include <cstddef>
#include <vector>

namespace scanflow::report {

struct LayoutOptions {
  double node_width = 206, node_height = 46;
  double layer_gap = 46;  // between columns
  double node_gap = 18;   // between nodes of one column
};

struct Place {
  double x = 0, y = 0;  // upper left corner
};

/// An edge as the points that its curve passes: from the right side of `from` to the left side of
/// `to`, and through the gaps of the columns between them, so that it crosses no node.
struct Route {
  std::size_t from = 0, to = 0;
  std::vector<Place> points;
};

struct Layout {
  double width = 0, height = 0;
  std::vector<Place> nodes;
  std::vector<Route> routes;
};

/// needs[n]: the nodes that n needs (below needs.size(), without a cycle). Columns by longest path,
/// order within a column by barycenter sweeps. The same input gives the same drawing.
Layout lay_out(const std::vector<std::vector<std::size_t>>& needs, const LayoutOptions& options);

/// Column of each node, from 0.
std::vector<std::size_t> longest_path_layers(const std::vector<std::vector<std::size_t>>& needs);

}  // namespace scanflow::report
