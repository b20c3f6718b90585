#include "engine/store/store.hpp"

#include <fmt/format.h>

#include <future>
#include <system_error>
#include <utility>

#include "engine/store/execute.hpp"
#include "engine/store/run_queries.hpp"
#include "engine/store/schema.hpp"
#include "engine/store/store_impl.hpp"
#include "engine/store/tables.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::store {
namespace {

/// For how long a transaction of write_in_pieces goes on taking pieces.
constexpr std::int64_t kHoldUs = 5'000;

std::filesystem::path database_in(const std::filesystem::path& directory) {
  return directory / "scanflow.db";
}

}  // namespace

Store::Impl::Impl(const std::filesystem::path& file) : readers(file) {}

Store::Impl::~Impl() {
  if (writer) writer->stop();  // what it calls may read
}

Result<void> Store::Impl::write(Writer::Task task) {
  if (!writer) return fail("the store was opened for reading only");
  // Shared: the writer may still be inside set_value when get() has returned.
  const auto committed = std::make_shared<std::promise<Result<void>>>();
  writer->push(std::move(task),
               [committed](const Result<void>& result) { committed->set_value(result); });
  return committed->get_future().get();
}

Result<void> Store::Impl::write_in_pieces(const Piece& piece) {
  for (bool more = true; more;) {
    auto written = write([&](Connection& connection) -> Result<void> {
      const std::int64_t until_us = monotonic_us() + kHoldUs;
      do {
        const auto taken = piece(connection);
        if (!taken) return tl::unexpected(taken.error());
        more = *taken;
      } while (more && monotonic_us() < until_us);
      return {};
    });
    if (!written) return written;
  }
  return {};
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& directory,
                                           Durability durability) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return fail(fmt::format("cannot make the state directory {}: {}; choose another with --state",
                            directory.string(), error.message()));
  }
  const auto file = database_in(directory);
  auto connection = Connection::open(file, Connection::Mode::write);
  if (!connection) return tl::unexpected(connection.error());
  if (auto ready = prepare_for_writing(*connection, durability); !ready) {
    return tl::unexpected(ready.error());
  }
  auto writer = Writer::start(std::move(*connection), durability == Durability::process);
  if (!writer) return tl::unexpected(writer.error());
  auto impl = std::make_unique<Impl>(file);
  impl->writer = std::move(*writer);
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

bool Store::exists(const std::filesystem::path& directory) {
  std::error_code error;
  return std::filesystem::exists(database_in(directory), error);
}

Result<std::unique_ptr<Store>> Store::open_read_only(const std::filesystem::path& directory) {
  const auto file = database_in(directory);
  if (!exists(directory)) {
    return fail(
        fmt::format("there are no runs in {} yet; run a pipeline, or name the state directory with "
                    "--state",
                    directory.string()));
  }
  auto connection = Connection::open(file, Connection::Mode::read);
  if (!connection) return tl::unexpected(connection.error());
  if (auto ready = prepare_for_reading(*connection); !ready) return tl::unexpected(ready.error());
  auto impl = std::make_unique<Impl>(file);
  impl->readers.give_back(std::move(*connection));
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

void Store::commit(Batch batch, Done done) {
  if (impl_->writer) return impl_->writer->push(std::move(batch), std::move(done));
  if (done) done(fail("the store was opened for reading only"));
}

Result<std::vector<RunRow>> Store::runs(const RunFilter& filter) const {
  return impl_->readers.use([&](const Connection& c) { return read_runs(c, filter); });
}

Result<std::vector<RunRow>> Store::find_runs(const std::string& prefix) const {
  return impl_->readers.use([&](const Connection& c) { return read_runs_like(c, prefix); });
}

Result<std::vector<RunRow>> Store::unfinished() const {
  return impl_->readers.use([&](const Connection& c) { return read_unfinished(c); });
}

Result<std::vector<StepRow>> Store::steps(const std::string& run) const {
  return impl_->readers.use([&](const Connection& c) { return read_steps(c, run); });
}

Result<std::vector<EventRow>> Store::events(const std::string& run, std::int64_t after_seq,
                                            std::size_t limit, std::size_t most_bytes) const {
  return impl_->readers.use(
      [&](const Connection& c) { return read_events(c, run, after_seq, limit, most_bytes); });
}

Result<std::vector<MetricRow>> Store::metrics(const std::string& run) const {
  return impl_->readers.use([&](const Connection& c) { return read_metrics(c, run); });
}

Result<std::optional<CacheRow>> Store::cached(const std::string& key) const {
  return impl_->readers.use([&](const Connection& c) { return read_cached(c, key); });
}

Result<std::vector<ModelVersion>> Store::models() const {
  return impl_->readers.use([&](const Connection& c) { return read_models(c); });
}

Result<ModelVersion> Store::register_model(ModelVersion model) {
  const auto added =
      impl_->write([&model](Connection& connection) { return add_model(connection, model); });
  if (!added) return tl::unexpected(added.error());
  return model;
}

Result<void> Store::write(std::function<Result<void>(Connection&)> task) {
  return impl_->write(std::move(task));
}

Result<void> Store::keep(const std::string& name, const std::string& text) {
  return impl_->write([&](Connection& connection) -> Result<void> {
    const auto changed =
        text.empty()
            ? change(connection, "DELETE FROM meta WHERE key = ?1", name)
            : change(connection, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", name, text);
    if (!changed) return tl::unexpected(changed.error());
    return {};
  });
}

Result<std::optional<std::string>> Store::kept(const std::string& name) const {
  return impl_->readers.use([&](const Connection& c) -> Result<std::optional<std::string>> {
    const auto values =
        collect_column<std::string>(c, "SELECT value FROM meta WHERE key = ?1", name);
    if (!values) return tl::unexpected(values.error());
    return values->empty() ? std::nullopt : std::optional(values->front());
  });
}

void Store::on_happening(std::function<void()> tell) {
  if (impl_->writer) impl_->writer->on_happening(std::move(tell));
}

Result<void> Store::read(const std::function<Result<void>(const Connection&)>& query) const {
  return impl_->readers.use([&](const Connection& connection) -> Result<void> {
    if (auto begun = connection.execute("BEGIN", "cannot read"); !begun) return begun;
    auto result = query(connection);
    auto ended = connection.execute("ROLLBACK", "cannot read");  // nothing was written
    return result ? ended : result;
  });
}

}  // namespace scanflow::store
