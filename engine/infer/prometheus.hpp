// Prometheus's text format. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/infer/figures.hpp"
#include "engine/infer/histogram.hpp"

namespace scanflow::infer {

/// A histogram in seconds; `labels`: a="b",c="d".
void append_histogram(std::string& out, const std::string& name, const std::string& labels,
                      const Histogram& histogram);

/// Each with "scanflow_" before its name.
std::string prometheus_text(const std::vector<Figure>& figures);

}  // namespace scanflow::infer
