#include "plugins/steps/report/confusion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plugins/steps/report/format.hpp"

namespace scanflow::report {
namespace {

std::string share(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f} %", part / whole * 100) : "–";
}

/// Errors are few beside hits: the root makes one in a hundred visible.
double strength(double count, double whole) { return whole > 0 ? std::sqrt(count / whole) : 0; }

}  // namespace

std::optional<Matrix> parse_confusion(const json& value) {
  if (!value.is_array() || value.size() < 2 || value.size() > 30) return std::nullopt;
  Matrix matrix;
  for (const json& row : value) {
    if (!row.is_array() || row.size() != value.size()) return std::nullopt;
    matrix.emplace_back();
    for (const json& count : row) {
      if (!count.is_number() || count.get<double>() < 0) return std::nullopt;
      matrix.back().push_back(count.get<double>());
    }
  }
  return matrix;
}

std::string confusion_html(const Matrix& matrix) {
  const std::size_t n = matrix.size();
  std::string out = "<table class=\"confusion\"><thead><tr><th class=\"corner\">true \\ said</th>";
  for (std::size_t c = 0; c < n; ++c) out += fmt::format("<th>{}</th>", c);
  out += "<th class=\"share\">recall</th></tr></thead><tbody>";
  std::vector<double> said(n, 0);
  for (std::size_t r = 0; r < n; ++r) {
    double whole = 0;
    for (std::size_t c = 0; c < n; ++c) {
      whole += matrix[r][c];
      said[c] += matrix[r][c];
    }
    out += fmt::format("<tr><th>{}</th>", r);
    for (std::size_t c = 0; c < n; ++c) {
      const double count = matrix[r][c];
      out += fmt::format(
          "<td class=\"{}\" style=\"--h:{:.2f}\" title=\"{} of {} with label {} were taken for "
          "{}\">{}</td>",
          r == c ? "hit" : "miss", strength(count, whole), number_text(count), number_text(whole),
          r, c, count > 0 ? number_text(count) : "");
    }
    out += fmt::format("<td class=\"share\">{}</td></tr>", share(matrix[r][r], whole));
  }
  out += "<tr><th class=\"share\">precision</th>";
  for (std::size_t c = 0; c < n; ++c) {
    out += fmt::format("<td class=\"share\">{}</td>", share(matrix[c][c], said[c]));
  }
  return out + "<td></td></tr></tbody></table>\n";
}

std::vector<std::string> worst_confusions(const Matrix& matrix, std::size_t most) {
  struct Pair {
    double count;
    std::size_t truth, said;
  };
  std::vector<Pair> pairs;
  for (std::size_t r = 0; r < matrix.size(); ++r) {
    for (std::size_t c = 0; c < matrix.size(); ++c) {
      if (r != c && matrix[r][c] > 0) pairs.push_back({matrix[r][c], r, c});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.count > b.count; });
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min(most, pairs.size()); ++i) {
    out.push_back(fmt::format("{} taken for {} ({}×)", pairs[i].truth, pairs[i].said,
                              number_text(pairs[i].count)));
  }
  return out;
}

}  // namespace scanflow::report
