// resource: the step.
#include <chrono>
#include <scanflow/step.hpp>
#include <thread>

#include "plugins/steps/resource/wanted.hpp"

namespace scanflow::resource {
namespace {

using nlohmann::json;

/// How soon a step that is cancelled notices it.
constexpr std::chrono::milliseconds kNotice{50};

struct ResourceConfig : Wanted {
  template <class V>
  void fields(V& f) {
    f("manifest", manifest)
        .required()
        .doc("the object, as in YAML: apiVersion, kind, metadata, ...");
    f("action", action)
        .one_of({"apply", "create", "get", "delete"})
        .doc(
            "apply: by server-side apply; create: it must not be there; get: only look; delete: "
            "and wait until it is gone");
    f("namespace", name_space)
        .doc("of the object, if its metadata do not say it; else the context's");
    f("context", context).doc("of the kubeconfig; else its current one, or the Pod's own cluster");
    f("success", success)
        .doc("what is waited for, all of it: \"{.status.succeeded} >= 1\", \"condition Ready\"");
    f("failure", failure).doc("what fails the step, any of it");
    f("outputs", outputs)
        .doc("paths into the object in the end, by name: {address: \"{.status.podIP}\"}");
    f("delete", remove).doc("true: the object goes when the step ends, however that is");
    f("force", force).doc("true: takes over fields that others have set");
  }
};

/// Asks for a stop once the step is cancelled.
class Canceller {
 public:
  explicit Canceller(const Context& context)
      : thread_([this, &context](const std::stop_token& over) {
          while (!over.stop_requested() && !context.cancelled())
            std::this_thread::sleep_for(kNotice);
          if (context.cancelled()) stop_.request_stop();
        }) {}
  std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread thread_;
};

class Resource : public scanflow::Step {
 public:
  using Config = ResourceConfig;

  static Description describe() {
    return {
        .id = "resource",
        .version = "1.0.0",
        .summary = "Applies an object of a Kubernetes cluster, and waits for what is said of it",
        .outputs = {{"name", "string", "the object's"},
                    {"namespace", "string", "\"\" where its kind has none"},
                    {"uid", "string", "the object's"},
                    {"values", "object", "what with.outputs asks for, by name; null: not there"}}};
  }

  explicit Resource(Config config) : config_(std::move(config)) {
    if (const std::string problem = problem_of(config_); !problem.empty()) throw Error(problem);
  }

  json run(Context& context) override {
    const Canceller canceller(context);
    Outcome outcome = carry_out(config_,
                                {[&](const std::string& text) { context.info(text); },
                                 [&](const std::string& text) {
                                   context.info(text);
                                   context.progress(-1, text);
                                 }},
                                canceller.token());
    context.throw_if_cancelled();
    if (!outcome.problem.empty()) throw Error(outcome.problem);
    outcome.outputs["summary"] = outcome.object;
    return std::move(outcome.outputs);
  }

 private:
  Config config_;
};

}  // namespace
}  // namespace scanflow::resource

SCANFLOW_PLUGIN("resource", "1.0.0", scanflow::resource::Resource)
