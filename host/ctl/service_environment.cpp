#include "ctl/service_environment.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>

namespace payoutd::ctl {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

bool is_name(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
             std::string_view::npos;
}

// The part of systemd.exec(5)'s EnvironmentFile= that people write: NAME=value, quotes around it, comments.
void adopt_variables(const std::filesystem::path& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::string_view text = trimmed(line);
    const auto equals = text.find('=');
    if (text.starts_with('#') || text.starts_with(';') || equals == std::string_view::npos) continue;
    const std::string_view name = trimmed(text.substr(0, equals));
    std::string_view value = trimmed(text.substr(equals + 1));
    const bool is_quoted =
        value.size() >= 2 && value.front() == value.back() && (value.front() == '"' || value.front() == '\'');
    if (is_quoted) value = value.substr(1, value.size() - 2);
    if (is_name(name)) ::setenv(std::string(name).c_str(), std::string(value).c_str(), 0);
  }
}

}  // namespace

void adopt_service_environment(const std::filesystem::path& config, const ServiceFiles& files) {
  if (config.lexically_normal() != files.config) return;
  adopt_variables(files.variables);
  if (::access(files.credentials.c_str(), R_OK | X_OK) == 0)
    ::setenv("CREDENTIALS_DIRECTORY", files.credentials.c_str(), 0);
}

}  // namespace payoutd::ctl
