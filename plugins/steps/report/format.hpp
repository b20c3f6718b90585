// Values as people read them, and text made safe for a page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace scanflow::report {

/// For element content and quoted attributes: <, >, &, ", ' as entities; control characters as
/// U+FFFD.
std::string escape(std::string_view text);

std::string seconds_text(double seconds);     // "8.1 s", "3 m 05 s", "2 h 10 m"
std::string bytes_text(std::uint64_t bytes);  // "412 KiB"
std::string time_text(std::int64_t us);       // "2026-11-23 15:53:27 UTC"; "" for 0
std::string number_text(
    double value);  // "0.9815", "1,962", "1.2e-05": at most 4 digits after the point
std::string count_text(std::uint64_t value);                   // "10,000"
std::string percent_text(double fraction);                     // "98.15 %"
std::string plural(std::size_t count, std::string_view noun);  // "1 step", "6 steps"

/// At most `length` code points; the end of a longer text becomes "…". For a step's identity the
/// middle goes, because its matrix values tell instances apart.
std::string shorten(std::string_view text, std::size_t length);
std::string shorten_middle(std::string_view text, std::size_t length);

/// A word for a shell: quoted where needed, so that a command can be copied as it stands.
std::string shell_word(std::string_view text);

}  // namespace scanflow::report
