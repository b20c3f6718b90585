#include "plugins/triggers/file/file_trigger.hpp"

#include <fmt/format.h>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"

namespace scanflow::triggers {

Description FileTrigger::describe() {
  return {.id = "file", .version = "1.0.0", .summary = "Fires when files arrive in a directory"};
}

FileTrigger::FileTrigger(Config config) : config_(std::move(config)) {
  place_ = config_value("path", [this] { return place_of(config_.path); });
  every_us_ = config_value("every", [this] { return duration_us(config_.every); });
  if (every_us_ <= 0) throw Invalid("every: write a time above 0, like 1s");
  law_.settle_us = config_value("settle", [this] { return duration_us(config_.settle); });
  law_.changes = config_.on == "change";
  law_.existing = config_.existing == "fire";
  law_.most = static_cast<std::size_t>(config_.limit);
  law_.bytes_each += place_.directory.size();
}

/// A name that is no UTF-8 cannot be written in JSON: its bytes go along in hex.
nlohmann::json FileTrigger::describe(const FileEntry& file, bool is_alone) const {
  const std::string path = is_alone ? place_.directory : place_.directory + "/" + file.name;
  const auto text = nlohmann::json::parse(
      nlohmann::json(path).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  nlohmann::json entry = {
      {"path", text}, {"bytes", file.bytes}, {"modified_us", file.modified_ns / 1000}};
  if (text.get_ref<const std::string&>() != path) {
    std::string hex;
    for (const char letter : path) hex += fmt::format("{:02x}", static_cast<unsigned char>(letter));
    entry["path_hex"] = hex;
  }
  return entry;
}

WakeResult FileTrigger::wake(const Wake& wake) {
  Arrivals arrivals = Arrivals::read(wake.state);
  WakeResult result;
  result.next_wake_us = wake.now_us + every_us_;
  Listing listing = list_files(place_);
  std::vector<nlohmann::json> files;
  const std::int64_t missing_since_us = arrivals.missing_since_us();
  if (listing.is_missing) {
    arrivals.miss(wake.now_us);
  } else {
    for (const auto& file : arrivals.take(law_, std::move(listing.files), wake.now_us))
      files.push_back(describe(file, listing.is_alone));
  }
  const std::size_t each = config_.batch ? files.size() : 1;
  for (std::size_t i = 0; i < files.size(); i += each) {
    nlohmann::json evidence = {{"files", nlohmann::json::array()}, {"count", each}};
    for (std::size_t k = i; k < i + each; ++k) evidence["files"].push_back(std::move(files[k]));
    if (missing_since_us != 0) evidence["missing_since_us"] = missing_since_us;
    result.fires.push_back(std::move(evidence));
  }
  if (arrivals.has_more()) result.next_wake_us = wake.now_us;
  if (std::string state = arrivals.text(); state != wake.state) result.state = std::move(state);
  return result;
}

}  // namespace scanflow::triggers
