#include "ops/secrets.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "ops/redact.hpp"

namespace payoutd::ops {
namespace {

constexpr std::size_t kLargestSecret = 64 * 1024;
constexpr std::size_t kShortestInstanceKey = 32;
constexpr std::size_t kInstanceKeyBytes = 32;
// LoadCredential=payoutd:FOLDER makes a credential payoutd_NAME of each file.
const std::string kLoadedFolder = "payoutd_";

std::string error_text(int error) {
  return std::generic_category().message(error);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Result<std::string> read_whole(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return Problem{"", "file " + path.string() + " cannot be opened: " + error_text(errno)};
  std::string content(kLargestSecret + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const auto got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Problem{"", "file " + path.string() + " cannot be read: " + error_text(errno)};
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kLargestSecret) return Problem{"", "file " + path.string() + " is larger than 64 KiB"};
  content.resize(size);
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  if (content.empty()) return Problem{"", "file " + path.string() + " is empty"};
  return content;
}

Result<std::string> read_variable(const std::string& name, const SecretSource& source) {
  auto value = source.environment(name);
  if (!value) return Problem{"", "environment variable " + name + " is not set"};
  if (value->empty()) return Problem{"", "environment variable " + name + " is empty"};
  return *std::move(value);
}

Result<std::string> read_credential(const std::string& name, const SecretSource& source) {
  if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.'))
    return Problem{"", "credential names have no slash and no leading dot"};
  const auto directory = source.environment("CREDENTIALS_DIRECTORY");
  if (!directory || directory->empty())
    return Problem{"", "credential " + name +
                           " cannot be read: CREDENTIALS_DIRECTORY is not set (LoadCredential= of the unit)"};
  const std::filesystem::path folder(*directory);
  std::error_code ignored;
  for (const std::string& file : {name, kLoadedFolder + name})
    if (std::filesystem::exists(folder / file, ignored)) return read_whole(folder / file);
  return read_whole(folder / name);
}

Result<std::string> read_reference(const SecretReference& reference, const SecretSource& source) {
  switch (reference.kind) {
    case SecretReference::Kind::environment:
      return read_variable(reference.name, source);
    case SecretReference::Kind::file:
      return read_whole(source.folder / reference.name);
    case SecretReference::Kind::credential:
      return read_credential(reference.name, source);
    case SecretReference::Kind::plain:
      break;
  }
  if (!source.accept_plain)
    return Problem{
        "",
        "is a secret and may be written in plain in dev only: use ${NAME}, file:/path or credential:NAME"};
  if (reference.name.empty()) return Problem{"", "is empty"};
  return reference.name;
}

std::string random_hex() {
  std::array<unsigned char, kInstanceKeyBytes> bytes{};
  if (::getentropy(bytes.data(), bytes.size()) != 0)
    throw std::system_error(errno, std::generic_category(), "no random bytes for the instance key");
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) text.append({kHex[byte >> 4], kHex[byte & 15]});
  return text;
}

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw std::system_error(errno, std::generic_category(), "instance key " + path.string() + ": " + what);
}

/// Complete or absent, also after a power failure: written aside, synced, then linked to its name. If another
/// process was first, its key stands.
void create_instance_key(const std::filesystem::path& path) {
  auto aside = path.string() + ".XXXXXX";
  const Descriptor file(::mkostemp(aside.data(), O_CLOEXEC));  // mode 0600
  if (!file.valid()) fail(path, "cannot be created");
  const auto content = random_hex() + "\n";
  const bool is_written =
      ::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
      ::fsync(file.get()) == 0;
  const bool is_linked = is_written && (::link(aside.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int error = errno;
  ::unlink(aside.c_str());
  errno = error;
  if (!is_linked) fail(path, "cannot be written");
  const Descriptor directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) fail(path, "cannot be synced");
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value =
      ::getenv(name.c_str());  // read at start and at reload, by the one thread that may set it
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

ReadEnvironment with_credentials(ReadEnvironment environment) {
  return [environment = std::move(environment)](const std::string& name) -> std::optional<std::string> {
    auto value = environment(name);
    if ((value && !value->empty()) || name == "CREDENTIALS_DIRECTORY" ||
        !environment("CREDENTIALS_DIRECTORY"))
      return value;
    std::string credential = name;
    for (char& c : credential) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    auto read = read_credential(credential, {{}, environment, false});
    if (!read) return value;
    return *std::move(read);
  };
}

SecretReference SecretReference::parse(std::string_view written) {
  const auto rest = [&](std::string_view scheme) { return std::string(written.substr(scheme.size())); };
  if (written.starts_with("${") && written.ends_with('}'))
    return {Kind::environment, std::string(written.substr(2, written.size() - 3))};
  if (written.starts_with("env:")) return {Kind::environment, rest("env:")};
  if (written.starts_with("file:")) return {Kind::file, rest("file:")};
  if (written.starts_with("credential:")) return {Kind::credential, rest("credential:")};
  return {Kind::plain, std::string(written)};
}

Result<Secret> read_secret(std::string_view written, const SecretSource& source) {
  auto text = read_reference(SecretReference::parse(written), source);
  if (!text) return text.error();
  Secret secret(*std::move(text));
  redactor().add_secret(secret);
  return secret;
}

Secret load_or_create_instance_key(const std::filesystem::path& state_dir) {
  const auto path = state_dir / "instance.key";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) create_instance_key(path);
  auto content = read_whole(path);
  if (!content) throw std::runtime_error("instance key: " + content.error().reason);
  if (content->size() < kShortestInstanceKey)
    throw std::runtime_error("instance key " + path.string() + " is shorter than 32 characters");
  Secret key(*std::move(content));
  redactor().add_secret(key);
  return key;
}

}  // namespace payoutd::ops
