#pragma once
/// The node's RPC as calls: one POST each, decoded. Questions go to the node that answered last and, if that
/// has nothing usable to say, to the next one; what moves money goes to one node, once.
#include <payoutd/services.hpp>

#include "config.hpp"
#include "wire.hpp"

namespace banano {

using payoutd::Awaitable;

/// The node, the network or an account is not as a payment needs it; the message is for the operator.
class BananoFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Used from one thread; lives as long as its provider.
class NodeClient {
 public:
  NodeClient(payoutd::Services services, const Config& config);

  std::size_t node_count() const noexcept { return config_.node_urls.size(); }

  /// Asks until a node has a usable answer: fields or an error of its own. Throws BananoFailure if none has.
  Awaitable<Answer> ask(std::string request);
  /// Asks this node only; no answer is Answer::Kind::unusable.
  Awaitable<Answer> ask_at(std::size_t node, std::string request);

  /// Work for this root that meets the threshold, verified here. Throws BananoFailure.
  Awaitable<std::uint64_t> generate_work(Bytes32 root);

  /// What can be received, under whichever name this node knows the question. Throws BananoFailure.
  Awaitable<std::vector<Receivable>> receivable(std::string account);

  /// The one request of a submit. Throws payoutd::HttpFailure; the next submit then goes to another node.
  Awaitable<payoutd::HttpResponse> publish(std::string request);
  /// As publish, always to the first node: only that one knows its ids.
  Awaitable<payoutd::HttpResponse> send_from_wallet(std::string request);

 private:
  payoutd::HttpRequest post(const std::string& url, std::string request) const;
  Awaitable<Answer> ask_url(std::string url, std::string request,
                            std::optional<std::chrono::milliseconds> timeout);

  payoutd::Services services_;
  const Config& config_;
  std::size_t preferred_ = 0;
  std::string receivable_action_;
};

}  // namespace banano
