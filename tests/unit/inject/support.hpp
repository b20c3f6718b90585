// The corpus of manifests, and ways to look at documents.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/inject/documents.hpp"
#include "engine/inject/inject.hpp"
#include "engine/inject/rewrite.hpp"

namespace scanflow::inject {

struct CorpusFile {
  std::string name, text;
};
std::vector<CorpusFile> corpus();
std::filesystem::path corpus_directory();

/// Fails the test, and gives a null, where it cannot be parsed.
Node tree_of(const Document& document);
/// The documents that say something.
std::vector<Document> documents_of(const std::string& text);

/// Each scalar with its text and whether it was quoted: two trees with the same value here read the
/// same to every reader. The order of keys does not count.
nlohmann::json exactly(const Node& node);

PatchOf injecting(const Settings& settings);
PatchOf uninjecting();
/// What comes out; errors fail the test.
std::string rewritten(const std::string& text, const PatchOf& patch_of);

/// Settings that differ in all that can differ.
std::vector<Settings> variants();

/// A Pod of one container with a command, to be changed by a test.
nlohmann::json simple_pod();
/// With its patch applied; errors fail the test.
nlohmann::json injected(const nlohmann::json& object, const Settings& settings);
/// By name; null where there is none.
nlohmann::json named(const nlohmann::json& list, const std::string& name);

}  // namespace scanflow::inject
