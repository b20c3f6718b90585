#include "engine/services/front_place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "engine/serve/plan.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::services {
namespace {

constexpr std::size_t kLogTail = std::size_t{64} << 10;  // bytes of each replica's

const char* text_of_state(serve::ReplicaStatus::State state) {
  using State = serve::ReplicaStatus::State;
  return state == State::ready ? "ready" : state == State::starting ? "starting" : "ending";
}

/// With what each says of itself.
void describe_processes(const serve::Replicas& replicas, json& rows) {
  const auto all = replicas.status();
  for (const serve::ReplicaStatus& status : all) {
    json row = {{"id", status.id}, {"state", text_of_state(status.state)}};
    if (status.pid != 0) row["pid"] = status.pid;
    if (!status.pod.empty()) row["pod"] = status.pod;
    if (status.state == serve::ReplicaStatus::State::ready) {
      if (auto said = replicas.ask(status.id, "/status")) row["says"] = std::move(*said);
    }
    rows.push_back(std::move(row));
  }
}

}  // namespace

FrontPlace::~FrontPlace() {
  end_all();
  std::error_code ignored;
  for (const auto& [name, directory] : directories_)
    std::filesystem::remove_all(directory, ignored);
}

void FrontPlace::end_all() { front_.reset(); }

std::shared_ptr<serve::Front> FrontPlace::front() const {
  const std::lock_guard lock(mutex_);
  return front_;
}

std::filesystem::path FrontPlace::logs_of(const serve::ServiceName& name) const {
  return options_.state.root / "services" / name.name_space / name.name;
}

/// Where clients ask, and where its replicas have their files.
Result<serve::ReplicasOptions> FrontPlace::make_room(const serve::ServiceName& name) {
  const std::lock_guard lock(mutex_);
  if (!front_) {
    auto front = serve::Front::listen(options_.listen);
    if (!front) return tl::unexpected(front.error());
    front_ = std::move(*front);
    options_.log("services are at http://" + front_->address() + "/services/NAMESPACE/NAME/v2");
  }
  std::filesystem::path& directory = directories_[name];
  if (directory.empty()) {
    directory = options_.state.sockets / fmt::format("s{}", ++made_);
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (!error) std::filesystem::create_directories(logs_of(name), error);
    if (error)
      return fail(fmt::format("cannot make {}: {}", logs_of(name).string(), error.message()));
  }
  serve::ReplicasOptions replicas;
  replicas.directory = directory;
  replicas.logs = logs_of(name);
  replicas.tell = [log = options_.log, name](const std::string& line) {
    log(fmt::format("service {}: {}", serve::text_of(name), line));
  };
  choose(name, replicas);
  return replicas;
}

Result<void> FrontPlace::put(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                             const infer::ServiceDocument& document) {
  if (auto prepared = prepare(name, document, false); !prepared) return prepared;
  auto replicas = make_room(name);
  if (!replicas) return tl::unexpected(replicas.error());
  front()->put(name, document, serve::rules_of(spec), std::move(*replicas));
  return {};
}

Result<void> FrontPlace::set_backup(const serve::ServiceName& name,
                                    const pipeline::ServiceSpec& spec,
                                    const std::optional<infer::ServiceDocument>& backup) {
  if (backup) {
    if (auto prepared = prepare(name, *backup, true); !prepared) return prepared;
  }
  auto replicas = make_room(name);
  if (!replicas) return tl::unexpected(replicas.error());
  if (backup) {
    front()->put_backup(name, *backup, serve::rules_of(spec), std::move(*replicas));
  } else {
    front()->remove_backup(name);
  }
  return {};
}

Result<void> FrontPlace::set_rules(const serve::ServiceName& name,
                                   const pipeline::ServiceSpec& spec) {
  front()->set_rules(name, serve::rules_of(spec));
  return {};
}

Result<std::optional<std::int64_t>> FrontPlace::set_versions(const serve::ServiceName& name,
                                                             const infer::NodeDocument& node) {
  return front()->replicas(name)->set_traffic(node.node.name, node.versions);
}

void FrontPlace::remove(const serve::ServiceName& name) {
  if (const auto there = front()) there->remove(name);
  const std::lock_guard lock(mutex_);
  latencies_.erase(name);
  std::error_code ignored;
  if (auto directory = directories_.extract(name); !directory.empty())
    std::filesystem::remove_all(directory.mapped(), ignored);
}

/// With the latencies of late.
std::pair<serve::ServiceCounts, infer::Histogram> FrontPlace::counted(
    const serve::Front& front, const serve::ServiceName& name) const {
  const std::lock_guard lock(mutex_);  // one after the other: what is counted grows
  serve::ServiceCounts counts = front.counts(name);
  infer::Histogram recent = latencies_[name].of(counts.total, monotonic_us());
  return {std::move(counts), recent};
}

json FrontPlace::describe(const serve::ServiceName& name) const {
  const auto there = front();
  if (!there) return json::object();
  const auto [counts, recent] = counted(*there, name);
  json row = {{"url", fmt::format("http://{}/services/{}/{}/v2/models/{}", there->address(),
                                  name.name_space, name.name, name.name)},
              {"replicas", counts.wanted},
              {"ready", counts.ready},
              {"requests", counts.requests()},
              {"errors", counts.errors()},
              {"in_flight", counts.on_their_way},
              {"p50_us", recent.quantile(0.5)},
              {"p99_us", recent.quantile(0.99)}};
  if (there->backup(name) == nullptr) return row;
  row["backup"] = {{"ready", counts.backup.ready},
                   {"answers", counts.backup.answers},
                   {"requests", counts.backup.requests},
                   {"failovers", counts.backup.failovers}};
  return row;
}

json FrontPlace::processes(const serve::ServiceName& name) const {
  json rows = json::array();
  const auto there = front();
  if (!there) return rows;
  for (const auto& group : {there->replicas(name), there->backup(name)})
    if (group) describe_processes(*group, rows);
  return rows;
}

std::string FrontPlace::logs(const serve::ServiceName& name) const {
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(logs_of(name), error)) {
    if (entry.path().extension() == ".log")
      files.emplace_back(std::filesystem::last_write_time(entry.path(), error), entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string text;
  for (const auto& [changed, file] : files) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    const auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg()));
    in.seekg(static_cast<std::streamoff>(size - std::min(size, kLogTail)));
    for (std::string line; std::getline(in, line);)
      text += fmt::format("{}  {}\n", file.stem().string(), line);
  }
  return text;
}

}  // namespace scanflow::services
