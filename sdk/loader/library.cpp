#include "sdk/loader/library.hpp"

#include <fmt/format.h>

#include <boost/dll/shared_library.hpp>
#include <fstream>
#include <map>
#include <mutex>

#include "sdk/base/digest.hpp"
#include "sdk/loader/entry_check.hpp"

namespace scanflow::loader {

namespace fs = std::filesystem;

namespace {

/// The host object of init: it can log and say why init failed; it offers no extension.
struct InitHost {
  scanflow_host abi{SCANFLOW_ABI_MAJOR, SCANFLOW_ABI_MINOR, sizeof(scanflow_host), 0, this, &log,
                    &set_error,         &get_extension};
  std::mutex mutex;
  std::string error;

  static void log(const scanflow_host*, std::int32_t, scanflow_view) noexcept {}
  static void set_error(const scanflow_host* host, scanflow_view message) noexcept {
    auto& self = *static_cast<InitHost*>(host->ctx);
    try {
      const std::lock_guard lock(self.mutex);
      self.error.assign(message.ptr == nullptr ? "" : message.ptr, message.len);
    } catch (const std::exception&) {
      return;  // out of memory: the status alone must do
    }
  }
  static const void* get_extension(const scanflow_host*, const char*) noexcept { return nullptr; }
};

std::size_t threads_of_this_process() {
  std::error_code error;
  std::size_t count = 0;
  for (fs::directory_iterator task("/proc/self/task", error), end; !error && task != end;
       task.increment(error)) {
    ++count;
  }
  return count;
}

/// A library may start no thread before `run`: its process is forked after loading. That can be
/// told only where nobody else starts threads meanwhile: in a process that has one thread, as those
/// that fork have.
class ThreadWatch {
 public:
  Result<void> check(const std::string& where, const char* when) const {
    const auto now = threads_of_this_process();
    if (before_ != 1 || now <= 1) return {};
    return fail(
        fmt::format("{}: it started {} {}; start threads in run, not before: the process is "
                    "forked after loading",
                    where, now - 1 == 1 ? "a thread" : fmt::format("{} threads", now - 1), when));
  }

 private:
  std::size_t before_ = threads_of_this_process();
};

Result<void> check_file(const fs::path& path) {
  const auto where = path.string();
  if (!path.is_absolute()) {
    return fail(fmt::format("{}: give the absolute path of a plugin library", where));
  }
  std::error_code error;
  if (!fs::exists(path, error)) {
    return fail(fmt::format("{}: no such file; check the path, or build the plugin", where));
  }
  if (!fs::is_regular_file(path, error)) {
    return fail(fmt::format("{}: not a file; give the path of a plugin library (NAME.so)", where));
  }
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  if (!file.read(magic, sizeof magic) || std::string_view(magic, 4) != "\177ELF") {
    return fail(
        fmt::format("{}: not a shared library (it does not begin with an ELF header); build "
                    "it with scanflow_add_plugin",
                    where));
  }
  return {};
}

Result<void> run_init(const scanflow_plugin_entry& entry, InitHost& host,
                      const std::string& where) {
  if (entry.init == nullptr) return {};
  std::int32_t status = SCANFLOW_FAILED;
  try {
    status = entry.init(&host.abi);
  } catch (...) {
    return fail(fmt::format("{}: init of '{}' threw across the boundary; catch all in it", where,
                            entry.id));
  }
  if (status == SCANFLOW_OK) return {};
  const std::lock_guard lock(host.mutex);
  return fail(
      fmt::format("{}: init of '{}' failed (status {}): {}", where, entry.id, status,
                  host.error.empty() ? "it did not say why (call host->set_error)" : host.error));
}

}  // namespace

struct Library::Impl {
  boost::dll::shared_library handle;  // empty for an adopted library
  const scanflow_plugin_entry* entry = nullptr;
  InitHost init_host;
  LibraryInfo info;
  const scanflow_step_factory* steps = nullptr;

  /// Everything after the symbol was found.
  Result<void> open(const std::string& where, const ThreadWatch& watch) {
    if (auto good = check_entry(*entry, where); !good) return good;
    if (auto good = watch.check(where, "while it was loaded"); !good) return good;
    if (auto good = run_init(*entry, init_host, where); !good) return good;
    if (auto good = watch.check(where, "in init"); !good) return good;
    auto read = read_entry(*entry, where);
    if (!read) return fail(read.error().message);
    info = std::move(*read);
    steps = static_cast<const scanflow_step_factory*>(entry->get_factory(SCANFLOW_STEP_FACTORY));
    return {};
  }
};

namespace {

/// Binds immediately: a missing symbol is an error here, not the death of the process later.
Result<boost::dll::shared_library> open_library(const fs::path& path) {
  using boost::dll::load_mode::type;
  try {
    return boost::dll::shared_library(path, type::rtld_now | type::rtld_local);
  } catch (const std::exception& error) {
    return fail(
        fmt::format("{}: cannot be loaded: {}; link what it needs, or set the library's "
                    "RPATH",
                    path.string(), error.what()));
  }
}

}  // namespace

Result<std::shared_ptr<const Library>> Library::load(const fs::path& path) {
  // As the dynamic linker's own table: one per process, never emptied. Libraries stay for the life
  // of the process (an exception object of an unloaded one crashes), also those that were refused.
  struct Loaded {
    std::mutex mutex;
    std::map<fs::path, std::shared_ptr<const Library>> libraries;
    std::vector<std::unique_ptr<Impl>> refused;
  };
  static auto& loaded = *new Loaded;

  if (auto good = check_file(path); !good) return fail(good.error().message);
  std::error_code error;
  const auto real = fs::canonical(path, error);
  if (error) return fail(fmt::format("{}: {}", path.string(), error.message()));
  const std::lock_guard lock(loaded.mutex);
  if (const auto found = loaded.libraries.find(real); found != loaded.libraries.end()) {
    return found->second;
  }
  const ThreadWatch watch;
  auto handle = open_library(real);
  if (!handle) return fail(handle.error().message);
  auto impl = std::make_unique<Impl>();
  impl->handle = std::move(*handle);
  Result<void> opened;
  if (!impl->handle.has(SCANFLOW_PLUGIN_SYMBOL)) {
    opened =
        fail(fmt::format("{}: it does not export scanflow_plugin; register its plugins with "
                         "SCANFLOW_PLUGIN and build it with scanflow_add_plugin",
                         path.string()));
  } else {
    impl->entry = &impl->handle.get<const scanflow_plugin_entry>(SCANFLOW_PLUGIN_SYMBOL);
    opened = impl->open(path.string(), watch);
  }
  auto digest = opened ? sha256_file(real) : Result<std::string>(std::string());
  if (!opened || !digest) {
    loaded.refused.push_back(std::move(impl));
    return fail(opened ? digest.error().message : opened.error().message);
  }
  impl->info.path = path;
  impl->info.sha256 = *digest;
  for (auto& plugin : impl->info.plugins) {
    plugin.library = path;
    plugin.library_sha256 = *digest;
  }
  auto library = std::make_shared<Library>();
  library->impl_ = std::shared_ptr<const Impl>(std::move(impl));
  loaded.libraries.emplace(real, library);
  return library;
}

Result<std::shared_ptr<const Library>> Library::adopt(const scanflow_plugin_entry& entry,
                                                      const std::string& name) {
  auto impl = std::make_shared<Impl>();
  impl->entry = &entry;
  if (auto opened = impl->open(name, ThreadWatch()); !opened) return fail(opened.error().message);
  auto library = std::make_shared<Library>();
  library->impl_ = std::move(impl);
  return library;
}

const LibraryInfo& Library::info() const { return impl_->info; }

const scanflow_step_factory* Library::steps() const { return impl_->steps; }

const void* Library::factory(const char* id) const { return impl_->entry->get_factory(id); }

Result<LibraryInfo> describe(const fs::path& path) {
  auto library = Library::load(path);
  if (!library) return fail(library.error().message);
  return (*library)->info();
}

}  // namespace scanflow::loader
