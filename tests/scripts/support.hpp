#pragma once
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "policy/bundle.hpp"

inline std::filesystem::path source_folder() {
  return PAYOUTD_SOURCE_DIR;
}

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot be read: " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The files of scripts/.
inline payoutd::policy::ScriptFiles shipped_files() {
  return payoutd::policy::read_scripts(source_folder() / "scripts");
}

/// Builds, and says what is wrong; empty: nothing.
inline std::string problems_of(const payoutd::policy::ScriptFiles& files) {
  try {
    payoutd::policy::Bundle::build(files);
    return {};
  } catch (const payoutd::policy::ScriptError& error) {
    return error.what();
  }
}

/// A folder of its own for one test, removed at its end.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/payoutd-scripts-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("no temporary folder");
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }

  std::filesystem::path path;
};
