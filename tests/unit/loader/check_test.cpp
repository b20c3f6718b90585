// The checker, as the ctest of each plugin runs it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

namespace {

struct Answer {
  int status = -1;
  std::string text;
};

Answer checked(const std::string& library) {
  const auto command = fmt::format("{} --check {} 2>&1", SCANFLOW_DESCRIBE, library);
  Answer answer;
  FILE* out = popen(command.c_str(), "r");
  if (out == nullptr) return answer;
  std::array<char, 4096> buffer;
  while (const auto count = fread(buffer.data(), 1, buffer.size(), out)) {
    answer.text.append(buffer.data(), count);
  }
  const int status = pclose(out);
  answer.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return answer;
}

TEST(Check, PassesAGoodLibrary) {
  const auto answer = checked(GOOD_PLUGIN);
  EXPECT_EQ(answer.text, GOOD_PLUGIN ": all checks passed\n");
  EXPECT_EQ(answer.status, 0);
}

TEST(Check, NamesEachBrokenRule) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer exports symbols of its own";
#endif
  const std::string library = BAD_PLUGINS "/exports_more.so";
  const auto answer = checked(library);
  EXPECT_EQ(answer.status, 1);
  EXPECT_EQ(answer.text,
            library +
                ": it exports helper; export nothing but scanflow_plugin: build it with "
                "scanflow_add_plugin\n" +
                library + ": create of chatty refuses its own defaults and does not say why\n");
}

TEST(Check, HoldsAStepToTheCommandsThatItDescribes) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer exports symbols of its own";
#endif
  const auto problem = [](const std::string& name) {
    const std::string library = BAD_PLUGINS "/" + name;
    const auto text = checked(library).text;
    return text.substr(std::min(text.size(), library.size() + 2));
  };
  EXPECT_EQ(problem("commands_differ.so"),
            "the instance and the descriptor of bad.one list different commands\n");
  EXPECT_EQ(problem("commands_unknown.so"),
            "bad.one carries out the command nobody.offers.this/1, which it does not list; answer "
            "SCANFLOW_UNSUPPORTED\n");
  EXPECT_NE(problem("commands_not_json.so").find("step 'bad.one': its commands: not JSON\n"),
            std::string::npos);
}

TEST(Check, SaysWhyALibraryDoesNotLoad) {
  const auto answer = checked(BAD_PLUGINS "/null_id.so");
  EXPECT_EQ(answer.status, 1);
  EXPECT_NE(answer.text.find("scanflow_plugin.id is null; name the library"), std::string::npos)
      << answer.text;
}

}  // namespace
