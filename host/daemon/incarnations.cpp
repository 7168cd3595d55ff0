#include "daemon/incarnations.hpp"

#include <fstream>
#include <stdexcept>

#include "core/ids.hpp"

namespace payoutd::daemon {

Incarnations::Incarnations(const std::filesystem::path& state_dir, const std::string& own)
    : file_(state_dir / "incarnations"), own_(own) {
  std::ifstream in(file_);
  for (std::string line; std::getline(in, line);) {
    if (core::is_uuid(line) && line != own) predecessors_.push_back(line);
  }
  std::vector<std::string> all = predecessors_;
  all.push_back(own_);
  write(all);
}

void Incarnations::forget_predecessors() {
  write({own_});
  predecessors_.clear();
}

void Incarnations::write(const std::vector<std::string>& all) const {
  const std::filesystem::path aside = file_.string() + ".new";
  {
    std::ofstream out(aside, std::ios::trunc);
    for (const std::string& one : all) out << one << '\n';
    if (!out.flush()) throw std::runtime_error("cannot write " + aside.string());
  }
  std::filesystem::rename(aside, file_);
}

}  // namespace payoutd::daemon
