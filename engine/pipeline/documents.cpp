#include "engine/pipeline/documents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "engine/pipeline/agent_reader.hpp"
#include "engine/pipeline/application_reader.hpp"
#include "engine/pipeline/document_text.hpp"
#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/pipeline_services.hpp"
#include "engine/pipeline/reference.hpp"
#include "engine/pipeline/root_reader.hpp"
#include "engine/pipeline/service_reader.hpp"
#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {
namespace {

/// How a kind is checked; what it says of itself goes into `out`.
struct KindReader {
  std::string_view kind;
  void (*read)(const Node& root, const Reading& reading, Problems& problems, Document& out);
};

void read_pipeline_document(const Node& root, const Reading& reading, Problems& problems,
                            Document& out) {
  Pipeline pipeline = read_root(root, reading, problems);
  out.labels = pipeline.labels;
  out.pipeline = std::make_shared<const Pipeline>(std::move(pipeline));
}

void read_service_document(const Node& root, const Reading& reading, Problems& problems,
                           Document& out) {
  ServiceSpec service = read_service_root(root, reading, problems);
  out.labels = std::move(service.labels);
}

void read_agent_document(const Node& root, const Reading& reading, Problems& problems,
                         Document& out) {
  AgentSpec agent = read_agent_root(root, reading, problems);
  out.labels = std::move(agent.labels);
}

void read_application_document(const Node& root, const Reading& reading, Problems& problems,
                               Document& out) {
  ApplicationSpec application = read_application_root(root, reading, problems);
  out.labels = application.labels;
  out.application = std::make_shared<const ApplicationSpec>(std::move(application));
}

/// A row for each kind of fields.cpp that has a table.
constexpr std::array kReaders{
    KindReader{"Pipeline", read_pipeline_document},
    KindReader{"InferenceService", read_service_document},
    KindReader{"Agent", read_agent_document},
    KindReader{"Application", read_application_document},
};

struct File {
  explicit File(const SourceText& text)
      : source(text.file, text.text), problems(source), yaml(parse_yaml(source, problems)) {}
  const Source source;
  Problems problems;
  const YamlDocument yaml;
};

struct Draft {
  Document document;
  File* file;
  const Node* root;
  const Node* name;      // where an error about its name stands
  int line;              // its first one
  bool brought = false;  // by a pipeline, which is checked with it
};

std::string with_line_feeds(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') out += text[i];
  }
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

/// The text of a field, or `otherwise`.
std::string text_of(const Node* map, std::string_view field, std::string_view otherwise) {
  const Node* value = map != nullptr ? map->find(field) : nullptr;
  return value != nullptr && value->is_scalar() ? value->text : std::string(otherwise);
}

std::string name_of(const Document& document) {
  return to_text(Reference{document.name_space, document.name, {}});
}

class DocumentReader {
 public:
  DocumentReader(std::span<const SourceText> texts, const std::string& name_space)
      : name_space_(name_space) {
    for (const SourceText& text : texts) add(text);
    for (std::size_t i = 0; i < drafts_.size(); ++i) check_name(i);
  }

  void check(const loader::Catalog& catalog, const FindPipeline& find) {
    const FindPipeline all = [&](const std::string& call, const Calling& from) {
      const auto sibling = find_sibling(call, from);
      return sibling ? *sibling : find(call, from);
    };
    const auto known = std::make_shared<Known>();
    for (Draft& draft : drafts_) {
      if (draft.brought) continue;
      const auto* reader =
          std::find_if(kReaders.begin(), kReaders.end(),
                       [&](const KindReader& each) { return each.kind == draft.document.kind; });
      if (reader == kReaders.end()) continue;  // reported
      Reading reading{catalog, all, {name_of(draft.document)}};
      reading.known = known;
      reading.only = !name_space_.empty();
      if (reading.only) reading.name_space = name_space_;
      reader->read(*draft.root, reading, draft.file->problems, draft.document);
    }
  }

  /// Instead of check(): can they be found by what they say?
  void check_names() {
    for (const Draft& draft : drafts_) {
      const auto add = [&](std::string message) -> Diagnostic& {
        return draft.file->problems.add(*draft.name, std::move(message));
      };
      const Document& document = draft.document;
      if (const std::string kind = text_of(draft.root, "kind", document.kind);
          kind != document.kind) {
        draft.file->problems
            .add(*draft.root->find("kind"), fmt::format("unknown kind '{}'", printable(kind)))
            .hint = fmt::format("did you mean '{}'?", document.kind);
      }
      if (!is_label(document.name) || !is_label(document.name_space)) {
        add(fmt::format("'{}' is not the name of a document", printable(name_of(document)))).hint =
            kLabelRule;
      } else if (!draft.brought && !name_space_.empty() && document.name_space != name_space_) {
        add(fmt::format("the namespace is '{}' here, and '{}' was asked for (-n)",
                        document.name_space, name_space_))
            .hint = "leave one of them out";
      }
    }
  }

  Documents take() {
    Documents result;
    for (Draft& draft : drafts_) result.all.push_back(std::move(draft.document));
    for (File& file : files_) {
      const std::vector<Diagnostic> errors = file.problems.take();
      result.errors += errors.size();
      result.rendered += render(errors, std::string(file.source.text()));
    }
    return result;
  }

 private:
  void add(const SourceText& text) {
    File& file = files_.emplace_back(text);
    const std::vector<TextPart> parts = split_documents(text.text);
    std::size_t found = 0;
    for (const Node* root : file.yaml.roots) {
      if (root->is_null()) continue;
      ++found;
      const auto after = std::find_if(parts.begin(), parts.end(), [&](const TextPart& part) {
        return part.line > root->at.line;
      });
      if (after != parts.begin()) add(file, *root, *std::prev(after));
    }
    if (found == 0 && file.problems.empty()) {
      file.problems.add({1, 1}, 1, "the file is empty: there is no document in it").hint =
          "begin with apiVersion: scanflow.dev/v1, kind: Pipeline";
    }
  }

  void add(File& file, const Node& root, const TextPart& part) {
    if (!root.is_map()) {
      file.problems
          .add(root, fmt::format("not a document: this is {}, not a map", describe_value(root)))
          .hint = "begin with apiVersion: scanflow.dev/v1, kind: Pipeline";
      return;
    }
    const Node* kind = root.find("kind");
    std::string meant(kReaders.front().kind);
    if (kind != nullptr && kind->is_scalar()) meant = meant_kind(*kind, file.problems);
    if (meant.empty()) return;
    const Node* metadata = root.find("metadata");
    const Node* name = metadata != nullptr ? metadata->find("name") : nullptr;
    Draft draft{{}, &file, &root, name != nullptr ? name : &root, part.line};
    Document& document = draft.document;
    document.kind = std::move(meant);
    document.name = text_of(metadata, "name", "");
    document.name_space =
        text_of(metadata, "namespace", name_space_.empty() ? "default" : name_space_);
    document.file = file.source.file();
    document.text = with_line_feeds(part.text);
    const Document pipeline = document;
    drafts_.push_back(std::move(draft));
    if (pipeline.kind == kReaders.front().kind) add_services(file, root, pipeline);
  }

  void add_services(File& file, const Node& root, const Document& pipeline) {
    for (PipelineService& each :
         services_of(root, pipeline.name_space, pipeline.name, file.source)) {
      Document document{"InferenceService", pipeline.name_space, each.name->text};
      document.labels = {{std::string(kPipelineLabel), pipeline.name}};
      document.file = fmt::format("{} (service {})", pipeline.file, each.name->text);
      document.text = std::move(each.text);
      drafts_.push_back(
          {std::move(document), &file, each.item, each.name, each.name->at.line, true});
    }
  }

  void check_name(std::size_t index) {
    const Draft& draft = drafts_[index];
    const std::string name = name_of(draft.document);
    const auto [first, added] = names_.emplace(draft.document.kind + " " + name, index);
    if (added || draft.document.name.empty()) return;
    Diagnostic& problem = draft.file->problems.add(
        *draft.name, fmt::format("two documents are the {} '{}'", draft.document.kind, name));
    problem.hint = "remove or rename one of them";
    const Draft& other = drafts_[first->second];
    problem.notes.push_back("the first is " + other.file->problems.place(other.name->at));
  }

  /// A pipeline of these texts, with its place in its file.
  std::optional<SourceText> find_sibling(const std::string& call, const Calling& from) const {
    auto reference = parse_reference(call);
    if (names_file(call) || !reference || reference->version) return std::nullopt;
    if (reference->name_space.empty()) reference->name_space = from.name_space;
    const std::string id = to_text(*reference);
    const auto found = names_.find("Pipeline " + id);
    if (found == names_.end()) return std::nullopt;
    const Draft& draft = drafts_[found->second];
    const std::string lines_before(static_cast<std::size_t>(draft.line - 1), '\n');
    return SourceText{draft.document.file, lines_before + draft.document.text,
                      draft.document.name_space, id};
  }

  const std::string& name_space_;  // that was asked for, or empty
  std::deque<File> files_;
  std::vector<Draft> drafts_;
  std::unordered_map<std::string, std::size_t> names_;  // "KIND NAMESPACE/NAME" -> of drafts_
};

}  // namespace

Documents read_documents(std::span<const SourceText> texts, const loader::Catalog& catalog,
                         const FindPipeline& find, const std::string& name_space) {
  DocumentReader reader(texts, name_space);
  reader.check(catalog, find);
  return reader.take();
}

Documents read_names(std::span<const SourceText> texts, const std::string& name_space) {
  DocumentReader reader(texts, name_space);
  reader.check_names();
  return reader.take();
}

std::optional<std::string> parse_kind(std::string_view word) {
  std::string wanted = kind_word(word);
  if (wanted.ends_with('s')) wanted.pop_back();
  for (const DocumentKind& kind : document_kinds()) {
    if (kind_word(kind.name) == wanted) return std::string(kind.name);
  }
  return std::nullopt;
}

std::string kind_word(std::string_view kind) {
  std::string word(kind);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word;
}

}  // namespace scanflow::pipeline
