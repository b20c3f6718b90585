#include "plugins/steps/report/layout.hpp"

#include <algorithm>
#include <numeric>

namespace scanflow::report {
namespace {

constexpr int kSweeps = 6;

/// Nodes and the bends of long edges, which take a place in each column that they pass.
struct Grid {
  struct Cell {
    std::size_t layer = 0;
    bool bend = false;
    std::vector<std::size_t> before, after;  // neighbours in the columns left and right
    double y = 0;                            // centre
  };
  std::vector<Cell> cells;  // the first are the nodes, in their order
  std::vector<std::vector<std::size_t>> layers;
  std::vector<std::vector<std::size_t>> chains;  // each edge as the cells that it passes
};

Grid make_grid(const std::vector<std::vector<std::size_t>>& needs) {
  const auto layer = longest_path_layers(needs);
  Grid grid;
  grid.cells.resize(needs.size());
  for (std::size_t n = 0; n < needs.size(); ++n) grid.cells[n].layer = layer[n];
  for (std::size_t n = 0; n < needs.size(); ++n) {
    for (const std::size_t need : needs[n]) {
      std::vector<std::size_t> chain{need};
      for (std::size_t at = layer[need] + 1; at < layer[n]; ++at) {
        grid.cells.push_back({at, true, {}, {}, 0});
        chain.push_back(grid.cells.size() - 1);
      }
      chain.push_back(n);
      for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
        grid.cells[chain[i]].after.push_back(chain[i + 1]);
        grid.cells[chain[i + 1]].before.push_back(chain[i]);
      }
      grid.chains.push_back(std::move(chain));
    }
  }
  for (std::size_t c = 0; c < grid.cells.size(); ++c) {
    const std::size_t at = grid.cells[c].layer;
    if (grid.layers.size() <= at) grid.layers.resize(at + 1);
    grid.layers[at].push_back(c);
  }
  return grid;
}

/// Sorts a column by the mean place of the neighbours on one side; those without keep their place.
void sort_by_neighbours(Grid& grid, std::vector<std::size_t>& layer, bool left,
                        std::vector<double>& place) {
  std::vector<double> key(grid.cells.size());
  for (const std::size_t c : layer) {
    const auto& near = left ? grid.cells[c].before : grid.cells[c].after;
    key[c] = near.empty() ? place[c]
                          : std::accumulate(near.begin(), near.end(), 0.0, [&](double sum, auto n) {
                              return sum + place[n];
                            }) / static_cast<double>(near.size());
  }
  std::stable_sort(layer.begin(), layer.end(), [&](auto a, auto b) { return key[a] < key[b]; });
  for (std::size_t i = 0; i < layer.size(); ++i) place[layer[i]] = static_cast<double>(i);
}

void order_layers(Grid& grid) {
  std::vector<double> place(grid.cells.size());
  for (const auto& layer : grid.layers) {
    for (std::size_t i = 0; i < layer.size(); ++i) place[layer[i]] = static_cast<double>(i);
  }
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (auto& layer : grid.layers) sort_by_neighbours(grid, layer, true, place);
    for (auto layer = grid.layers.rbegin(); layer != grid.layers.rend(); ++layer) {
      sort_by_neighbours(grid, *layer, false, place);
    }
  }
}

double room(const Grid::Cell& cell, const LayoutOptions& options) {
  return cell.bend ? options.node_gap : options.node_height + options.node_gap;
}

/// Moves a column's cells towards the centres of their neighbours, keeping order and distance.
void settle(Grid& grid, const std::vector<std::size_t>& layer, const LayoutOptions& options) {
  double drift = 0, bottom = -1e18;
  for (const std::size_t c : layer) {
    Grid::Cell& cell = grid.cells[c];
    double wish = 0;
    const std::size_t near = cell.before.size() + cell.after.size();
    for (const std::size_t n : cell.before) wish += grid.cells[n].y;
    for (const std::size_t n : cell.after) wish += grid.cells[n].y;
    wish = near == 0 ? cell.y : wish / static_cast<double>(near);
    const double half = room(cell, options) / 2;
    cell.y = std::max(wish, bottom + half);
    bottom = cell.y + half;
    drift += cell.y - wish;
  }
  drift /= static_cast<double>(layer.size());
  for (const std::size_t c : layer) grid.cells[c].y -= drift;
}

void place_vertically(Grid& grid, const LayoutOptions& options) {
  for (const auto& layer : grid.layers) {
    double total = 0;
    for (const std::size_t c : layer) total += room(grid.cells[c], options);
    double y = -total / 2;
    for (const std::size_t c : layer) {
      const double half = room(grid.cells[c], options) / 2;
      grid.cells[c].y = y + half;
      y += 2 * half;
    }
  }
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (const auto& layer : grid.layers) settle(grid, layer, options);
    for (auto layer = grid.layers.rbegin(); layer != grid.layers.rend(); ++layer) {
      settle(grid, *layer, options);
    }
  }
}

}  // namespace

std::vector<std::size_t> longest_path_layers(const std::vector<std::vector<std::size_t>>& needs) {
  std::vector<std::size_t> waits(needs.size()), layer(needs.size(), 0), ready;
  std::vector<std::vector<std::size_t>> dependents(needs.size());
  for (std::size_t n = 0; n < needs.size(); ++n) {
    waits[n] = needs[n].size();
    for (const std::size_t need : needs[n]) dependents[need].push_back(n);
    if (waits[n] == 0) ready.push_back(n);
  }
  while (!ready.empty()) {
    const std::size_t n = ready.back();
    ready.pop_back();
    for (const std::size_t next : dependents[n]) {
      layer[next] = std::max(layer[next], layer[n] + 1);
      if (--waits[next] == 0) ready.push_back(next);
    }
  }
  return layer;
}

Layout lay_out(const std::vector<std::vector<std::size_t>>& needs, const LayoutOptions& options) {
  Layout out;
  if (needs.empty()) return out;
  Grid grid = make_grid(needs);
  order_layers(grid);
  place_vertically(grid, options);
  double top = 1e18, bottom = -1e18;
  for (const Grid::Cell& cell : grid.cells) {
    const double half = cell.bend ? 0 : options.node_height / 2;
    top = std::min(top, cell.y - half);
    bottom = std::max(bottom, cell.y + half);
  }
  const double pitch = options.node_width + options.layer_gap;
  const auto left = [&](std::size_t c) { return pitch * static_cast<double>(grid.cells[c].layer); };
  const auto centre = [&](std::size_t c) { return grid.cells[c].y - top; };
  for (std::size_t n = 0; n < needs.size(); ++n) {
    out.nodes.push_back({left(n), centre(n) - options.node_height / 2});
  }
  for (const auto& chain : grid.chains) {
    Route route{chain.front(), chain.back(), {}};
    for (const std::size_t c : chain) {
      if (c != chain.front()) route.points.push_back({left(c), centre(c)});
      if (c != chain.back()) route.points.push_back({left(c) + options.node_width, centre(c)});
    }
    out.routes.push_back(std::move(route));
  }
  out.width = pitch * static_cast<double>(grid.layers.size()) - options.layer_gap;
  out.height = bottom - top;
  return out;
}

}  // namespace scanflow::report
