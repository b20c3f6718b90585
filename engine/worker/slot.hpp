// A slot: the place of one attempt at a time. Its directory and files are made once and reused,
// because on ext4 one mkdir doubles the cost of a tiny step.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/worker/command.hpp"
#include "engine/worker/program_socket.hpp"
#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::worker {

class Slot {
 public:
  /// Makes DIRECTORY with `params.json`, `output`, `metrics`, `artifacts/` and `scratch/` in it.
  static Result<std::unique_ptr<Slot>> create(std::uint32_t number, const std::string& directory);

  std::uint32_t number() const { return number_; }
  const std::string& directory() const { return directory_; }
  const CommandFiles& files() const { return files_; }

  /// Once: where programs find $SCANFLOW_SOCKET from now on. Without one they cannot be steered, but
  /// run: an error is for the worker's own log.
  Result<void> listen(Loop& loop, const std::string& path, ProgramSocket::Connected connected);

  Result<void> write_params(std::string_view json);
  Result<void> write_script(std::string_view text);

  /// What the program wrote to `output`; at most one byte over the limit is read.
  std::string read_output();
  /// Bytes that are in `output`.
  std::uint64_t output_size() { return refresh(output_, files_.output); }
  /// Whole lines of `metrics` from `offset` on, which moves behind them. `last`: the rest too.
  std::string read_metrics(std::uint64_t& offset, bool last);
  bool has_artifacts();

  /// Moves `artifacts` to `destination`, which must not exist, and makes a new one.
  Result<void> take_artifacts(const std::string& destination);
  /// Empties what the attempt left behind. False: it could not, and the slot must not be reused.
  bool clean();

 private:
  struct Directory {
    std::string path;
    UniqueFd fd;
  };

  Slot(std::uint32_t number, std::string directory);
  Result<void> open();
  static Result<void> open_directory(Directory& directory);
  /// Whether nothing was ever put there: its time of change is the one that was set when it was
  /// opened. A look at the times costs a quarter of a look inside.
  static bool is_untouched(const Directory& directory);
  static bool clean_directory(Directory& directory);
  /// Opens the file again where the program has replaced it. Its size.
  static std::uint64_t refresh(UniqueFd& fd, const std::string& path);
  static bool empty_file(UniqueFd& fd, const std::string& path);

  std::uint32_t number_;
  std::string directory_;
  CommandFiles files_;
  std::string params_;  // what the file holds
  bool script_written_ = false;
  UniqueFd output_;
  UniqueFd metrics_;
  Directory artifacts_;
  Directory scratch_;
  bool listened_ = false;
  std::unique_ptr<ProgramSocket> socket_;
};

}  // namespace scanflow::worker
