#include "engine/inject/rewrite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "engine/inject/documents.hpp"
#include "engine/inject/workload.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

constexpr std::size_t kFewDocuments = 64;  // are not worth a thread of their own

/// "3:7", of the first byte that is no UTF-8; "" where all is well.
std::string not_text(std::string_view text) {
  const std::string clean = valid_utf8(std::string(text));
  if (clean == text) return "";
  const auto [bad, ignored] = std::mismatch(text.begin(), text.end(), clean.begin(), clean.end());
  const auto at = static_cast<std::size_t>(bad - text.begin());
  const auto lines = std::count(text.begin(), bad, '\n');
  const std::size_t last = text.substr(0, at).rfind('\n');
  return fmt::format("{}:{}", lines + 1, last == std::string_view::npos ? at + 1 : at - last);
}

class Rewriter {
 public:
  Rewriter(const std::string& name, const PatchOf& patch_of, bool objects)
      : name_(name), patch_of_(patch_of), objects_(objects) {}

  void run(const Document& document) {
    auto node = parse(document);
    if (!node) {
      done_.errors.push_back(fmt::format("{}:{}", name_, node.error().message));
      return;
    }
    json object = to_json(*node);
    const std::string place = fmt::format("{}:{}", name_, line_of(document));
    if (!object.is_null() && text_of(object, "kind").empty()) {
      done_.notes.push_back(
          fmt::format("{}: no Kubernetes object (it has no kind): left as it is", place));
    }
    auto patch = patch_of_(object);
    if (!patch) {
      done_.errors.push_back(fmt::format("{}: {}", place, patch.error().message));
      return;
    }
    for (Report& report : patch->reports) done_.said.push_back({place, std::move(report)});
    if (patch->operations.empty()) {
      done_.text += document.text;
    } else {
      inject::apply(*node, patch->operations);
      if (!done_.text.empty() && !done_.text.ends_with('\n')) done_.text += '\n';
      done_.text += write(document, *node);
    }
    if (!objects_ || object.is_null()) return;
    done_.objects.push_back(patch->operations.empty() ? std::move(object) : to_json(*node));
  }

  Rewritten take() { return std::move(done_); }

 private:
  /// Of what it says: not of blanks and comments before that.
  int line_of(const Document& document) const {
    int line = document.line;
    std::string_view rest = document.text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view row = rest.substr(0, end);
      const std::size_t first = row.find_first_not_of(" \t\r");
      if (first != std::string_view::npos && row[first] != '#' && !row.starts_with("---")) break;
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++line;
    }
    return rest.empty() ? document.line : line;
  }

  const std::string& name_;
  const PatchOf& patch_of_;
  const bool objects_;
  Rewritten done_;
};

template <class List>
void append(List& all, List more) {
  for (auto& each : more) all.push_back(std::move(each));
}

void append(Rewritten& all, Rewritten more) {
  if (!all.text.empty() && !all.text.ends_with('\n') && !more.text.empty()) all.text += '\n';
  all.text += more.text;
  append(all.errors, std::move(more.errors));
  append(all.said, std::move(more.said));
  append(all.notes, std::move(more.notes));
  append(all.objects, std::move(more.objects));
}

bool begins_with_mark(std::string_view text) { return text.starts_with("---"); }

}  // namespace

Rewritten rewrite(const std::string& name, std::string_view text, const PatchOf& patch_of,
                  bool objects) {
  if (const std::string bad = not_text(text); !bad.empty()) {
    Rewritten refused;
    refused.errors.push_back(
        fmt::format("{}:{}: no UTF-8 text: save the file as UTF-8", name, bad));
    return refused;
  }
  const std::vector<Document> documents = split(text);
  const auto run = [&](std::size_t begin, std::size_t end) {
    Rewriter rewriter(name, patch_of, objects);
    for (std::size_t i = begin; i < end; ++i) rewriter.run(documents[i]);
    return rewriter.take();
  };
  // Documents know nothing of each other, and to read YAML is slow.
  const std::size_t shares = std::clamp<std::size_t>(
      documents.size() / kFewDocuments, 1, std::max(std::thread::hardware_concurrency(), 1U));
  std::vector<std::future<Rewritten>> others;
  for (std::size_t i = 1; i < shares; ++i) {
    others.push_back(std::async(std::launch::async, run, documents.size() * i / shares,
                                documents.size() * (i + 1) / shares));
  }
  Rewritten all = run(0, documents.size() / shares);
  for (auto& other : others) append(all, other.get());
  return all;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) {
    if (text.empty()) continue;
    if (!all.empty() && !all.ends_with('\n')) all += '\n';
    // A stream that begins with "{" would be taken for JSON from its beginning to its end.
    const bool mark = texts.size() > 1 && !begins_with_mark(text);
    if (mark) all += "---\n";
    all += text;
  }
  return all;
}

}  // namespace scanflow::inject
