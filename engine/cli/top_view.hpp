// The screen of `scanflow top`, and the table that it prints where there is none. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/cli/pictures.hpp"
#include "engine/cli/pod_view.hpp"
#include "engine/cli/top_keys.hpp"
#include "engine/cli/top_rows.hpp"

namespace scanflow::cli {

struct TopScreen {
  std::size_t columns = 80, rows = 24;
  bool color = false;
  Letters letters = Letters::unicode;
};

/// Rows of attempts that such a screen has room for beside what is said of so many kept Pods.
std::size_t page_of(const TopScreen& screen, std::size_t kept = 0);

/// At most `screen.rows` lines of at most `screen.columns` columns. `place`: where the engine is.
/// `rows`, `kept`: top_rows(), kept_pods() of the newest document. `stale_us`: how long nothing newer has come; 0: it is
/// as it should be.
std::vector<std::string> top_lines(const std::vector<TopRow>& rows,
                                   const std::vector<KeptPod>& kept, const TopState& state,
                                   const std::string& place, std::int64_t stale_us,
                                   const TopScreen& screen);

/// All that is known, for pipes; `width`: as of table().
std::string top_table(const std::vector<TopRow>& rows, std::size_t width);

/// "2 runs, 3 attempts, CPU 2.41, memory 1.2 GiB; a sidecar sees 2 of 3; 1 Pod is kept"
std::string top_summary(const std::vector<TopRow>& rows, const std::vector<KeptPod>& kept);

}  // namespace scanflow::cli
