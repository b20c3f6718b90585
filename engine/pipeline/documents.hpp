// The documents of several texts, each checked by its kind: what is registered.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pipeline/reader.hpp"

namespace scanflow::pipeline {

struct ApplicationSpec;

/// The label of a service that a pipeline has brought along: the pipeline's name.
inline constexpr std::string_view kPipelineLabel = "scanflow.dev/pipeline";

struct Document {
  std::string kind, name_space, name;
  std::map<std::string, std::string> labels;
  std::string file;  // where it stands
  std::string text;  // its own part of the file; lines end with \n
  // As it was read, by its kind; null: of another kind, or by read_names.
  std::shared_ptr<const Pipeline> pipeline;
  std::shared_ptr<const ApplicationSpec> application;
};

struct Documents {
  std::vector<Document> all;  // in the order given; with errors: what could be told
  std::size_t errors = 0;
  std::string rendered;  // all of them, as people read them; no trailing count
};

/// A text may hold several documents (`---` between them). The services that a pipeline brings along
/// follow it, as documents with a text that says the same. A pipeline may call another one of the
/// texts, whatever their order; what else it calls is asked from `find`, which is never null.
/// `name_space`: as of read_pipeline. Errors: those of each document, two with one name, a text
/// without documents. Bounded as read_pipeline, for each text.
Documents read_documents(std::span<const SourceText> texts, const loader::Catalog& catalog,
                         const FindPipeline& find, const std::string& name_space);

/// What they are called, and no more: nothing else in them needs to be right.
Documents read_names(std::span<const SourceText> texts, const std::string& name_space);

/// The kind that a word names, in whatever letters, one or several: pipeline, Pipelines. Nothing
/// where it names none.
std::optional<std::string> parse_kind(std::string_view word);

/// "pipeline" of "Pipeline": as it is typed.
std::string kind_word(std::string_view kind);

}  // namespace scanflow::pipeline
