#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <payoutd/provider.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace payoutd::conformance {

/// A transcript cannot be used; what() names file, place and reason.
class TranscriptError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the variables of a transcript stand for while one payment is played. A number is marked as one
/// (exact_json.hpp).
using Binding = std::map<std::string, std::string, std::less<>>;
using Headers = std::vector<std::pair<std::string, std::string>>;

/// An answer as it goes over the wire.
struct WireAnswer {
  int status = 200;
  std::string content_type;
  Headers headers;
  std::string body;
};

/// An answer with variables in it. A JSON body is serialised, a string is sent as it is, null is no body.
struct AnswerTemplate {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers;
  boost::json::value body;

  WireAnswer render(const Binding& binding) const;
  bool mentions(std::string_view variable) const;
};

/// A request as the scripted server received it.
struct ReceivedRequest {
  std::string method;
  std::string target;  ///< path and query
  Headers headers;
  std::string body;
};

/// What a request must look like. The path is compared without the query unless it names one itself; headers
/// by equality; a JSON body is a subset (objects by the keys given, else equality, a number equals the same
/// digits as text), a string must be contained.
struct RequestPattern {
  std::string method;
  std::string path;
  Headers headers;
  boost::json::value body;

  /// Why the request is another one, as half a sentence; empty if it matches.
  std::string difference(const ReceivedRequest& request, const Binding& binding) const;
  bool mentions(std::string_view variable) const;
};

struct Exchange {
  std::string name;
  bool moves_money = false;
  RequestPattern request;
  AnswerTemplate response;
  std::optional<AnswerTemplate> repeat;  ///< when it was processed before for this payment
  std::optional<AnswerTemplate> unpaid;  ///< while the payment is not paid
  std::optional<AnswerTemplate> spent;   ///< when the payment failed and its reference is used up
  std::string after;                     ///< the exchange that must have been processed …
  std::optional<AnswerTemplate> before;  ///< … or else this is the answer
};

struct CallbackTemplate {
  std::string method = "POST";
  Headers headers;
  boost::json::value body;
};

/// One recorded good life of one payment.
struct Transcript {
  /// What a variable of the transcript's own stands for.
  struct Values {
    std::string first;  ///< in the payment of `order`
    std::string next;   ///< in the next payout
  };

  std::filesystem::path file;
  std::string title;
  boost::json::object settings;  ///< may hold `${server}`
  boost::json::object secrets;   ///< name → [value]
  std::map<std::string, Values> values;
  Order order;
  std::vector<Exchange> exchanges;
  std::optional<CallbackTemplate> webhook;
  std::optional<CallbackTemplate> forged_webhook;

  const Exchange* find(std::string_view name) const;
  const Exchange* money_moving() const;
};

/// The variables that every transcript may use; `server` is the scripted server's address.
Binding binding_of(const Order& order, const std::string& server);
/// … and the transcript's own: another payout than its `order` is the next one.
Binding binding_of(const Transcript& transcript, const Order& order, const std::string& server);
std::string expand(std::string_view text, const Binding& binding);
boost::json::value expand_json(const boost::json::value& value, const Binding& binding);

/// Throws TranscriptError.
Transcript read_transcript(const std::filesystem::path& file);
Transcript parse_transcript(std::string_view text, const std::filesystem::path& file);
/// All `*.json` of the folder, by name. Throws TranscriptError, also when there is none.
std::vector<Transcript> read_transcripts(const std::filesystem::path& folder);

}  // namespace payoutd::conformance
