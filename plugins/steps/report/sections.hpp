// The parts of the page, each as HTML; a part without content is empty and leaves no heading.
#pragma once

#include <string>

#include "plugins/steps/report/page.hpp"

namespace scanflow::report {

std::string header_html(const PageInput& input);
std::string meaning_html(const RunRecord& run);   // tiles and sentences
std::string failures_html(const RunRecord& run);  // errors, causes, last lines
std::string metrics_html(const RunRecord& run);   // a plot per metric
std::string confusion_section_html(const RunRecord& run);
std::string galleries_html(const std::vector<Gallery>& galleries);
std::string steps_html(const RunRecord& run);
std::string artifacts_html(const RunRecord& run);  // and registered models
std::string params_html(const RunRecord& run);
std::string next_html(const RunRecord& run);

/// `<section>` with a heading; empty where the body is.
std::string section(const std::string& id, const std::string& title, const std::string& body);

}  // namespace scanflow::report
