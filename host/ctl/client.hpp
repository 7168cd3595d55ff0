#pragma once
#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ctl/exit_code.hpp"

namespace payoutd::ctl {

struct Answer {
  int status = 0;
  boost::json::value body;
  std::map<std::string, std::string> headers;  ///< names in lower case

  bool ok() const { return status >= 200 && status < 300; }
  /// Of an error answer, else empty.
  std::string code() const;
  std::string message() const;
};

/// No host answers on the control socket, or it went away in the middle.
class HostUnreachable : public CommandFailed {
 public:
  explicit HostUnreachable(const std::string& message) : CommandFailed(ExitCode::unreachable, message) {}
};

/// Speaks HTTP to a host over its control socket, blocking, over one connection that is made when it is
/// needed and made again when the host closed it. For one thread.
class Client {
 public:
  explicit Client(std::string socket_path, std::chrono::milliseconds timeout = std::chrono::seconds(60));
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) = delete;

  /// Throws HostUnreachable. A request that may have arrived is not sent a second time, unless it is a GET.
  Answer send(std::string_view method, std::string_view target, std::string_view body = {},
              std::string_view content_type = "application/json");
  /// The answer's body, or CommandFailed with what the host says.
  boost::json::value get(std::string_view target);
  boost::json::value post(std::string_view target, const boost::json::value& body);

  /// GETs a body of any length and hands it on in parts. Throws CommandFailed for an answer that is an error,
  /// and HostUnreachable if the body was cut before its end. Returns the headers, with those behind the body.
  std::map<std::string, std::string> download(std::string_view target,
                                              const std::function<void(std::string_view part)>& take);

  const std::string& socket_path() const { return path_; }

 private:
  struct Connection;
  void connect();
  Answer exchange(std::string_view request, bool head_only);

  std::string path_;
  std::chrono::milliseconds timeout_;
  std::unique_ptr<Connection> connection_;
};

/// Throws the CommandFailed that fits an error answer.
[[noreturn]] void fail(const Answer& answer);

std::string percent_encoded(std::string_view text);

}  // namespace payoutd::ctl
