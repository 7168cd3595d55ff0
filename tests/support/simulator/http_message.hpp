#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace simulator {

/// A request as a service sees it. Valid only during the call that receives it.
class Request {
 public:
  virtual ~Request() = default;

  std::string_view method;
  std::string_view path;   // without the query
  std::string_view query;  // without the question mark
  std::string_view body;

  /// Empty when the field is absent; names compare without case.
  virtual std::string_view header(std::string_view name) const = 0;
  virtual bool has_header(std::string_view name) const = 0;

  /// The percent-decoded value of a query parameter.
  std::optional<std::string> parameter(std::string_view name) const;
};

/// How the bytes of an answer travel.
enum class Delivery {
  kNormal,
  kHang,      // nothing is sent; the connection stays open until the client leaves
  kCut,       // nothing is sent; the connection is closed
  kDrip,      // a byte every `drip_every`
  kTruncate,  // the head announces more than is sent, then the connection is closed
};

struct Answer {
  unsigned status = 200;
  std::string body;
  std::string_view content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  Delivery delivery = Delivery::kNormal;
  std::chrono::milliseconds delay{0};  // before the first byte, or before the cut
  std::chrono::milliseconds drip_every{0};
  bool reset = false;  // a cut sends RST instead of FIN
  /// When set, it is the body, sent in chunks: appends the next piece, returns false after the last one.
  std::function<bool(std::string& chunk)> source;
};

Answer json_answer(unsigned status, std::string body);

/// The head and, unless it is streamed, the body of an answer as bytes. A truncated one announces more than
/// it has.
std::string serialize_answer(const Answer& answer, bool keep_alive);

/// What a listening socket serves. One thread; a call must not block.
class Service {
 public:
  virtual ~Service() = default;
  virtual Answer handle(const Request& request) = 0;
  /// Asked for each new connection: true resets it before a byte is read.
  virtual bool resets_connection() { return false; }
};

}  // namespace simulator
