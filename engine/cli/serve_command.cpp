#include "engine/cli/serve_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "engine/cli/end_signal.hpp"
#include "engine/pipeline/service_reader.hpp"
#include "engine/serve/front.hpp"
#include "engine/serve/plan.hpp"

namespace scanflow::cli {
namespace {

/// Sockets, documents and logs of the replicas; removed at the end.
class Workplace {
 public:
  static Result<Workplace> make(const std::filesystem::path& parent) {
    std::string path = (parent / "serve-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr)
      return fail(fmt::format("cannot make a directory in {}", parent.string()));
    return Workplace(std::move(path));
  }
  Workplace(Workplace&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Workplace& operator=(Workplace&&) = delete;
  ~Workplace() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit Workplace(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// One of them at least.
struct Plans {
  std::optional<infer::ServiceDocument> service, backup;
};

Result<Plans> plan(const Context& context, const pipeline::ServiceSpec& spec,
                   const loader::Catalog& catalog) {
  const auto state = context.state_directory();
  if (!state) return tl::unexpected(state.error());
  std::unique_ptr<store::Store> store;
  const auto directory = std::filesystem::absolute(spec.file).parent_path();
  const auto find = [&](const std::string& reference) -> Result<track::FoundModel> {
    if (!store && track::is_registered(reference) && store::Store::exists(state->root)) {
      auto opened = store::Store::open_read_only(state->root);
      if (!opened) return tl::unexpected(opened.error());
      store = std::move(*opened);
    }
    return track::find_model(store.get(), state->artifacts(), reference, directory);
  };
  auto backup = serve::plan_backup(spec, catalog, find);
  if (!backup) return tl::unexpected(backup.error());
  auto service = serve::plan_service(spec, catalog, find);
  if (service) {
    if (auto checked = serve::check_processes(*service); !checked)
      return tl::unexpected(checked.error());
  }
  if (service) return Plans{std::move(*service), std::move(*backup)};
  if (!*backup) return tl::unexpected(service.error());
  log_line(service.error().message);
  log_line("its backup answers, until it is started again with a model that is there");
  return Plans{std::nullopt, std::move(*backup)};
}

void print_where(const serve::Front& front, const pipeline::ServiceSpec& spec) {
  const std::string url = fmt::format("http://{}/v2/models/{}", front.address(), spec.name);
  log_line(fmt::format("{} is served at {} (Ctrl-C ends it)", spec.name, url));
  log_line(fmt::format("  what it takes:  curl {}", url));
}

int serve_file(const Context& context, const ServeOptions& options) {
  const auto file = read_pipeline_file(options.file);
  if (!file) return complain(context, kUsage, file.error().message);
  const auto catalog = context.catalog();
  if (!catalog) return complain(context, kUsage, catalog.error().message);
  const auto read = pipeline::read_service(file->name, file->text, *catalog);
  if (!read.service) {
    const std::string rendered = pipeline::render(read.errors, file->text);
    fmt::print(stderr, "{}", rendered);
    return complain(context, kUsage,
                    fmt::format("{} is no service that can be served", file->name));
  }
  const pipeline::ServiceSpec& spec = *read.service;
  const auto plans = plan(context, spec, *catalog);
  if (!plans) return complain(context, kUsage, plans.error().message);
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  if (auto created = runtime::create(*state); !created)
    return complain(context, kEngine, created.error().message);
  const auto workplace = Workplace::make(state->sockets);
  if (!workplace) return complain(context, kEngine, workplace.error().message);
  if (auto caught = catch_end_signals(); !caught)
    return complain(context, kEngine, caught.error().message);
  const auto front = serve::Front::listen(options.listen);
  if (!front) return complain(context, kUsage, "--listen: " + front.error().message);
  serve::ReplicasOptions replicas;
  replicas.program = context.worker.parent_path() / "scanflow-service";
  replicas.directory = workplace->path();
  replicas.tell = log_line;
  serve::ServiceRules rules = serve::rules_of(spec);
  if (options.replicas > 0) rules.scaling.min = rules.scaling.max = options.replicas;
  const serve::ServiceName name{spec.name_space, spec.name};
  if (plans->backup) (*front)->put_backup(name, *plans->backup, rules, replicas);
  if (plans->service) (*front)->put(name, *plans->service, rules, replicas);
  print_where(**front, spec);
  wait_for_end_signal();
  log_line("ending: what is on its way is answered first");
  return kSucceeded;
}

}  // namespace

void add_serve(CLI::App& app, const Context& context, ServeOptions& options,
               std::function<int()>& command) {
  CLI::App* serve = app.add_subcommand(
      "serve", "Serve a file of kind: InferenceService here, until it is told to end");
  serve->add_option("FILE", options.file, "The service; - is stdin")->required();
  serve->add_option("--listen", options.listen, "Where clients ask (port 0: one that is free)")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  serve->add_option("--replicas", options.replicas, "Processes, instead of what the file says")
      ->check(CLI::Range(1, 1000));
  serve->callback([&] { command = [&] { return serve_file(context, options); }; });
}

}  // namespace scanflow::cli
