// Figures as Prometheus reads them (text format 0.0.4): each name once, with all its series.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/collect/metrics.hpp"

namespace scanflow::sidecar {

class Prometheus {
 public:
  using Labels = std::map<std::string, std::string>;

  void add(const collect::Values& values, const Labels& labels);
  void add(std::string_view name, std::string_view kind, std::string_view help, double value);
  std::string text() const;

 private:
  struct Family {
    std::string kind, help;
    std::vector<std::string> lines;
  };
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace scanflow::sidecar
