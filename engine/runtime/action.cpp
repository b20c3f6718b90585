#include "engine/runtime/action.hpp"

#include <fmt/format.h>

#include "engine/runtime/primitive.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::runtime {
namespace {

std::string json_text(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

ActionRequest action_request_from_json(const json& document) {
  ActionRequest request;
  request.id = document.value("id", "");
  request.object = document.at("object");
  request.name_space = document.value("namespace", "");
  request.primitive = document.at("primitive");
  request.arguments = document.value("arguments", json::object());
  request.deadline_us = document.value("deadline_us", std::int64_t{0});
  request.dry_run = document.value("dry_run", false);
  request.by = document.value("by", "");
  return request;
}

json to_json(const ActionRequest& request) {
  return {{"id", request.id},
          {"object", request.object},
          {"namespace", request.name_space},
          {"primitive", request.primitive},
          {"arguments", request.arguments},
          {"deadline_us", request.deadline_us},
          {"dry_run", request.dry_run},
          {"by", request.by}};
}

Result<CheckedAction> check_action(const ActionRequest& request,
                                   const orchestrate::AllowList& allowed) {
  if (const auto good = check_request_id(request.id); !good) return tl::unexpected(good.error());
  const auto object = orchestrate::read_target(request.object);
  if (!object) return fail(object.error().message);
  orchestrate::Request asked;
  asked.primitive = request.primitive;
  asked.arguments = request.arguments;
  asked.deadline_us = request.deadline_us;
  asked.dry_run = request.dry_run;
  asked.by = request.by;
  asked.allowed = allowed;
  auto checked = orchestrate::check_request(std::move(asked));
  if (!checked) return fail(checked.error().message);
  const json all = {request.object, request.name_space, checked->primitive, checked->arguments,
                    checked->dry_run};
  return CheckedAction{*object, std::move(*checked), sha256_hex(json_text(all))};
}

store::ActionRow row_of(const ActionRequest& request, const CheckedAction& checked,
                        std::int64_t now_us) {
  const orchestrate::Request& asked = checked.request;
  const bool shown = asked.target.kind.kind != "Secret";
  return {.id = request.id,
          .api_version = asked.target.kind.api_version(),
          .kind = asked.target.kind.kind,
          .name_space = asked.target.name_space,
          .name = asked.target.name,
          .primitive = asked.primitive,
          .arguments = shown ? json_text(asked.arguments) : "{}",
          .digest = checked.digest,
          .dry_run = asked.dry_run,
          .by = request.by,
          .issued_us = now_us,
          .deadline_us = asked.deadline_us};
}

void take_outcome(store::ActionRow& row, const orchestrate::Outcome& outcome) {
  row.outcome = orchestrate::name_of(outcome.state);
  row.message = outcome.message;
  row.evidence = outcome.evidence.empty() ? std::string() : json_text(outcome.evidence);
}

json action_document(const store::ActionRow& row) {
  return {{"id", row.id},
          {"target",
           {{"api_version", row.api_version},
            {"kind", row.kind},
            {"namespace", row.name_space},
            {"name", row.name}}},
          {"primitive", row.primitive},
          {"arguments", object_of(row.arguments)},
          {"by", row.by},
          {"dry_run", row.dry_run},
          {"issued_us", row.issued_us},
          {"deadline_us", row.deadline_us},
          {"outcome", row.outcome.empty() ? json() : json(row.outcome)},
          {"message", row.message},
          {"evidence", object_of(row.evidence)},
          {"started_us", row.started_us},
          {"ended_us", row.ended_us}};
}

}  // namespace scanflow::runtime
