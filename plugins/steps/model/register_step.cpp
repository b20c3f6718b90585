// model.register: the step.
#include <fmt/format.h>

#include <fstream>
#include <scanflow/step.hpp>

#include "plugins/steps/model/request.hpp"

namespace scanflow::model {
namespace {

using nlohmann::json;

struct RegisterConfig {
  std::string name;
  json tags = json::object();
  json metrics = json::object();
  template <class V>
  void fields(V& f) {
    f("name", name).required().doc("under which it is registered: [a-z0-9_.-]+");
    f("tags", tags).doc("object of strings, numbers and booleans");
    f("metrics", metrics).doc("object of numbers; they win over the card's");
  }
};

json read_card(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw Error(path.string() + ": the model card cannot be opened");
  json card = json::parse(file, nullptr, false);
  if (!card.is_object()) {
    throw Error(path.string() +
                ": the model card is not a JSON object; give the artifact 'card' of "
                "the step that trained the model, or leave `card` out");
  }
  return card;
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

class Register : public scanflow::Step {
 public:
  using Config = RegisterConfig;

  static Description describe() {
    return {
        .id = "model.register",
        .version = "1.0.0",
        .summary = "Registers a model as a new version under a name",
        .inputs = {{"model", "the weights"},
                   {"card", "model card, a JSON file; its metrics are merged", scanflow::optional}},
        .outputs = {{"name", "string", "as given"},
                    {"version", "integer", "from 1, for each name"},
                    {"sha256", "string", "digest of the model"}}};
  }

  explicit Register(Config config) : config_(std::move(config)) {
    if (const std::string problem = name_problem(config_.name); !problem.empty()) {
      throw Error(problem);
    }
  }

  json run(Context& context) override {
    const json card = context.has_input("card") ? read_card(context.input("card")) : json::object();
    const json reply =
        context.register_model(make_request(config_.name, config_.metrics, config_.tags, card));
    const std::string name = text_of(reply.value("name", json(config_.name)));
    const json version = reply.value("version", json());
    const std::string summary = fmt::format("registered {} version {}", name, text_of(version));
    context.info(summary);
    return {{"name", name},
            {"version", version},
            {"sha256", reply.value("sha256", json(context.input_sha256("model")))},
            {"summary", summary}};
  }

 private:
  Config config_;
};

}  // namespace
}  // namespace scanflow::model

SCANFLOW_PLUGIN("model", "1.0.0", scanflow::model::Register)
