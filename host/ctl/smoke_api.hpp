#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ctl/client.hpp"

namespace payoutd::ctl {

/// The API as a client on another machine sees it: by URL, with a token or without. Blocking, for one thread.
class SmokeApi {
 public:
  struct Where {
    std::string base_url;
    std::string ca_file;
    std::string control_socket;  ///< for what operators do where there is no token; empty: there is none
    std::chrono::milliseconds timeout{10'000};
  };
  explicit SmokeApi(Where where);
  ~SmokeApi();
  SmokeApi(const SmokeApi&) = delete;
  SmokeApi& operator=(const SmokeApi&) = delete;

  using Headers = std::map<std::string, std::string>;
  /// Throws HostUnreachable if no answer comes.
  Answer send(const std::string& method, const std::string& path, const std::string& body = {},
              const Headers& headers = {});
  /// The same without the token, as strangers and providers come.
  Answer send_without_token(const std::string& method, const std::string& path, const std::string& body,
                            const Headers& headers);
  /// What operators do: with the token, or over the control socket where there is none.
  Answer operate(const std::string& method, const std::string& path, const boost::json::object& body = {});

  void use_token(std::string token) { token_ = std::move(token); }
  bool has_token() const { return !token_.empty(); }
  const std::string& base_url() const { return where_.base_url; }

 private:
  struct Wire;
  Where where_;
  std::string token_;
  std::unique_ptr<Wire> wire_;
};

}  // namespace payoutd::ctl
