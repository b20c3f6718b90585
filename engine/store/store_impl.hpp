// The inside of the store. Private to engine/store.
#pragma once

#include <functional>
#include <memory>

#include "engine/store/queries.hpp"
#include "engine/store/store.hpp"
#include "engine/store/writer.hpp"

namespace scanflow::store {

struct Store::Impl {
  explicit Impl(const std::filesystem::path& file);
  ~Impl();

  /// Blocks until what `task` wrote is committed. [any-thread]
  Result<void> write(Writer::Task task);
  /// A part of a longer work; false: it was the last one.
  using Piece = std::function<Result<bool>(Connection&)>;
  /// Takes pieces until there are no more, in transactions so short that other commits hardly wait.
  Result<void> write_in_pieces(const Piece& piece);

  // Its connection is closed last: so it copies the log into the database, and removes it.
  std::unique_ptr<Writer> writer;  // null: read-only
  ReaderPool readers;
};

}  // namespace scanflow::store
