#include "conformance/scripted_server.hpp"

#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <list>

#include "providers/event.hpp"

namespace payoutd::conformance {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Kind = Fault::Kind;

constexpr std::size_t kMaxRequestBytes = 4u << 20;
constexpr std::chrono::milliseconds kDripPause{60};
constexpr std::chrono::milliseconds kPairMoment{400};
constexpr std::chrono::steady_clock::time_point kNever = std::chrono::steady_clock::time_point::max();

/// What the provider knows of one reference.
struct Entry {
  std::string payout_id;
  int times_paid = 0;
  bool spent = false;
  std::set<std::string> processed;  ///< names of exchanges
};

/// The address of a port that stays ours while nobody listens on it.
class ReservedPort {
 public:
  explicit ReservedPort(const asio::any_io_executor& executor) : socket_(executor) {
    socket_.open(tcp::v4());
    socket_.set_option(tcp::acceptor::reuse_address(true));
    socket_.bind({asio::ip::address_v4::loopback(), 0});
    endpoint_ = socket_.local_endpoint();
  }
  const tcp::endpoint& endpoint() const { return endpoint_; }

 private:
  tcp::socket socket_;
  tcp::endpoint endpoint_;
};

std::string render(const WireAnswer& answer, bool keep_alive) {
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " Scripted\r\n";
  for (const auto& [name, value] : answer.headers)
    text.append(name).append(": ").append(value).append("\r\n");
  if (!answer.body.empty() && !answer.content_type.empty())
    text += "Content-Type: " + answer.content_type + "\r\n";
  text += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  if (!keep_alive) text += "Connection: close\r\n";
  return text + "\r\n" + answer.body;
}

bool same_name(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return std::tolower(static_cast<unsigned char>(x)) == y; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The head of a request, without its last empty line.
ReceivedRequest parse_head(std::string_view head) {
  ReceivedRequest request;
  const auto first = head.substr(0, head.find("\r\n"));
  const auto space = first.find(' ');
  request.method = std::string(first.substr(0, space));
  const auto rest = space == std::string_view::npos ? std::string_view() : first.substr(space + 1);
  request.target = std::string(rest.substr(0, rest.find(' ')));
  head.remove_prefix(std::min(head.size(), first.size() + 2));
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos)
      request.headers.emplace_back(std::string(line.substr(0, colon)),
                                   std::string(trimmed(line.substr(colon + 1))));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
  }
  return request;
}

std::size_t body_length(const ReceivedRequest& request) {
  for (const auto& [name, value] : request.headers) {
    std::size_t length = 0;
    if (same_name(name, "content-length") &&
        std::from_chars(value.data(), value.data() + value.size(), length).ec == std::errc{})
      return std::min(length, kMaxRequestBytes);
  }
  return 0;
}

class Server final : public ScriptedServer, public std::enable_shared_from_this<Server> {
 public:
  Server(asio::any_io_executor executor, const Transcript& transcript)
      : executor_(executor), transcript_(transcript), port_(executor), released_(executor), met_(executor) {}

  void launch() { listen(); }

  std::string url() const override { return "http://127.0.0.1:" + std::to_string(port_.endpoint().port()); }

  void expect(const Order& order) override {
    entries_[order.reference].payout_id = order.payout_id;
    bindings_.insert(bindings_.begin(), binding_of(transcript_, order, url()));
  }
  void inject(std::vector<Injection> injections) override { injections_ = std::move(injections); }
  void refuse_first_reference() override { refuse_first_ = true; }
  void answer_in_pairs() override { in_pairs_ = true; }

  void begin_call(const std::string& operation) override {
    ++call_;
    request_ = 0;
    operation_ = operation;
    close_door_if_due();
  }

  void end_call() override {
    released_.notify();
    ++release_count_;
    if (!door_open_) listen();
  }

  const std::vector<Arrival>& arrivals() const override { return arrivals_; }
  int struck() const override { return static_cast<int>(struck_.size()); }
  int times_paid(const std::string& payout_id) const override {
    int times = 0;
    for (const auto& [reference, entry] : entries_)
      if (entry.payout_id == payout_id) times += entry.times_paid;
    return times;
  }
  bool is_spent(const std::string& reference) const override {
    const auto found = entries_.find(reference);
    return found != entries_.end() && found->second.spent;
  }
  const std::string& trouble() const override { return trouble_; }

  void stop() override {
    stopped_ = true;
    close_door();
    end_call_for_good();
  }

 private:
  using Socket = std::shared_ptr<tcp::socket>;

  // ---- the door
  // ------------------------------------------------------------------------------------------------------

  void listen() {
    close_door();
    acceptor_ = open_acceptor(128);
    door_open_ = true;
    asio::co_spawn(executor_, accept(shared_from_this(), acceptor_), reporting());
  }

  std::shared_ptr<tcp::acceptor> open_acceptor(int backlog) {
    auto acceptor = std::make_shared<tcp::acceptor>(executor_);
    acceptor->open(tcp::v4());
    acceptor->set_option(tcp::acceptor::reuse_address(true));
    acceptor->bind(port_.endpoint());
    acceptor->listen(backlog);
    return acceptor;
  }

  void close_door() {
    error_code ignored;
    if (acceptor_) {
      // A process that is being forked holds a copy until it executes: close alone would leave it listening,
      // and the port could not be bound again.
      ::shutdown(acceptor_->native_handle(), SHUT_RDWR);
      acceptor_->close(ignored);
    }
    acceptor_.reset();
    plug_.clear();
    door_open_ = false;
  }

  /// A queue of one that is full: the kernel drops whoever else knocks, as a host does that is away.
  void block_door() {
    close_door();
    acceptor_ = open_acceptor(0);
    error_code ignored;
    plug_.emplace_back(executor_).connect(port_.endpoint(), ignored);
  }

  /// Connection refused and connect time-out must be in place before the client knocks.
  void close_door_if_due() {
    Injection* due = find_due();
    if (due == nullptr) return;
    if (due->fault.kind == Kind::refused) {
      close_door();
    } else if (due->fault.kind == Kind::connect_timeout) {
      block_door();
    } else {
      return;
    }
    strike(*due);
  }

  Injection* find_due() {
    for (Injection& injection : injections_) {
      const bool here = injection.call == call_ && injection.request == request_;
      if (here && !struck_.contains(&injection)) return &injection;
    }
    return nullptr;
  }
  void strike(const Injection& injection) { struck_.insert(&injection); }

  /// The handler of a spawned coroutine: what it throws is trouble of the server.
  std::function<void(std::exception_ptr)> reporting() {
    return [self = shared_from_this()](std::exception_ptr thrown) {
      try {
        if (thrown) std::rethrow_exception(thrown);
      } catch (const std::exception& error) {
        if (!self->stopped_) self->trouble_ = error.what();
      }
    };
  }

  static Awaitable<void> accept(std::shared_ptr<Server> self, std::shared_ptr<tcp::acceptor> acceptor) {
    for (;;) {
      error_code failed;
      auto socket = std::make_shared<tcp::socket>(self->executor_);
      co_await acceptor->async_accept(*socket, asio::redirect_error(asio::use_awaitable, failed));
      if (failed == asio::error::operation_aborted || !acceptor->is_open()) co_return;
      if (failed) continue;
      asio::co_spawn(self->executor_, serve(self, socket), self->reporting());
    }
  }

  // ---- one connection
  // ------------------------------------------------------------------------------------------------

  static void reset(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(tcp::socket::linger(true, 0), ignored);
    socket.close(ignored);
  }

  /// Until the call is over, whatever the client does.
  static Awaitable<void> hold(std::shared_ptr<Server> self) {
    const int before = self->release_count_;
    while (self->release_count_ == before && !self->stopped_) co_await self->released_.wait_until(kNever);
  }

  static Awaitable<void> serve(std::shared_ptr<Server> self, Socket socket) {
    self->open_.push_back(socket);
    error_code ignored;
    socket->set_option(tcp::no_delay(true), ignored);
    Injection* due = self->find_due();
    if (due != nullptr && due->fault.is_of_connection()) {
      co_await spoil_connection(self, socket, *due);
    } else {
      std::string buffer;
      while (co_await serve_request(self, socket, &buffer)) {
      }
    }
    socket->close(ignored);
    self->open_.remove(socket);
  }

  static Awaitable<void> spoil_connection(std::shared_ptr<Server> self, Socket socket, Injection& due) {
    self->strike(due);
    if (due.fault.kind == Kind::reset_after_head) {
      char piece[16];
      error_code failed;
      co_await socket->async_read_some(asio::buffer(piece),
                                       asio::redirect_error(asio::use_awaitable, failed));
    }
    if (due.fault.kind == Kind::never_read) co_await hold(self);
    reset(*socket);
  }

  static Awaitable<std::optional<ReceivedRequest>> read_request(Socket socket, std::string* buffer) {
    error_code failed;
    std::array<char, 8192> piece;
    std::size_t head = 0;
    std::optional<ReceivedRequest> request;
    for (;;) {
      if (!request && (head = buffer->find("\r\n\r\n")) != std::string::npos) {
        request = parse_head(std::string_view(*buffer).substr(0, head));
        head += 4;
      }
      if (request && buffer->size() >= head + body_length(*request)) break;
      if (buffer->size() > kMaxRequestBytes) co_return std::nullopt;
      const std::size_t bytes = co_await socket->async_read_some(
          asio::buffer(piece), asio::redirect_error(asio::use_awaitable, failed));
      if (failed) co_return std::nullopt;
      buffer->append(piece.data(), bytes);
    }
    const std::size_t length = body_length(*request);
    request->body = buffer->substr(head, length);
    buffer->erase(0, head + length);
    co_return request;
  }

  /// False: the connection ends.
  static Awaitable<bool> serve_request(std::shared_ptr<Server> self, Socket socket, std::string* buffer) {
    const auto request = co_await read_request(socket, buffer);
    if (!request || self->stopped_) co_return false;
    Injection* due = self->find_due();
    const Fault fault = due == nullptr ? Fault{} : due->fault;
    if (due != nullptr) self->strike(*due);
    WireAnswer answer = self->process(*request, fault);
    ++self->request_;
    self->close_door_if_due();
    if (self->in_pairs_) co_await meet(self);
    co_return co_await send(self, socket, std::move(answer), fault);
  }

  /// Until another request has come, too.
  static Awaitable<void> meet(std::shared_ptr<Server> self) {
    self->is_waiting_ = !self->is_waiting_;
    if (!self->is_waiting_) {
      ++self->pairs_;
      self->met_.notify();
      co_return;
    }
    const int before = self->pairs_;
    co_await self->met_.wait_for(kPairMoment);
    if (self->pairs_ == before) self->is_waiting_ = false;
  }

  static Awaitable<bool> send(std::shared_ptr<Server> self, Socket socket, WireAnswer answer, Fault fault) {
    // With a connection to each request, a fault of the next connection meets the next request.
    const bool keep_alive = self->injections_.empty();
    if (fault.rewrite) answer = fault.rewrite(std::move(answer));
    std::string text = render(answer, keep_alive);
    const std::size_t head = text.size() - answer.body.size();
    switch (fault.kind) {
      case Kind::silent:
        co_await hold(self);
        reset(*socket);
        co_return false;
      case Kind::closed:
        co_return false;
      case Kind::reset:
        reset(*socket);
        co_return false;
      case Kind::cut_head:
        co_await write(socket, text.substr(0, 10));
        reset(*socket);
        co_return false;
      case Kind::cut:
      case Kind::cut_reset:
        co_await write(socket, text.substr(0, head + answer.body.size() / 2));
        if (fault.kind == Kind::cut_reset) reset(*socket);
        co_return false;
      case Kind::drip:
        co_await drip(self, socket, std::move(text));
        co_return false;
      case Kind::twice:
        co_await write(socket, text + text);
        co_return false;
      default:
        co_return co_await write(socket, std::move(text)) && keep_alive;
    }
  }

  static Awaitable<bool> write(Socket socket, std::string text) {
    error_code failed;
    co_await asio::async_write(*socket, asio::buffer(text),
                               asio::redirect_error(asio::use_awaitable, failed));
    co_return !failed;
  }

  static Awaitable<void> drip(std::shared_ptr<Server> self, Socket socket, std::string text) {
    const int before = self->release_count_;
    for (std::size_t i = 0; i + 1 < text.size() && self->release_count_ == before; ++i) {
      if (!co_await write(socket, text.substr(i, 1))) co_return;
      co_await self->released_.wait_for(kDripPause);
    }
    reset(*socket);
  }

  // ---- the provider
  // --------------------------------------------------------------------------------------------------

  struct Match {
    const Exchange* exchange = nullptr;
    const Binding* binding = nullptr;
    std::string why_not;
  };

  /// The first exchange that fits, for the newest payment that it fits.
  Match match(const ReceivedRequest& request) const {
    Match match;
    int nearest = -1;
    for (const Exchange& exchange : transcript_.exchanges) {
      for (const Binding& binding : bindings_) {
        const std::string why = exchange.request.difference(request, binding);
        if (why.empty()) return {&exchange, &binding, {}};
        if (&binding != &bindings_.front()) continue;
        const int near = nearness(why);
        if (near < nearest) continue;
        if (near > nearest) match.why_not.clear();
        nearest = near;
        match.why_not +=
            (match.why_not.empty() ? "it is not '" : "; it is not '") + exchange.name + "': " + why;
      }
    }
    return match;
  }

  /// How much of the pattern fitted before something did not.
  static int nearness(const std::string& why) {
    if (why.starts_with("its method")) return 0;
    return why.starts_with("its path") ? 1 : 2;
  }

  WireAnswer process(const ReceivedRequest& request, const Fault& fault) {
    Arrival arrival;
    arrival.call = call_;
    arrival.request = request_;
    arrival.operation = operation_;
    const Match found = match(request);
    if (found.exchange == nullptr) {
      arrival.unmatched = request.method + " " + request.target + ": " + found.why_not;
      arrival.answer = {501, "text/plain", {}, "no exchange of the transcript matches this request\n"};
    } else {
      arrival.exchange = found.exchange->name;
      arrival.moves_money = found.exchange->moves_money;
      arrival.reference = found.binding->find("reference")->second;
      arrival.names_reference = found.exchange->request.mentions("reference");
      Entry& entry = entries_[arrival.reference];
      arrival.payout_id = entry.payout_id;
      arrival.reference_spent = entry.spent;
      const int paid_before = entry.times_paid;
      Binding told = *found.binding;
      for (const auto& [name, value] : fault.lie) told[name] = value;
      arrival.answer = answer_of(*found.exchange, entry, fault.processed).render(told);
      if (fault.kind == Kind::delivered_twice)
        arrival.answer = answer_of(*found.exchange, entry, true).render(told);
      arrival.paid = entry.times_paid > paid_before;
    }
    arrivals_.push_back(arrival);
    return arrival.answer;
  }

  const AnswerTemplate& answer_of(const Exchange& exchange, Entry& entry, bool process) {
    const bool before = entry.processed.contains(exchange.name);
    if (exchange.moves_money) {
      if (entry.spent)
        return exchange.repeat ? *exchange.repeat : exchange.spent ? *exchange.spent : exchange.response;
      if (before && exchange.repeat) return *exchange.repeat;
      if (!process) return exchange.response;
      entry.processed.insert(exchange.name);
      if (std::exchange(refuse_first_, false)) {
        entry.spent = true;
        return exchange.spent ? *exchange.spent : exchange.response;
      }
      ++entry.times_paid;
      return exchange.response;
    }
    if (!exchange.after.empty() && !entry.processed.contains(exchange.after)) return *exchange.before;
    if (process) entry.processed.insert(exchange.name);
    if (entry.spent && exchange.spent) return *exchange.spent;
    if (entry.times_paid == 0 && exchange.unpaid) return *exchange.unpaid;
    return before && exchange.repeat ? *exchange.repeat : exchange.response;
  }

  void end_call_for_good() {
    ++release_count_;
    released_.notify();
    error_code ignored;
    for (const Socket& socket : open_) socket->close(ignored);
  }

  asio::any_io_executor executor_;
  const Transcript& transcript_;
  ReservedPort port_;
  std::shared_ptr<tcp::acceptor> acceptor_;
  std::list<tcp::socket> plug_;
  bool door_open_ = false;
  bool stopped_ = false;
  std::list<Socket> open_;
  providers::Event released_;
  int release_count_ = 0;
  bool in_pairs_ = false;
  bool is_waiting_ = false;  ///< a request, for another one
  int pairs_ = 0;
  providers::Event met_;

  std::vector<Injection> injections_;
  std::set<const Injection*> struck_;
  int call_ = -1;
  int request_ = 0;
  std::string operation_;

  std::vector<Binding> bindings_;  ///< newest first
  std::map<std::string, Entry> entries_;
  bool refuse_first_ = false;
  std::vector<Arrival> arrivals_;
  std::string trouble_;
};

}  // namespace

std::shared_ptr<ScriptedServer> ScriptedServer::start(asio::any_io_executor executor,
                                                      const Transcript& transcript) {
  auto server = std::make_shared<Server>(std::move(executor), transcript);
  server->launch();
  return server;
}

}  // namespace payoutd::conformance
