#include "sidecar/protocol/codec.hpp"

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <limits>
#include <msgpack.hpp>
#include <type_traits>

#include "sidecar/protocol/fields.hpp"

namespace scanflow::protocol {
namespace {

/// What msgpack's packer writes to.
struct Appender {
  std::string& out;
  void write(const char* data, std::size_t size) { out.append(data, size); }
};
using Packer = msgpack::packer<Appender>;

/// Thrown inside decode only: says which element is not what it should be.
struct Malformed {
  std::string what;
};

template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

// --- writing ---

template <class T>
void pack(Packer& packer, const T& value);

template <class T>
void pack(Packer& packer, const std::vector<T>& values) {
  packer.pack_array(static_cast<std::uint32_t>(values.size()));
  for (const T& value : values) pack(packer, value);
}

void pack(Packer& packer, const std::string& text) {
  packer.pack_str(static_cast<std::uint32_t>(text.size()));
  packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

void pack(Packer& packer, const Bytes& bytes) {
  packer.pack_bin(static_cast<std::uint32_t>(bytes.data.size()));
  packer.pack_bin_body(bytes.data.data(), static_cast<std::uint32_t>(bytes.data.size()));
}

void pack(Packer& packer, const std::map<std::string, std::string>& values) {
  packer.pack_map(static_cast<std::uint32_t>(values.size()));
  for (const auto& [key, value] : values) {
    pack(packer, key);
    pack(packer, value);
  }
}

template <class T>
void pack(Packer& packer, const T& value) {
  if constexpr (std::is_arithmetic_v<T>) {
    packer.pack(value);
  } else {
    // fields() names the members for reading and writing alike; nothing is changed here.
    const auto members = fields(const_cast<T&>(value));
    packer.pack_array(std::tuple_size_v<decltype(members)>);
    std::apply([&](const auto&... member) { (pack(packer, member), ...); }, members);
  }
}

// --- reading ---

using Object = msgpack::object;

template <Number T>
void read(const Object& object, T& value) {
  if (object.type == msgpack::type::POSITIVE_INTEGER) {
    if (object.via.u64 > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) {
      throw Malformed{"a number out of range"};
    }
    value = static_cast<T>(object.via.u64);
  } else if (object.type == msgpack::type::NEGATIVE_INTEGER && std::signed_integral<T>) {
    if (object.via.i64 < static_cast<std::int64_t>(std::numeric_limits<T>::min())) {
      throw Malformed{"a number out of range"};
    }
    value = static_cast<T>(object.via.i64);
  } else {
    throw Malformed{"not an integer of its kind"};
  }
}

void read(const Object& object, bool& value) {
  if (object.type != msgpack::type::BOOLEAN) throw Malformed{"not a boolean"};
  value = object.via.boolean;
}

void read(const Object& object, double& value) {
  switch (object.type) {
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      value = object.via.f64;
      break;
    case msgpack::type::POSITIVE_INTEGER:
      value = static_cast<double>(object.via.u64);
      break;
    case msgpack::type::NEGATIVE_INTEGER:
      value = static_cast<double>(object.via.i64);
      break;
    default:
      throw Malformed{"not a number"};
  }
}

void read(const Object& object, std::string& value) {
  if (object.type != msgpack::type::STR) throw Malformed{"not a string"};
  value.assign(object.via.str.ptr, object.via.str.size);
}

void read(const Object& object, Bytes& value) {
  if (object.type != msgpack::type::BIN) throw Malformed{"not bytes"};
  value.data.assign(object.via.bin.ptr, object.via.bin.size);
}

void read(const Object& object, std::map<std::string, std::string>& value) {
  if (object.type != msgpack::type::MAP) throw Malformed{"not a map"};
  value.clear();
  for (std::uint32_t i = 0; i < object.via.map.size; ++i) {
    std::string key;
    read(object.via.map.ptr[i].key, key);
    read(object.via.map.ptr[i].val, value[key]);
  }
}

template <class T>
requires std::is_class_v<T>
void read(const Object& object, T& value);

template <class T>
void read(const Object& object, std::vector<T>& values) {
  if (object.type != msgpack::type::ARRAY) throw Malformed{"not an array"};
  values.clear();
  values.reserve(object.via.array.size);
  for (std::uint32_t i = 0; i < object.via.array.size; ++i) {
    read(object.via.array.ptr[i], values.emplace_back());
  }
}

template <class Member>
void read_member(const Object& array, std::uint32_t index, Member& member) {
  if (index >= array.via.array.size) return;  // an older side: the default stays
  try {
    read(array.via.array.ptr[index], member);
  } catch (Malformed& malformed) {
    malformed.what = fmt::format("element {}: {}", index, malformed.what);
    throw;
  }
}

template <class T>
requires std::is_class_v<T>
void read(const Object& object, T& value) {
  if (object.type != msgpack::type::ARRAY) throw Malformed{"not an array"};
  auto members = fields(value);
  std::apply(
      [&](auto&... member) {
        [[maybe_unused]] std::uint32_t index = 0;
        (read_member(object, index++, member), ...);
      },
      members);
}

template <std::size_t... I>
void read_body(const Object& object, std::uint32_t type, Body& body, std::index_sequence<I...>) {
  ((type == I ? read(object, body.emplace<I>()) : void()), ...);
}

/// Calls `use` with the message's two elements; turns every way to be malformed into an error.
template <class Use>
auto parse(std::string_view bytes, Use use) -> decltype(use(Object{}, Object{})) {
  if (bytes.size() > kMaxMessageBytes) {
    return fail(fmt::format("a message of {} bytes is over the limit of {}", bytes.size(),
                            kMaxMessageBytes));
  }
  const msgpack::unpack_limit limit(kMaxElements, kMaxElements, kMaxMessageBytes, kMaxMessageBytes,
                                    0, kMaxDepth);
  try {
    std::size_t end = 0;
    const msgpack::object_handle handle =
        msgpack::unpack(bytes.data(), bytes.size(), end, nullptr, nullptr, limit);
    const Object& top = handle.get();
    if (end != bytes.size()) return fail("bytes follow the message");
    if (top.type != msgpack::type::ARRAY || top.via.array.size < 2) {
      return fail("a message must be an array of header and body");
    }
    return use(top.via.array.ptr[0], top.via.array.ptr[1]);
  } catch (const Malformed& malformed) {
    return fail("malformed message: " + malformed.what);
  } catch (const msgpack::size_overflow& error) {
    return fail(fmt::format("a message over the limits of depth {} or {} elements ({})", kMaxDepth,
                            kMaxElements, error.what()));
  } catch (const std::exception& error) {
    return fail(fmt::format("not a msgpack message: {}", error.what()));
  }
}

}  // namespace

void encode(const Message& message, std::string& out) {
  Appender appender{out};
  Packer packer(appender);
  packer.pack_array(2);
  Header header = message.header;
  header.type = static_cast<std::uint32_t>(message.body.index());
  pack(packer, header);
  std::visit([&](const auto& body) { pack(packer, body); }, message.body);
}

scanflow::Result<Header> decode_header(std::string_view bytes) {
  return parse(bytes, [](const Object& head, const Object&) -> scanflow::Result<Header> {
    Header header;
    read(head, header);
    return header;
  });
}

scanflow::Result<std::optional<Message>> decode(std::string_view bytes) {
  using Answer = scanflow::Result<std::optional<Message>>;
  return parse(bytes, [](const Object& head, const Object& rest) -> Answer {
    Message message;
    read(head, message.header);
    if (message.header.major != kMajor) {
      return fail(fmt::format("the other side speaks protocol version {}, this one {}",
                              message.header.major, kMajor));
    }
    if (message.header.type >= std::variant_size_v<Body>) return std::optional<Message>();
    try {
      read_body(rest, message.header.type, message.body,
                std::make_index_sequence<std::variant_size_v<Body>>());
    } catch (Malformed& malformed) {
      malformed.what = fmt::format("{}, {}", kTypeNames[message.header.type], malformed.what);
      throw;
    }
    return std::optional<Message>(std::move(message));
  });
}

}  // namespace scanflow::protocol
