// sidecar/protocol/vectors.json and the table of its README say what this implementation does, so that
// another one can be written by them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "sdk/base/files.hpp"
#include "sidecar/protocol/codec.hpp"
#include "sidecar/protocol/fields.hpp"

namespace scanflow::protocol {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string file(const std::string& name) {
  const auto text = read_file(SCANFLOW_SOURCE_DIR "/sidecar/protocol/" + name, 1 << 20);
  if (!text) throw std::runtime_error(text.error().message);
  return *text;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string to_hex(const std::vector<std::uint8_t>& bytes) {
  std::string hex;
  for (const std::uint8_t byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

/// What the bytes mean, as vectors.json says it; bytes that are no text are {"bytes": HEX}.
json meaning(const std::string& bytes) {
  const std::function<json(const json&)> said = [&](const json& value) -> json {
    if (value.is_binary()) return {{"bytes", to_hex(value.get_binary())}};
    if (!value.is_array()) return value;
    json list = json::array();
    for (const json& each : value) list.push_back(said(each));
    return list;
  };
  return said(json::from_msgpack(bytes));
}

const json& vectors() {
  static const json all = json::parse(file("vectors.json"));
  return all;
}

std::string encoded_again(const std::string& bytes) {
  const auto message = decode(bytes);
  EXPECT_TRUE(message && *message) << (message ? "of an unknown type" : message.error().message);
  std::string again;
  if (message && *message) encode(**message, again);
  return again;
}

TEST(Vectors, AreReadAndWrittenToTheByte) {
  for (const json& vector : vectors().at("accept")) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const std::string bytes = from_hex(vector.at("hex"));
    EXPECT_EQ(meaning(bytes), vector.at("message")) << "the vector contradicts itself";
    EXPECT_EQ(encoded_again(bytes), bytes);
  }
}

TEST(Vectors, OtherFormsMeanTheSame) {
  for (const json& vector : vectors().at("accept_as")) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    EXPECT_EQ(meaning(encoded_again(from_hex(vector.at("hex")))), vector.at("as"));
  }
}

TEST(Vectors, WhatIsMalformedIsRefused) {
  for (const json& vector : vectors().at("refuse")) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const auto message = decode(from_hex(vector.at("hex")));
    ASSERT_FALSE(message);
    EXPECT_THAT(message.error().message, HasSubstr(vector.at("error").get<std::string>()));
  }
}

/// "| 21 | Credit | samples |" of the README, for each type.
template <std::size_t... I>
std::vector<std::string> rows(std::index_sequence<I...>) {
  std::vector<std::string> all;
  const auto add = [&](std::size_t type, std::size_t count) {
    all.push_back("| " + std::to_string(type) + " | " + kTypeNames[type] + " | " +
                  std::to_string(count) + " fields");
  };
  const auto count = [](auto body) { return std::tuple_size_v<decltype(fields(body))>; };
  (add(I, count(std::variant_alternative_t<I, Body>())), ...);
  return all;
}

TEST(Vectors, TheReadmeNamesEachTypeAndAllItsFields) {
  std::vector<std::string> table;
  std::istringstream text(file("README.md"));
  for (std::string line; std::getline(text, line);) {
    if (line.size() < 3 || line[0] != '|' || !std::isdigit(static_cast<unsigned char>(line[2])))
      continue;
    const std::size_t name = line.find("| ", 2), body = line.find(" | ", name + 2);
    const std::string listed = line.substr(body + 3, line.find(" |", body + 3) - body - 3);
    const std::size_t commas =
        static_cast<std::size_t>(std::count(listed.begin(), listed.end(), ','));
    table.push_back(line.substr(0, body + 3) + std::to_string(listed == "-" ? 0 : commas + 1) +
                    " fields");
  }
  EXPECT_EQ(table, rows(std::make_index_sequence<std::variant_size_v<Body>>()));
}

}  // namespace
}  // namespace scanflow::protocol
