#include "protocol.hpp"

#include <cstdio>
#include <stdexcept>

namespace simulator {
namespace {

constexpr std::string_view kRedirected = "/redirected";
constexpr std::string_view kProxyPage =
    "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 "
    "Service "
    "Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
constexpr std::size_t kHugeChunk = 64U << 10U;

/// A request that came back through the `redirect` fault, seen at the path that was first asked for.
class RedirectedRequest final : public Request {
 public:
  explicit RedirectedRequest(const Request& original) : original_(original) {
    method = original.method;
    path = original.path.substr(kRedirected.size());
    query = original.query;
    body = original.body;
  }
  std::string_view header(std::string_view name) const override { return original_.header(name); }
  bool has_header(std::string_view name) const override { return original_.has_header(name); }

 private:
  const Request& original_;
};

Answer undelivered(Delivery delivery) {
  Answer answer;
  answer.delivery = delivery;
  return answer;
}

Answer redirect_to(const Request& request) {
  Answer answer;
  answer.status = 307;
  auto target = std::string{kRedirected}.append(request.path);
  if (!request.query.empty()) target.append("?").append(request.query);
  answer.headers.emplace_back("Location", "http://" + std::string{request.header("Host")} + target);
  return answer;
}

std::string junk(const Seed& seed, std::string_view about, std::uint64_t nth) {
  std::string bytes;
  const auto size = 32 + seed.draw("garbage size", about, nth) % 224;
  for (std::uint64_t at = 0; at < size; ++at) {
    bytes += static_cast<char>(seed.draw("garbage", about, nth * 1000 + at) & 0xffU);
  }
  bytes[0] = '\x7f';  // never by accident the beginning of JSON
  return bytes;
}

/// One string that never seems to end.
std::function<bool(std::string&)> huge_body(std::uint64_t bytes,
                                            std::pair<std::string_view, std::string_view> frame) {
  return [left = bytes, first = true, frame](std::string& chunk) mutable {
    if (first) chunk = frame.first;
    first = false;
    const auto size = std::min<std::uint64_t>(left, kHugeChunk);
    chunk.append(size, 'x');
    left -= size;
    if (left == 0) chunk.append(frame.second);
    return left > 0;
  };
}

std::string masked(std::string_view payee) {
  return payee.size() <= 4 ? std::string{payee} : "***" + std::string{payee.substr(payee.size() - 4)};
}

}  // namespace

Answer Protocol::handle(const Request& request) {
  if (request.path.starts_with(kRedirected) && request.path.size() > kRedirected.size()) {
    ++world_.stats.redirects_followed;
    return handle(RedirectedRequest{request});
  }
  auto call = read(request);
  Stats::count(world_.stats.requests, call.operation);
  Stats::count(world_.stats.requests_by_protocol[std::string{name()}], call.operation);
  std::optional<Fault> fault;
  if (!world_.faults.empty()) {
    fault =
        world_.faults.pick(FaultStage::kRequest, {name(), call.operation, call.payee, call.external_id,
                                                  call.reference, call.moves_money, call.known_reference});
  }
  if (fault) Stats::count(world_.stats.faults, to_text(fault->kind));
  auto answer = fault ? answer_under(*fault, request, call) : process(request, call);
  if (call.moves_money)
    answer.delay += within(world_.timing.transfer_latency, "transfer latency", call.reference);
  if (world_.log) log(call, fault, answer);
  return answer;
}

bool Protocol::resets_connection() {
  if (world_.faults.empty()) return false;
  const auto fault = world_.faults.pick(FaultStage::kConnection, {name(), "any", {}, {}, {}, false, false});
  if (fault) Stats::count(world_.stats.faults, to_text(fault->kind));
  return fault.has_value();
}

Answer Protocol::answer_under(const Fault& fault, const Request& request, Call& call) {
  if (auto instead = instead_of_processing(fault, request, call)) {
    instead->delay = fault.delay;
    instead->reset = fault.reset;
    if (call.moves_money && !call.scope.empty()) world_.ledger.note_request(call.scope, call.reference);
    return std::move(*instead);
  }
  if (fault.kind == FaultKind::kLostThenLate) call.hidden_for = fault.delay;
  auto answer = process(request, call);
  deform(fault, call, answer);
  return answer;
}

std::optional<Answer> Protocol::instead_of_processing(const Fault& fault, const Request& request,
                                                      const Call& call) {
  switch (fault.kind) {
    case FaultKind::kNeverAnswer:
      return undelivered(Delivery::kHang);
    case FaultKind::kCutBeforePaying:
      return undelivered(Delivery::kCut);
    case FaultKind::kAnswer500BeforePaying:
      return server_error(fault, call);
    case FaultKind::kAnswer503Html: {
      auto answer = json_answer(503, std::string{kProxyPage});
      answer.content_type = "text/html";
      return answer;
    }
    case FaultKind::kRedirect:
      return redirect_to(request);
    case FaultKind::kAnswer401:
      return unauthorized(call);
    case FaultKind::kAnswer403:
      return turned_away(403, call);
    case FaultKind::kAnswer429: {
      auto answer = turned_away(429, call);
      answer.headers.emplace_back("Retry-After", "1");
      return answer;
    }
    case FaultKind::kStatusFlap:
      return not_found(call);
    default:
      return std::nullopt;
  }
}

void Protocol::deform(const Fault& fault, const Call& call, Answer& answer) {
  switch (fault.kind) {
    case FaultKind::kLostThenLate:
    case FaultKind::kNeverAnswerAfterPaying:
      answer.delivery = Delivery::kHang;
      break;
    case FaultKind::kPayAndCut:
      answer.delivery = Delivery::kCut;
      answer.delay = fault.delay;
      answer.reset = fault.reset;
      break;
    case FaultKind::kAnswer500AfterPaying:
      answer = server_error(fault, call);
      answer.delay = fault.delay;
      break;
    case FaultKind::kSlow:
      answer.delay = fault.delay;
      break;
    case FaultKind::kSlowDrip:
      answer.delivery = Delivery::kDrip;
      answer.drip_every = fault.delay;
      break;
    case FaultKind::kGarbage:
      answer.body = junk(world_.seed, call.reference, fault.applied);
      break;
    case FaultKind::kTruncated:
      answer.delivery = Delivery::kTruncate;
      if (answer.body.size() > 1) answer.body.resize(answer.body.size() / 2);
      break;
    case FaultKind::kWrongTypes:
      if (answer.status < 300) answer.body = wrong_types(call);
      break;
    case FaultKind::kHugeBody:
      answer.source = huge_body(fault.body_bytes, huge_body_frame());
      break;
    default:
      break;
  }
}

// ---- what not every protocol has

bool Protocol::reverse(Entry&) {
  throw std::invalid_argument("protocol: " + std::string{name()} + " brings no money back");
}

std::uint64_t Protocol::expire(std::string_view) {
  throw std::invalid_argument("protocol: " + std::string{name()} + " has nothing that expires");
}

void Protocol::set_balance(std::string_view, const std::optional<std::string>&) {
  throw std::invalid_argument("protocol: " + std::string{name()} + " has no balance that can be set");
}

boost::json::object Protocol::balances() const {
  throw std::invalid_argument("protocol: " + std::string{name()} + " has no balances");
}

void Protocol::set_behaviour(std::string, std::string_view) {
  throw std::invalid_argument("protocol: the payees of " + std::string{name()} + " have no behaviours");
}

void Protocol::set_callback_url(std::string) {
  throw std::invalid_argument("protocol: " + std::string{name()} + " has no callback address of its own");
}

Answer Protocol::turned_away(unsigned status, const Call&) {
  const std::string_view message = status == 403 ? "Forbidden: this IP address is not allowed."
                                                 : "Rate limit is exceeded. Try again in 1 seconds.";
  return json_answer(
      status, boost::json::serialize(boost::json::object{{"statusCode", status}, {"message", message}}));
}

std::pair<std::string_view, std::string_view> Protocol::huge_body_frame() const {
  return {R"({"padding":")", "\"}"};
}

// ---- callbacks

void Protocol::call_back(const Faults::Subject& subject, Callback callback, std::string stale_body) {
  std::optional<Fault> fault;
  if (!world_.faults.empty()) fault = world_.faults.pick(FaultStage::kCallback, subject);
  if (!fault) {
    world_.callbacks.send(std::move(callback));
    return;
  }
  Stats::count(world_.stats.faults, to_text(fault->kind));
  if (fault->kind == FaultKind::kNoCallback) return;
  if (fault->kind == FaultKind::kDelayedCallback) {
    send_later(fault->delay, std::move(callback));
    return;
  }
  world_.callbacks.send(callback);
  if (fault->kind == FaultKind::kOutOfOrderCallback) callback.body = std::move(stale_body);
  send_later(fault->delay, std::move(callback));
}

void Protocol::send_later(std::chrono::milliseconds delay, Callback callback) {
  if (delay.count() == 0) {
    world_.callbacks.send(std::move(callback));
    return;
  }
  world_.schedule.after(delay, [this, callback = std::move(callback)]() mutable {
    world_.callbacks.send(std::move(callback));
  });
}

std::chrono::milliseconds Protocol::within(Timing::Range range, std::string_view purpose,
                                           std::string_view about) const {
  const auto width = range.to - range.from;
  if (width.count() <= 0) return range.from;
  const auto draw = world_.seed.draw(purpose, about) % (static_cast<std::uint64_t>(width.count()) + 1);
  return range.from + std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(draw)};
}

void Protocol::log(const Call& call, const std::optional<Fault>& fault, const Answer& answer) const {
  const boost::json::object line{{"at", to_text(now())},
                                 {"protocol", name()},
                                 {"operation", call.operation},
                                 {"reference", call.reference},
                                 {"external_id", call.external_id},
                                 {"payee", masked(call.payee)},
                                 {"fault", fault ? to_text(fault->kind) : std::string_view{}},
                                 {"status", answer.status}};
  std::fprintf(stderr, "%s\n", boost::json::serialize(line).c_str());
}

}  // namespace simulator
