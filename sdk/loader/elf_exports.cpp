// exported_symbols: reads the dynamic symbol table of an ELF file (strip leaves it alone).
#include <elf.h>
#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

#include "sdk/base/files.hpp"
#include "sdk/loader/check.hpp"

namespace scanflow::loader {

namespace {

class Elf {
 public:
  explicit Elf(std::string bytes) : bytes_(std::move(bytes)), header_(at<Elf64_Ehdr>(0)) {
    if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0 ||
        header_.e_ident[EI_CLASS] != ELFCLASS64) {
      throw std::runtime_error("not a 64-bit ELF file");
    }
  }

  std::vector<std::string> exports() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < header_.e_shnum; ++i) {
      const auto section = at<Elf64_Shdr>(header_.e_shoff + i * header_.e_shentsize);
      if (section.sh_type != SHT_DYNSYM) continue;
      const auto strings =
          at<Elf64_Shdr>(header_.e_shoff + std::size_t{section.sh_link} * header_.e_shentsize);
      for (std::size_t j = 1; j < section.sh_size / sizeof(Elf64_Sym); ++j) {
        const auto symbol = at<Elf64_Sym>(section.sh_offset + j * sizeof(Elf64_Sym));
        if (is_exported(symbol)) names.push_back(text(strings.sh_offset + symbol.st_name));
      }
    }
    return names;
  }

 private:
  static bool is_exported(const Elf64_Sym& symbol) {
    return symbol.st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol.st_info) != STB_LOCAL &&
           ELF64_ST_VISIBILITY(symbol.st_other) != STV_HIDDEN && symbol.st_shndx != SHN_ABS;
  }

  template <class T>
  T at(std::size_t offset) const {
    T value;
    if (offset > bytes_.size() || sizeof(T) > bytes_.size() - offset) {
      throw std::runtime_error("truncated ELF file");
    }
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  std::string text(std::size_t offset) const {
    const auto end = bytes_.find('\0', offset);
    if (end == std::string::npos) throw std::runtime_error("truncated ELF file");
    return bytes_.substr(offset, end - offset);
  }

  std::string bytes_;
  Elf64_Ehdr header_;
};

}  // namespace

std::vector<std::string> exported_symbols(const std::filesystem::path& library) {
  auto bytes = read_file(library);
  if (!bytes) throw std::runtime_error(bytes.error().message);
  return Elf(std::move(*bytes)).exports();
}

}  // namespace scanflow::loader
