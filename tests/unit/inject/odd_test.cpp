// Objects that no API server would take: whatever they hold, nothing throws, and what is put in comes
// out again.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/inject/support.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

/// Pointers to everything that is in it.
void places_in(const json& value, const json::json_pointer& at,
               std::vector<json::json_pointer>& all) {
  all.push_back(at);
  if (value.is_object()) {
    for (const auto& [key, each] : value.items()) places_in(each, at / key, all);
  }
  for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
    places_in(value[i], at / i, all);
}

/// One or two values are others, or are gone.
json odd(json object, std::mt19937& random) {
  static const std::vector<json> values = {nullptr,
                                           1,
                                           "x",
                                           true,
                                           false,
                                           json::array(),
                                           json::object(),
                                           json::array({1}),
                                           json::array({"a"}),
                                           {{"name", "x"}},
                                           {{"name", 1}},
                                           -1.5};
  for (std::size_t left = 1 + random() % 2; left > 0; --left) {
    std::vector<json::json_pointer> places;
    places_in(object, json::json_pointer(), places);
    const json::json_pointer& place = places[random() % places.size()];
    if (place.empty() || place.back() == "apiVersion" || place.back() == "kind") continue;
    json& holder = object.at(place.parent_pointer());
    if (random() % 4 == 0 && holder.is_object()) {
      holder.erase(place.back());
    } else {
      object.at(place) = values[random() % values.size()];
    }
  }
  return object;
}

void expect_there_and_back(const json& object, const Settings& settings) {
  const auto patch = inject(object, "default", settings);
  if (!patch) return;  // an annotation that is not allowed
  const json after = object.patch(patch->operations);
  if (object.dump().find("scanflow.dev/injected") != std::string::npos) return;
  const auto back = uninject(after);
  ASSERT_TRUE(back) << back.error().message << "\n" << object;
  EXPECT_EQ(after.patch(back->operations), object);
  const auto again = inject(after, "default", settings);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->operations.empty()) << object;
}

TEST(OddObjects, AreLeftAloneOrComeOutAgain) {
  std::mt19937 random(11);  // NOLINT: the same each time
  const auto settings = variants();
  for (const CorpusFile& file : corpus()) {
    for (const Document& document : documents_of(file.text)) {
      const json object = to_json(tree_of(document));
      for (int i = 0; i < 15; ++i) {
        const json changed = odd(object, random);
        ASSERT_NO_THROW(expect_there_and_back(changed, settings[random() % settings.size()]))
            << changed;
      }
    }
  }
}

/// Somebody has edited what was injected: it is taken out as far as it is there, or said to be odd.
TEST(OddObjects, MayHaveBeenInjectedBefore) {
  std::mt19937 random(13);  // NOLINT: the same each time
  const auto settings = variants();
  for (const CorpusFile& file : corpus()) {
    for (const Document& document : documents_of(file.text)) {
      const json object = injected(to_json(tree_of(document)), settings[0]);
      for (int i = 0; i < 15; ++i) {
        const json changed = odd(object, random);
        ASSERT_NO_THROW({
          if (const auto patch = uninject(changed)) (void)changed.patch(patch->operations);
          if (const auto patch = inject(changed, "", settings[1]))
            (void)changed.patch(patch->operations);
        }) << changed;
      }
    }
  }
}

TEST(OddText, IsReadOrRefused) {
  std::mt19937 random(17);  // NOLINT: the same each time
  const std::string bytes = "{}[]:-#&*!|>'\"%@`,?\n\t 0a\\\xc3\xff<";
  for (const CorpusFile& file : corpus()) {
    for (int i = 0; i < 15; ++i) {
      std::string text = file.text;
      for (std::size_t left = 1 + random() % 4; left > 0; --left)
        text[random() % text.size()] = bytes[random() % bytes.size()];
      const auto settings = defaults("1");
      Rewritten done;
      ASSERT_NO_THROW(done = rewrite("f", text, injecting(settings))) << text;
      if (!done.errors.empty()) continue;
      EXPECT_EQ(rewritten(done.text, injecting(settings)), done.text) << text;
    }
  }
}

}  // namespace
}  // namespace scanflow::inject
