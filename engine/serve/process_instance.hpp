// A replica as a process of this machine. Private to engine/serve.
#pragma once

#include <sys/types.h>

#include "engine/serve/instance.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::serve {

class ProcessInstance final : public Instance {
 public:
  /// Starts `program` (scanflow-service): writes its document, opens its log.
  static Result<std::shared_ptr<Instance>> start(const std::filesystem::path& program,
                                                 InstanceOrder order);

  std::vector<int> descriptors() const override;
  News look() override;
  void end() override;
  void kill() override;
  int pid() const override { return pid_; }

 private:
  explicit ProcessInstance(InstanceOrder order);
  Result<void> write_document();
  std::string last_words() const;

  const InstanceOrder order_;
  std::filesystem::path document_;
  pid_t pid_ = 0;
  UniqueFd process_;         // pidfd
  UniqueFd lifeline_, out_;  // its stdin; its stdout
  std::string said_;         // on stdout, so far
};

}  // namespace scanflow::serve
