#include "engine/cli/completion.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string_view>

namespace scanflow::cli {
namespace {

constexpr const char* kBash =
    R"SH(# Completion of scanflow in bash: source <(scanflow completion bash)
_scanflow() {
  # Bash divides words at '=' and ':', too: they are put together again.
  local IFS=$'\n' word last kept joins=0 words=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
    word=${word//[\"\']/}
    if (( ${#words[@]} )) && { (( joins )) || [[ $word =~ ^[=:]+$ ]]; }; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
    [[ $word =~ [=:]$ ]] && joins=1 || joins=0
  done
  last=${words[-1]}
  kept=${last%"${last##*[=:]}"}
  COMPREPLY=($(scanflow __complete "${words[@]}" 2>/dev/null))
  COMPREPLY=("${COMPREPLY[@]#"$kept"}")
  if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
} 2>/dev/null
complete -o default -F _scanflow scanflow
)SH";

constexpr const char* kZsh = R"SH(#compdef scanflow
# Completion of scanflow in zsh: source <(scanflow completion zsh)
_scanflow() {
  local -a candidates
  candidates=(${(f)"$(scanflow __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( ! $#candidates )); then _files; return; fi
  compadd -S '' -- ${(M)candidates:#*=}
  compadd -- ${candidates:#*=}
}
compdef _scanflow scanflow
)SH";

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* each : app.get_subcommands({})) {
    if (each->get_name() == name) return each;
  }
  return nullptr;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// The command's own option of this name, or one of those above it.
const CLI::Option* find_option(const CLI::App* app, const std::string& name) {
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      if (option->check_name(name)) return option;
    }
  }
  return nullptr;
}

/// "TEXT:{a,b}" says which there are.
std::vector<std::string> words_before(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{'), close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* each : app.get_subcommands({})) names.push_back(each->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

/// Where the words before the last one lead.
struct Place {
  const CLI::App* app;
  const CLI::Option* wants_value = nullptr;  // the word before is this option
  std::vector<std::string> positionals;      // given to `app`

  void take(const std::string& word) {
    if (wants_value != nullptr) {
      wants_value = nullptr;
    } else if (word.starts_with("-")) {
      const CLI::Option* option = find_option(app, word);
      if (option != nullptr && takes_value(*option)) wants_value = option;
    } else if (const CLI::App* next = find_command(*app, word)) {
      app = next;
    } else {
      positionals.push_back(word);
    }
  }
};

/// The positional that comes next; one that takes many comes for ever.
const CLI::Option* next_positional(const Place& place) {
  std::size_t index = 0;
  for (const CLI::Option* option : place.app->get_options()) {
    if (!option->get_positional()) continue;
    if (index++ == place.positionals.size() || option->get_expected_max() > 1) return option;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> complete(const CLI::App& app, const std::vector<std::string>& words,
                                  const ValuesOf& values) {
  if (words.empty()) return {};
  const std::string& begun = words.back();
  Place place{&app};
  for (auto word = words.begin(); word + 1 != words.end(); ++word) place.take(*word);
  std::vector<std::string> candidates;
  const auto ask = [&](const std::string& name) {
    return values({place.app->get_name(), name, place.positionals});
  };
  if (place.wants_value != nullptr) {
    candidates = words_before(*place.wants_value);
    const auto& names = place.wants_value->get_lnames();
    if (candidates.empty() && !names.empty()) candidates = ask("--" + names.front());
  } else if (begun.starts_with("-")) {
    candidates = options_of(place.app);
  } else if (const CLI::Option* option = next_positional(place)) {
    candidates = words_before(*option);
    if (candidates.empty()) candidates = ask(option->get_name(true));
  } else {
    candidates = commands_of(*place.app);
  }
  std::erase_if(candidates, [&](const std::string& each) { return !each.starts_with(begun); });
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

std::string completion_script(const std::string& shell) { return shell == "zsh" ? kZsh : kBash; }

}  // namespace scanflow::cli
