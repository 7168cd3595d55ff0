#pragma once
#include <fstream>
#include <sstream>

#include "ctl/context.hpp"
#include "policy/script_files.hpp"
#include "running_server.hpp"

namespace payoutd::test {

/// payoutctl against the real server before a FakeHost.
struct Terminal {
  explicit Terminal(std::string socket) : context{.socket = std::move(socket), .out = out, .err = err} {
    ctl::interrupted() = false;
  }
  boost::json::value json() const { return boost::json::parse(out.str()); }

  std::ostringstream out;
  std::ostringstream err;
  ctl::Context context;
};

/// A directory of scripts that goes with the test.
struct ScriptFolder {
  explicit ScriptFolder(const policy::ScriptFiles& files) {
    for (const auto& [path, text] : files.files) {
      std::filesystem::create_directories((folder.path / path).parent_path());
      std::ofstream(folder.path / path, std::ios::binary) << text;
    }
  }
  std::string path() const { return folder.path.string(); }
  TemporaryFolder folder;
};

}  // namespace payoutd::test
