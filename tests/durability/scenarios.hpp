// Pipelines whose engines are killed. Each step of theirs that is a program appends a line to
// $EVIDENCE as it starts: its run, its identity, its attempt.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace scanflow::test {

struct Scenario {
  std::string name;
  std::map<std::string, std::string> files;  // name -> text; main.yaml is run
  std::string status = "succeeded";          // how it ends where nobody cancels it
};

const std::vector<Scenario>& scenarios();
/// Of this name.
const Scenario& scenario(const std::string& name);

}  // namespace scanflow::test
