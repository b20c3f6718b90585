// file: fires when files arrive in a directory.
#pragma once

#include <scanflow/trigger.hpp>
#include <string>

#include "plugins/triggers/file/arrivals.hpp"
#include "plugins/triggers/file/listing.hpp"

namespace scanflow::triggers {

struct FileConfig {
  std::string path, on = "arrival", existing = "skip", every = "1s", settle = "2s";
  bool batch = false;
  std::int64_t limit = 100;
  template <class V>
  void fields(V& f) {
    f("path", path).required().doc("a directory, or a pattern of names in one: /data/in/*.csv");
    f("on", on)
        .one_of({"arrival", "change"})
        .doc("each file once; or again when its size or time of modification is another");
    f("existing", existing)
        .one_of({"skip", "fire"})
        .doc("what becomes of files that are there when the agent begins");
    f("every", every).doc("how often it looks");
    f("settle", settle).doc("a file is complete when it is unchanged for so long");
    f("batch", batch).doc("one firing for all that a look finds; else one for each file");
    f("limit", limit).min(1).max(1000).doc("files of a look; more of them at the next one");
  }
};

class FileTrigger : public Trigger {
 public:
  using Config = FileConfig;
  static Description describe();
  explicit FileTrigger(Config config);
  WakeResult wake(const Wake& wake) override;

 private:
  nlohmann::json describe(const FileEntry& file, bool is_alone) const;

  const Config config_;
  FilePlace place_;
  ArrivalLaw law_;
  std::int64_t every_us_ = 0;
};

}  // namespace scanflow::triggers
