#include "sidecar/app/note.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "sdk/base/clock.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::sidecar {

void note(std::string_view text) {
  const std::string line = fmt::format("{} scanflow-sidecar: {}\n", utc_text(wall_us()), text);
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace scanflow::sidecar
