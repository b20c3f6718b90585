#include "engine/backend/pod_record.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "sdk/base/files.hpp"

namespace scanflow::backend {
namespace fs = std::filesystem;
using nlohmann::json;

Result<void> PodRecords::write(const PodRecord& record) const {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) return fail(fmt::format("cannot make {}: {}", directory_.string(), error.message()));
  json text = {{"hash", record.hash},
               {"reuse",
                {{"uses", record.reuse.uses},
                 {"idle_us", record.reuse.idle_us},
                 {"age_us", record.reuse.age_us}}},
               {"uses", record.uses},
               {"made_us", record.made_us}};
  if (record.attempt) {
    text["attempt"] = {{"run", record.attempt->run},
                       {"step", record.attempt->step},
                       {"attempt", record.attempt->attempt}};
  }
  return write_file_atomically(directory_ / (record.pod + ".json"), text.dump());
}

void PodRecords::remove(const std::string& pod) const {
  std::error_code ignored;
  fs::remove(directory_ / (pod + ".json"), ignored);
}

std::map<std::string, PodRecord> PodRecords::read() const {
  std::map<std::string, PodRecord> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().extension() != ".json") continue;
    const auto text = read_file(entry.path(), 1u << 20);
    const json read = text ? json::parse(*text, nullptr, false) : json();
    if (!read.is_object()) continue;
    PodRecord record;
    record.pod = entry.path().stem();
    try {
      record.hash = read.at("hash");
      const json& reuse = read.at("reuse");
      record.reuse = {reuse.at("uses"), reuse.at("idle_us"), reuse.at("age_us")};
      record.uses = read.at("uses");
      record.made_us = read.at("made_us");
      if (const auto found = read.find("attempt"); found != read.end())
        record.attempt = {found->at("run"), found->at("step"), found->at("attempt")};
    } catch (const json::exception&) {
      continue;
    }
    all.emplace(record.pod, std::move(record));
  }
  return all;
}

}  // namespace scanflow::backend
