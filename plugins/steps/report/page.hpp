// The report: one HTML page without any outside resource.
#pragma once

#include <string>
#include <vector>

#include "plugins/steps/report/digits.hpp"
#include "plugins/steps/report/document.hpp"

namespace scanflow::report {

/// Pictures of wrong digits of one step, or why there are none.
struct Gallery {
  std::string step;
  WrongDigits digits;
  std::string problem;  // why the artifact cannot be read; empty: it was
};

struct PageInput {
  RunRecord run;
  std::string title;  // empty: the pipeline's name
  std::vector<Gallery> galleries;
};

/// Pure: the same input gives the same bytes. Every text of the run is escaped.
std::string make_page(const PageInput& input);

/// The page's style sheet (style.cpp).
std::string_view style_sheet();

}  // namespace scanflow::report
