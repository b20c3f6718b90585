// JSON's functions, optimised: see CMakeLists.txt.
#include <nlohmann/json.hpp>

template class nlohmann::basic_json<>;
