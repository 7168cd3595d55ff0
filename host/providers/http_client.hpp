#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <payoutd/http.hpp>
#include <payoutd/result.hpp>
#include <string>
#include <vector>

namespace payoutd::providers {

/// The `http:` section of a provider's configuration. Time-outs apply to one step each.
struct HttpOptions {
  std::string ca_file;                  ///< PEM; empty: the system's certificates
  std::string client_certificate_file;  ///< PEM; both or none
  std::string client_key_file;
  std::string proxy;  ///< `http://host:port`; empty: none
  std::chrono::milliseconds resolve_timeout{5'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds handshake_timeout{5'000};
  std::chrono::milliseconds write_timeout{10'000};
  std::chrono::milliseconds response_timeout{30'000};  ///< set from the contract
  /// No answer is awaited longer, whatever the contract and a request allow; 0: no limit. For tests of
  /// plugins.
  std::chrono::milliseconds response_limit{0};
  std::chrono::milliseconds idle_timeout{30'000};  ///< a kept connection is not used again after this
  std::chrono::milliseconds dns_cache_time{10'000};
  int max_connections = 256;  ///< to one origin; further requests wait for at most connect_timeout
  std::size_t max_body_bytes = 1u << 20;
  std::size_t max_header_bytes = 64u << 10;

  // Not of a configuration: for requests of the host itself.

  /// Says why nothing may be sent to an address; nothing: it may. Asked of every address that a name has,
  /// when it was looked up: one that is refused refuses the name, and connections go to the addresses that
  /// were asked about, whatever the name means a moment later.
  std::function<std::optional<std::string>(const boost::asio::ip::address&)> refuse_address = {};
  /// Any request may be sent once more if a kept connection turned out dead before any byte of its answer.
  bool repeats_are_harmless = false;

  /// Reads the configuration's object: names as above, durations as `5s`. Problems name `http.<option>`.
  static HttpOptions parse(const boost::json::object& values, std::vector<Problem>& problems);
};

/// `refuse_address` refused where a request was to go. Nothing was sent, and no connection was made.
class AddressRefused : public HttpFailure {
 public:
  explicit AddressRefused(std::string why) : HttpFailure(HttpStage::resolve, false, std::move(why)) {}
};

/// One finished request, for metrics. All texts come from closed sets.
struct HttpSample {
  std::string operation;  ///< of the host's call: `submit`, `query`, …; `background` outside a call
  std::string outcome;    ///< `2xx` … `5xx`, or the stage of the failure
  std::chrono::microseconds duration{};
};

/// The provider process's HTTP client. Redirects are answers. Kept-alive connections are looked at before
/// they are used again; a GET is tried once more on a new connection if a kept one died before any byte of
/// the answer. A money-moving request is never tried again, and goes over a fresh connection unless the
/// contract says that a repeat is harmless. Its connection resets on close until the answer is whole, and
/// gives up unacknowledged data after the response time-out, counted from its first byte, so that nothing is
/// delivered long after everybody stopped waiting for it.
///
/// Throws HttpFailure for everything but an answer; MoneyRuleBroken as CallContext says. At construction it
/// throws std::runtime_error if a certificate file cannot be read.
std::shared_ptr<HttpClient> make_http_client(boost::asio::any_io_executor executor, HttpOptions options,
                                             std::function<void(const HttpSample&)> on_sample);

/// For logs: user information and query dropped, runs of six or more digits masked but for the last two.
std::string redacted_url(std::string_view url);

}  // namespace payoutd::providers
