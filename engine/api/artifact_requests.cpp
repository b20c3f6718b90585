// Files of runs and models, as MLflow's server proxies them: /api/2.0/mlflow-artifacts/.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/api/api_impl.hpp"
#include "engine/http/client.hpp"
#include "engine/http/range.hpp"
#include "engine/runtime/engine.hpp"
#include "engine/track/artifact_path.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::api {
namespace {

constexpr std::string_view kFiles = "/api/2.0/mlflow-artifacts/artifacts";
constexpr std::uint64_t kMostUpload = 64ull << 30;  // bytes
constexpr std::uint64_t kReserve = 1ull << 30;      // that uploads leave to the runs
/// By which clients know that they must not send a file in parts; word by word.
constexpr const char* kNoParts =
    "Multipart upload is not supported for the current artifact repository";

struct FileType {
  std::string_view ending;
  const char* type;
};
constexpr std::array kTypes{
    FileType{".json", "application/json"}, FileType{".pdf", "application/pdf"},
    FileType{".png", "image/png"},         FileType{".jpg", "image/jpeg"},
    FileType{".jpeg", "image/jpeg"},       FileType{".gif", "image/gif"},
    FileType{".svg", "image/svg+xml"},     FileType{".html", "text/html"},
    FileType{".csv", "text/csv"},          FileType{".md", "text/markdown"},
    FileType{".txt", "text/plain"},        FileType{".log", "text/plain"},
    FileType{".py", "text/plain"},         FileType{".yaml", "text/plain"},
    FileType{".yml", "text/plain"},        FileType{"MLmodel", "text/plain"}};

std::string type_of(std::string_view path) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const FileType& each) {
    return path.ends_with(each.ending);
  });
  return found == kTypes.end() ? "application/octet-stream" : found->type;
}

/// "" where none is said: all that there is.
track::Answer<std::string> path_of_target(const Request& request) {
  std::string_view rest = std::string_view(request.target);
  rest = rest.substr(0, rest.find('?'));
  if (!rest.starts_with(kFiles))  // written in another way: "//api", "%61pi"
    return track::invalid(fmt::format("the path of an artifact begins with {}/", kFiles));
  rest.remove_prefix(kFiles.size());
  if (rest.empty() || rest == "/") return std::string();
  rest.remove_prefix(1);
  // Clients name a folder that they delete so.
  if (request.method == "DELETE" && rest.ends_with('/')) rest.remove_suffix(1);
  std::string path;
  for (std::size_t begin = 0; begin <= rest.size();) {
    const std::size_t end = std::min(rest.find('/', begin), rest.size());
    // The target was decoded before: it is not malformed.
    const std::string name = http::percent_decoded(rest.substr(begin, end - begin)).value_or("");
    if (name.find('/') != std::string::npos)
      return track::invalid(
          "the path of an artifact has an encoded slash (%2F) in a name: write /");
    path += (begin == 0 ? "" : "/") + name;
    begin = end + 1;
  }
  if (auto checked = track::check_artifact_path(path); !checked)
    return tl::unexpected(std::move(checked.error()));
  return path;
}

track::Answer<std::string> folder_of_query(const Request& request) {
  std::string folder = request.parameter("path");
  if (folder.ends_with('/')) folder.pop_back();
  if (folder.empty()) return folder;
  if (auto checked = track::check_artifact_path(folder); !checked)
    return tl::unexpected(std::move(checked.error()));
  return folder;
}

Response done(const track::Answer<std::string>& answer) {
  if (!answer) return tracker_problem(answer.error());
  Response response;
  response.body = *answer;
  return response;
}

Response not_stored(int status, const std::string& message) {
  return tracker_problem(status,
                         status == 413   ? "INVALID_PARAMETER_VALUE"
                         : status == 507 ? "RESOURCE_EXHAUSTED"
                                         : "INTERNAL_ERROR",
                         message);
}

Response send_file(const Request& request, const std::string& path,
                   const track::Answer<track::ServedFile>& file) {
  if (!file) return tracker_problem(file.error());
  Response response;
  if (file->path.empty()) {
    response.body = file->text;
    response.content_type = type_of(path);
  } else {
    auto open = http::OpenFile::open(file->path);
    if (!open) return tracker_problem({track::Code::internal, open.error().message});
    response = http::respond_with_file(request, std::move(*open), type_of(path), file->sha256);
  }
  response.headers.emplace_back(
      "Content-Disposition", fmt::format("attachment; filename*=UTF-8''{}",
                                         http::percent_encoded(path.substr(path.rfind('/') + 1))));
  return response;
}

using OneTracker = track::Answer<const track::Tracker*>;

/// What is done to a path.
Response answer_of(const track::Tracker& tracker, const Request& request, const std::string& path) {
  if (request.method == "GET") return send_file(request, path, tracker.file(path));
  if (request.method == "PUT") {
    if (!request.body_file)
      return tracker_problem(track::Problem{track::Code::internal, "no body"});
    const auto& body = *request.body_file;
    auto put = tracker.put_file(path, body.path, body.sha256);
    return put ? respond(200, json::object()) : tracker_problem(put.error());
  }
  auto removed = tracker.remove_files(path);
  if (!removed) return tracker_problem(removed.error());
  // A whole folder may have had nothing in it.
  const bool folder = request.target.substr(0, request.target.find('?')).ends_with('/');
  if (*removed == 0 && !folder)
    return tracker_problem(
        {track::Code::does_not_exist, fmt::format("there is no artifact '{}'", path)});
  return respond(200, json::object());
}

}  // namespace

bool Api::Impl::is_of_artifacts(const Request& request) {
  static const Segments kArtifacts{"api", "2.0", "mlflow-artifacts"};
  return request.path.size() > kArtifacts.size() &&
         std::equal(kArtifacts.begin(), kArtifacts.end(), request.path.begin());
}

http::Admission Api::Impl::admit_artifact(const Request& head) const {
  if (head.method != "PUT" || head.path[3] != "artifacts") return http::InMemory{};
  if (auto path = path_of_target(head); !path) return tracker_problem(path.error());
  if (head.path.size() == 4) return http::InMemory{};  // refused there
  if (shared.engine == nullptr) return no_tracker();
  // What is left of it there is removed when the next engine starts (Artifacts::remove_leftovers).
  return http::SpoolTo{options.state.artifacts() / "tmp", kMostUpload, kReserve, not_stored};
}

void Api::Impl::artifacts(const Request& request, const Reply& reply) {
  const std::string& kind = request.path[3];
  if (kind == "mpu" || kind == "presigned")
    return reply(tracker_problem(501, "NOT_IMPLEMENTED", kNoParts));
  if (kind != "artifacts") {
    return reply(tracker_problem(
        404, "ENDPOINT_NOT_FOUND",
        fmt::format("this server has no {}", valid_utf8(request.target.substr(0, 200)))));
  }
  const bool list = request.path.size() == 4 && request.method == "GET";
  if (!list && (request.path.size() == 4 ||
                (request.method != "GET" && request.method != "PUT" && request.method != "DELETE")))
    return reply(
        tracker_problem(405, "BAD_REQUEST",
                        fmt::format("{} is done to {}/PATH alone, and only GET, PUT and DELETE",
                                    request.method, kFiles)));
  auto path = list ? folder_of_query(request) : path_of_target(request);
  if (!path) return reply(tracker_problem(path.error()));
  if (shared.engine == nullptr) return reply(no_tracker());
  shared.engine->with_tracker([reply, request, list, path = std::move(*path)](OneTracker tracker) {
    if (!tracker) return reply(tracker_problem(tracker.error()));
    reply(list ? done((*tracker)->list_files(path)) : answer_of(**tracker, request, path));
  });
}

}  // namespace scanflow::api
