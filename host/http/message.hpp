#pragma once
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/trace_context.hpp"
#include "core/used_token.hpp"
#include "identity/role.hpp"

namespace payoutd::http {

struct Route;

/// Who is on the other end of a connection.
struct Peer {
  bool control = false;  ///< the control socket: the kernel vouches for the actor
  /// `operator:NAME` on the control socket and for tokens of people (roles admin or approver), `client:NAME`
  /// for other tokens, `client:default` without a token, where none is asked for.
  std::string actor{};
  std::string client_id = "default";  ///< whose payouts the peer makes and sees
  identity::Roles roles{};
  bool authenticated = false;  ///< by a token
  core::UsedToken token{};     ///< that one
  bool monitor = false;        ///< it came to the listener for monitoring
  /// May see what says something about the host's inside: metrics, and why it is not ready.
  bool sees_inside = false;
  std::string address{};  ///< of a TCP connection's other end; what a proxy says is not in it
  /// The address that a trusted proxy asks for, else `address`; the gate's. For records only: nobody gets a
  /// right from it.
  std::string client_address{};

  bool sees_all_clients() const { return control || roles.has(identity::Role::admin); }
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// One request. The router fills in what stands below `peer`.
struct Request {
  std::string method{};
  std::string target{};  ///< as it was received; of a whole URL what follows its authority
  int version = 11;      ///< of HTTP: 10 or 11
  Pairs headers{};       ///< names in lower case, in order
  std::string body{};
  bool has_body = false;  ///< a body was announced, even an empty chunked one
  Peer peer{};
  std::string flow_id{};
  core::RequestTrace trace{};

  const Route* route = nullptr;
  Pairs query{};                                    ///< decoded
  std::map<std::string, std::string> parameters{};  ///< of the route's pattern, decoded

  /// The first header of this (lower case) name; empty if there is none.
  std::string_view header(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  /// The query parameter; empty if it is missing.
  std::string parameter(std::string_view name) const;
};

/// The one shape of all errors: `{"error": {"code", "message", "field"?, "problems"?, "flow_id"}}`. The code
/// is stable; the message is for people.
struct ErrorBody {
  std::string code;
  std::string message;
  std::string field;
  boost::json::array problems{};  ///< where a whole document is refused: what is wrong, and where in it
};

/// A body that is made while it is sent, part by part, so that it may be larger than memory.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  /// The next part; empty: that was all. Throws what keeps it from going on: the connection is cut then, so
  /// that nobody takes what came for the whole.
  virtual Awaitable<std::string> next() = 0;
  /// The names of the headers that follow the body, and after its end the headers.
  virtual std::string trailer_names() const { return {}; }
  virtual Pairs trailers() const { return {}; }
};

struct Response {
  int status = 200;
  Pairs headers;
  std::string content_type = "application/json";
  std::string body;
  std::shared_ptr<BodyStream> stream{};  ///< instead of `body`; for HTTP/1.1 only
  std::optional<ErrorBody> error;        ///< rendered instead of `body`, with the flow id
  bool close = false;                    ///< the connection ends with this response
};

Response answer(int status, const boost::json::value& json);
Response refuse(int status, std::string code, std::string message, std::string field = {});

boost::json::object error_json(const ErrorBody& error, std::string_view flow_id);
std::string_view reason_phrase(int status) noexcept;

/// The request's own id if it carries a well-formed one (`X-Request-Id`: 1 to 64 of letters, digits and ._:-;
/// or the trace id of a W3C `traceparent`), else a new one.
std::string flow_id_of(const Request& request);

/// What the request's W3C `traceparent` and `tracestate` say; nothing where they are malformed or stand
/// twice. If they say something, the request gets a span id of its own.
core::RequestTrace trace_of(const Request& request);

/// The request's `traceparent` with the request's own span id in place of its, for the answer; empty if it
/// carries none that is well-formed.
std::string traceparent_of_answer(const Request& request);

/// The trace that the request's lines in the log belong to: the caller's, or the flow's own.
std::string trace_id_of(const Request& request);

/// `text` in quotes, cut to 32 characters, with everything but printable ASCII replaced: safe in a message.
std::string in_quotes(std::string_view text);

}  // namespace payoutd::http
