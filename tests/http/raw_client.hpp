#pragma once
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace payoutd::test {

struct RawResponse {
  int status = 0;                              ///< 0: the connection ended without an answer
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  bool cut = false;                             ///< a chunked body ended without its last chunk
  std::map<std::string, std::string> trailers;  ///< behind a chunked body, names in lower case

  boost::json::value json() const;
  /// `error.code`, or empty.
  std::string code() const;
};

/// A client that sends whatever bytes a test wants to a host, or to its server alone. Each answer is held
/// against the API's document; one that the document does not describe is thrown as ContractBroken.
class RawClient {
 public:
  static RawClient tcp(std::uint16_t port, const std::string& address = "127.0.0.1");
  /// Of the listener for monitoring, which has a few of the document's operations and answers 404 to the
  /// rest.
  static RawClient monitoring(std::uint16_t port, const std::string& address = "127.0.0.1");
  static RawClient unix_socket(const std::string& path);
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;

  void send(std::string_view bytes);
  /// The next response; `head_only` for answers to HEAD.
  RawResponse receive(bool head_only = false);
  /// True if something of an answer is there within the limit.
  bool begins(std::chrono::milliseconds limit = std::chrono::seconds(10));
  /// True if the other side closed within the limit, without sending anything more.
  bool closed(std::chrono::milliseconds limit = std::chrono::seconds(5));

 private:
  RawClient(int descriptor, bool control) : descriptor_(descriptor), control_(control) {}
  void compare_with_document(const RawResponse& response);
  bool fill(std::chrono::milliseconds limit);
  bool read_chunks(RawResponse& response);

  int descriptor_ = -1;
  bool control_ = false;
  bool monitoring_ = false;
  std::string pending_;
  std::string unanswered_;  ///< bytes of requests that were sent
};

/// A well-formed request.
std::string request(std::string_view method, std::string_view target, std::string_view body = {},
                    const std::map<std::string, std::string>& headers = {});

}  // namespace payoutd::test
