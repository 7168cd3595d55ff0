#include "daemon/plugin_shelf.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

namespace payoutd::daemon {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kNameDigits = 16;

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in || !out) throw ShelfError("the plugin library " + file.string() + " cannot be read");
  return std::move(out).str();
}

std::string sha256(const std::string& bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
    throw ShelfError("SHA-256 is not available in this OpenSSL");
  std::string hex;
  for (const unsigned char byte : digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

// By rename, so that nobody ever sees, or has mapped, half of it.
void write_whole(const fs::path& file, const std::string& bytes) {
  const fs::path half = file.string() + "." + std::to_string(::getpid()) + ".new";
  std::ofstream out(half, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  std::error_code failed;
  if (out) fs::rename(half, file, failed);
  if (!out || failed) {
    std::error_code ignored;
    fs::remove(half, ignored);
    throw ShelfError("the file " + file.string() + " cannot be written" +
                     (failed ? ": " + failed.message() : std::string()));
  }
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

struct PluginShelf::Record {
  std::string installed;  // hash of the installed file when the record was written
  std::string current;    // names of copies
  std::string before;
};

fs::path PluginShelf::record_file(const fs::path& installed) const {
  return directory_ / (installed.stem().string() + ".json");
}

// A record that cannot be read is none: the installed file is then what counts.
PluginShelf::Record PluginShelf::read(const fs::path& installed) const {
  std::ifstream in(record_file(installed));
  std::ostringstream out;
  out << in.rdbuf();
  boost::system::error_code unreadable;
  const json::value value = json::parse(std::move(out).str(), unreadable);
  if (unreadable || !value.is_object()) return {};
  const json::object& object = value.get_object();
  return {text_of(object, "installed"), text_of(object, "current"), text_of(object, "before")};
}

fs::path PluginShelf::copy_of(const fs::path& library) const {
  const std::string bytes = contents(library);
  std::string stem = library.filename().string();
  stem = stem.substr(0, stem.find_first_of(".-"));  // libmomo, of libmomo.so and of libmomo-1.2.0.so
  const fs::path copy = directory_ / (stem + "-" + sha256(bytes).substr(0, kNameDigits) + ".so");
  std::error_code failed;
  if (fs::exists(copy, failed)) return copy;
  fs::create_directories(directory_, failed);
  write_whole(copy, bytes);
  return copy;
}

fs::path PluginShelf::wanted(const fs::path& installed) const {
  std::error_code failed;
  if (!fs::exists(installed, failed)) return installed;
  const Record record = read(installed);
  const fs::path current = directory_ / record.current;
  if (!record.current.empty() && fs::exists(current, failed) &&
      record.installed == sha256(contents(installed)))
    return current;
  return copy_of(installed);
}

void PluginShelf::put_in_service(const fs::path& installed, const fs::path& copy) const {
  Record record = read(installed);
  const std::string name = copy.filename().string();
  const std::string dropped =
      record.current != name ? std::exchange(record.before, record.current) : std::string();
  record.current = name;
  record.installed = sha256(contents(installed));
  json::object object{
      {"installed", record.installed}, {"current", record.current}, {"before", record.before}};
  write_whole(record_file(installed), json::serialize(object) + "\n");
  if (dropped.empty() || dropped == record.current || dropped == record.before) return;
  std::error_code ignored;
  fs::remove(directory_ / dropped, ignored);
}

std::optional<fs::path> PluginShelf::before(const fs::path& installed) const {
  const Record record = read(installed);
  const fs::path file = directory_ / record.before;
  std::error_code failed;
  if (record.before.empty() || !fs::exists(file, failed)) return std::nullopt;
  return file;
}

}  // namespace payoutd::daemon
