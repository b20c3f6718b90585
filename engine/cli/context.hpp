// What every command knows: where things are, and how to print.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/api/client.hpp"
#include "engine/api/runs.hpp"
#include "engine/runtime/state_directory.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::cli {

/// Exit statuses, part of the contract.
enum Exit : int {
  kSucceeded = 0,
  kRunFailed = 1,
  kUsage = 2,   // wrong usage, or a file that does not validate
  kEngine = 3,  // the engine could not do its work
  kCancelled = 130,
};

struct Context {
  std::string state;                     // --state
  std::vector<std::string> plugin_dirs;  // --plugin-dir
  bool json = false;                     // -o json
  std::string server;                    // --server: the URL of one; empty: the state directory
  std::string server_timeout;            // --server-timeout: a duration; empty: that of HttpClient

  std::filesystem::path worker;   // scanflow-worker, beside this program
  std::filesystem::path plugins;  // the build's or installation's plugin directory

  Result<runtime::StateDirectory> state_directory() const {
    return runtime::find_state_directory(state);
  }
  /// An index of libraries that have none beside them is kept in the state directory, where that
  /// can be written; not without `write`.
  Result<loader::Catalog> catalog(bool write = true) const;
  /// To the server.
  api::Answer<api::HttpClient> client() const;
};

/// Finds the worker and the plugins from where this program lies.
Context make_context();

/// Who runs this program.
std::string user_name();

bool use_color(int fd);      // a terminal, and NO_COLOR is not set
int terminal_width(int fd);  // columns; 100 where there is no terminal
/// As of terminal_width; 0 where there is no terminal: then nothing has to be cut.
std::size_t table_width(int fd);
int terminal_height(int fd);  // rows; 24 where there is no terminal

/// A pipeline's text, and what errors call it. "-" is stdin.
struct PipelineFile {
  std::string name, text;
};
Result<PipelineFile> read_pipeline_file(const std::string& file);

/// Prints "error: ..." on stderr (with -o json also {"error", "exit"} on stdout) and gives the exit
/// status.
int complain(const Context& context, Exit code, const std::string& message);

int complain(const Context& context, const api::Failure& failure);

/// The runs of the state directory, or of --server.
api::Answer<std::unique_ptr<api::Runs>> open_runs(const Context& context);

/// The one run whose id starts with `prefix`; an error says that there is none, or which there are.
api::Answer<std::string> find_run(const Context& context, const std::string& prefix);

}  // namespace scanflow::cli
