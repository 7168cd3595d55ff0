#include "engine/stop_file.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <system_error>
#include <vector>

#include "core/maintenance_window.hpp"
#include "core/text.hpp"

namespace payoutd::engine {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestText = 4096;

std::system_error failure(const std::string& what, const std::filesystem::path& path) {
  return {errno, std::generic_category(), what + " " + path.string()};
}

/// Who may have made it, as the kernel knows.
std::string owner_of(const struct stat& found) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* known = nullptr;
  ::getpwuid_r(found.st_uid, &entry, buffer.data(), buffer.size(), &known);
  return "operator:" +
         (known != nullptr ? std::string(known->pw_name) : "uid-" + std::to_string(found.st_uid));
}

std::string utc_of(const timespec& time) {
  const auto since = std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
  return core::utc_text(core::UtcTime{std::chrono::duration_cast<std::chrono::milliseconds>(since)});
}

/// A line for people, whatever somebody typed.
std::string one_line(std::string text) {
  if (!core::is_utf8(text)) return {};
  for (char& c : text)
    if (core::has_control_character({&c, 1})) c = ' ';
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// What the host wrote, or what somebody typed; the file's owner and time where it says nothing.
StopOrder order_in(const std::string& text, const struct stat& found) {
  StopOrder order{owner_of(found), utc_of(found.st_mtim), {}};
  boost::system::error_code not_json;
  const json::value value = json::parse(text, not_json);
  if (not_json || !value.is_object()) {
    order.note = one_line(text);
    return order;
  }
  const auto take = [&value](const char* name, std::string& into) {
    const auto* said = value.get_object().if_contains(name);
    if (said == nullptr || !said->is_string()) return;
    if (std::string line = one_line(std::string(said->get_string())); !line.empty()) into = std::move(line);
  };
  take("by", order.by);
  take("at", order.at);
  take("note", order.note);
  return order;
}

/// A descriptor that is closed.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags, mode_t mode = 0)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (number_ < 0) throw failure("cannot open", path);
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

void sync_directory_of(const std::filesystem::path& path) {
  const Descriptor directory(path.parent_path(), O_RDONLY | O_DIRECTORY);
  if (::fsync(directory.number()) != 0) throw failure("cannot sync the folder of", path);
}

}  // namespace

StopFile::StopFile(std::filesystem::path path) : path_(std::move(path)) {
  look();
}

bool StopFile::take(std::optional<Version> version, std::optional<StopOrder> order) {
  const bool changed = order != order_;
  version_ = version;
  order_ = std::move(order);
  return changed;
}

bool StopFile::look() {
  if (path_.empty()) return false;
  struct stat found{};
  if (::lstat(path_.c_str(), &found) != 0) {
    if (errno == ENOENT) return take(std::nullopt, std::nullopt);
    const std::string why = std::generic_category().message(errno);
    return take(std::nullopt, StopOrder{"host", {}, "the file cannot be looked at: " + why});
  }
  const Version version{found.st_ino, found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec,
                        found.st_size};
  if (version_ == version) return false;
  std::string text;
  // A pipe or a device would block or never end.
  if (S_ISREG(found.st_mode)) {
    std::ifstream in(path_, std::ios::binary);
    text.resize(kLongestText);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
  }
  return take(version, order_in(text, found));
}

// Aside and by rename: a crash in between leaves no half of it, and the one before stays in force until then.
void StopFile::write(const StopOrder& order) {
  if (path_.empty()) return;
  const std::string text =
      json::serialize(json::object{{"by", order.by}, {"at", order.at}, {"note", order.note}}) + "\n";
  const std::filesystem::path aside = path_.string() + ".new";
  {
    const Descriptor file(aside, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    if (::write(file.number(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      throw failure("cannot write", aside);
    if (::fsync(file.number()) != 0) throw failure("cannot write", aside);
  }
  if (::rename(aside.c_str(), path_.c_str()) != 0) throw failure("cannot make", path_);
  sync_directory_of(path_);
  look();
}

void StopFile::remove() {
  if (path_.empty()) return;
  if (::remove(path_.c_str()) != 0 && errno != ENOENT) throw failure("cannot remove", path_);
  sync_directory_of(path_);
  look();
}

}  // namespace payoutd::engine
