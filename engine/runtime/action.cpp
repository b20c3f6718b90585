#include "engine/runtime/action.hpp"

#include <fmt/format.h>

#include "engine/runtime/primitive.hpp"

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
  request.wait = document.value("wait", true);
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
          {"by", request.by},
          {"wait", request.wait}};
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
  return CheckedAction{*object, std::move(*checked)};
}

store::ActionRow row_of(const ActionRequest& request, const orchestrate::Request& checked,
                        std::int64_t now_us) {
  return {.id = request.id,
          .api_version = checked.target.kind.api_version(),
          .kind = checked.target.kind.kind,
          .name_space = checked.target.name_space,
          .name = checked.target.name,
          .primitive = checked.primitive,
          .arguments = json_text(checked.arguments),
          .dry_run = checked.dry_run,
          .by = request.by,
          .issued_us = now_us,
          .deadline_us = checked.deadline_us};
}

void take_outcome(store::ActionRow& row, const orchestrate::Outcome& outcome) {
  row.outcome = orchestrate::name_of(outcome.state);
  row.message = outcome.message;
  row.evidence = outcome.evidence.empty() ? std::string() : json_text(outcome.evidence);
}

bool is_same(const store::ActionRow& row, const CheckedAction& action) {
  return row.primitive == action.request.primitive && row.dry_run == action.request.dry_run &&
         object_of(row.arguments) == action.request.arguments &&
         action.object.name.starts_with(row.name);
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
