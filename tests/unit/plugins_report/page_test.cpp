// The page as a whole: structure, escaping, determinism.
#include "plugins/steps/report/page.hpp"

#include <gtest/gtest.h>

#include <regex>

#include "tests/support/temp_dir.hpp"
#include "tests/unit/plugins_report/sample.hpp"

namespace scanflow::report {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string page_of(const json& document, std::vector<Gallery> galleries = {}) {
  return make_page({parse_run(document, "report"), "", std::move(galleries)});
}

/// Checks that elements close in the order in which they open.
std::string nesting_problem(const std::string& page) {
  static const std::vector<std::string> empty = {"meta", "img", "br"};
  static const std::regex tag("<(/?)([a-z][a-z0-9]*)((?:\"[^\"]*\"|[^\">])*)>");
  std::vector<std::string> open;
  const std::string body =
      page.substr(page.find("<body>"), page.find("</html>") - page.find("<body>"));
  for (std::sregex_iterator it(body.begin(), body.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    const std::string rest = (*it)[3];
    if (std::find(empty.begin(), empty.end(), name) != empty.end() || rest.ends_with("/")) continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> closes " + (open.empty() ? "nothing" : "<" + open.back() + ">") +
             " near " + body.substr(std::max(it->position() - 80L, 0L), 160);
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

TEST(Page, TellsOfASuccessfulRun) {
  const std::string page = page_of(succeeded_run());
  for (const char* part :
       {"<h1>mnist-train", "✓ succeeded", "mnist-datascience",
        "0193f2c1-7d0a-7c44-9e51-2f0b6a9d1e77", "2026-11-23 15:53:27 UTC", "98.10 %",
        "Registered as mnist_cnn version 3.", "10,000 digits (7,200 / 800 / 2,000)", "id=\"graph\"",
        "id=\"timeline\"", "id=\"metrics\"", "id=\"confusion\"", "id=\"artifacts\"",
        "id=\"params\"", "id=\"next\"", "on exit", "<code>0.01</code>",
        "scanflow runs show 0193f2c1-7d0a-7c44-9e51-2f0b6a9d1e77",
        "4444444444444444444444444444444444444444444444444444444444444444"}) {
    EXPECT_TRUE(has(page, part)) << part;
  }
  EXPECT_FALSE(has(page, "id=\"failures\""));
  EXPECT_EQ(nesting_problem(page), "");
}

TEST(Page, PutsFailuresFirst) {
  const std::string page = page_of(failed_run());
  EXPECT_TRUE(has(page, "✗ failed"));
  EXPECT_TRUE(has(page, "<h3>train[model=cnn2] failed after 2 attempts <em>oom</em></h3>"));
  EXPECT_TRUE(has(page, "epoch 4 ... batch 118 / 225"));
  EXPECT_LT(page.find("id=\"failures\""), page.find("id=\"next\""));
  EXPECT_LT(page.find("id=\"next\""), page.find("id=\"meaning\""));
  EXPECT_EQ(nesting_problem(page), "");
}

TEST(Page, NeedsNothingFromOutside) {
  const std::string page = page_of(succeeded_run());
  EXPECT_FALSE(has(page, "http://"));
  EXPECT_FALSE(has(page, "https://"));
  EXPECT_FALSE(has(page, "<script"));
  EXPECT_FALSE(has(page, "<link"));
  EXPECT_FALSE(has(page, "@import"));
}

TEST(Page, IsTheSameForTheSameRun) {
  EXPECT_EQ(page_of(succeeded_run()), page_of(succeeded_run()));
}

/// Replaces every string of a document, names of members included where they are free.
void poison(json& value, const std::string& evil) {
  if (value.is_string()) {
    value = value.get<std::string>() + evil;
  } else if (value.is_structured()) {
    for (auto& member : value) poison(member, evil);
  }
}

TEST(Page, EscapesEverything) {
  const std::string evil = "<script>alert(1)</script>\" onload='x' &amp;";
  json run = failed_run();
  poison(run, evil);
  run["params"][evil] = evil;
  run["steps"][0]["outputs"][evil] = {{evil, evil}};
  run["steps"][0]["artifacts"][evil] = run["steps"][0]["artifacts"]["train"];
  run["steps"][2]["status"] = "failed";
  run["steps"][3]["phase"] = "main";
  run["metrics"][0]["labels"] = {{evil, evil}};
  run["models"] = {{{"name", evil}, {"version", evil}, {"sha256", evil}, {"step", evil}}};
  const std::string page = make_page({parse_run(run, ""), evil, {{evil, {}, evil}}});
  EXPECT_FALSE(has(page, "<script"));
  EXPECT_FALSE(has(page, "\" onload"));
  EXPECT_TRUE(has(page, "&lt;script&gt;"));
  EXPECT_EQ(nesting_problem(page), "");
}

TEST(Page, TakesAnEmptyDocument) {
  const std::string page = page_of(json::object());
  EXPECT_TRUE(has(page, "</html>"));
  EXPECT_FALSE(has(page, "id=\"graph\""));
  EXPECT_EQ(nesting_problem(page), "");
}

TEST(Page, ShowsWrongDigits) {
  const test::TempDir directory;
  write_misclassified(directory.path(), 40);
  Gallery gallery{"evaluate", read_wrong_digits(directory.path(), 24), ""};
  const std::string page = page_of(succeeded_run(), {gallery, {"other", {}, "cannot be opened"}});
  EXPECT_TRUE(has(page, "evaluate: 24 of 40 shown"));
  EXPECT_TRUE(has(page, "alt=\"true 9, said 4 (0.89)\""))
      << page.substr(page.find("id=\"misc"), 900);
  EXPECT_TRUE(has(page, "No pictures of other: cannot be opened"));
  EXPECT_EQ(nesting_problem(page), "");
  // To look at: what the tests made.
  test::write(SCANFLOW_BINARY_DIR "/tests/report_succeeded.html", page);
  test::write(SCANFLOW_BINARY_DIR "/tests/report_failed.html", page_of(failed_run()));
}

}  // namespace
}  // namespace scanflow::report
