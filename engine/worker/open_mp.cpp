#include "engine/worker/open_mp.hpp"

#include <dlfcn.h>

namespace scanflow::worker {

OpenMp OpenMp::find() {
  OpenMp found;
  for (const char* name : {"libgomp.so.1", "libomp.so.5", "libiomp5.so"}) {
    void* library = ::dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) continue;
    if (void* set = ::dlsym(library, "omp_set_num_threads")) {
      found.setters_.push_back(reinterpret_cast<void (*)(int)>(set));
    }
  }
  return found;
}

void OpenMp::set_threads(std::uint32_t threads) const {
  for (const auto set : setters_) set(static_cast<int>(threads));
}

}  // namespace scanflow::worker
