#include "ctl/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json.hpp>
#include <cerrno>

namespace payoutd::ctl {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace json = boost::json;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

}  // namespace

/// A blocking stream with a deadline, as far as Beast's parser wants one.
struct Client::Connection {
  explicit Connection(int socket) : descriptor(socket) {}
  ~Connection() { ::close(descriptor); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool wait(short what, error_code& ec) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd one{descriptor, what, 0};
    const int ready = left <= 0 ? 0 : ::poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    ec = ready == 0 ? asio::error::timed_out : error_code(errno, boost::system::system_category());
    return ready < 0 && errno == EINTR ? wait(what, ec = {}) : false;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& ec) {
    ec = {};
    if (!wait(POLLIN, ec)) return 0;
    const auto first = *asio::buffer_sequence_begin(buffers);
    const ssize_t got = ::recv(descriptor, first.data(), first.size(), 0);
    if (got > 0) return static_cast<std::size_t>(got);
    ec = got == 0 ? error_code(asio::error::eof) : error_code(errno, boost::system::system_category());
    return 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    error_code ec;
    const std::size_t got = read_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec);
    return got;
  }
  /// How many bytes left; fewer than all of them if the other side is gone.
  std::size_t write(std::string_view text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      error_code ec;
      if (!wait(POLLOUT, ec)) break;
      const ssize_t n = ::send(descriptor, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    return sent;
  }

  int descriptor;
  Clock::time_point deadline{};
  beast::flat_buffer buffer;
};

std::string Answer::code() const {
  const auto* object = body.if_object();
  const auto* error = object == nullptr ? nullptr : object->if_contains("error");
  return error == nullptr || !error->is_object() ? std::string() : std::string(error->at("code").as_string());
}

std::string Answer::message() const {
  if (code().empty()) return "HTTP status " + std::to_string(status);
  return std::string(body.at("error").at("message").as_string());
}

Client::Client(std::string socket_path, std::chrono::milliseconds timeout)
    : path_(std::move(socket_path)), timeout_(timeout) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

void Client::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path)) {
    throw CommandFailed(ExitCode::usage, "The control socket's path is too long: " + path_);
  }
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    connection_ = std::make_unique<Connection>(descriptor);
    return;
  }
  const int reason = errno;
  ::close(descriptor);
  const std::string place = "No host answers on the control socket " + path_ + ": ";
  if (reason == ENOENT) {
    throw HostUnreachable(
        place +
        "it does not exist. Is payoutd running? If its configuration puts the socket elsewhere, "
        "name it with --socket, $PAYOUTD_SOCKET or --config.");
  }
  if (reason == ECONNREFUSED) {
    throw HostUnreachable(place + "nobody listens; the host that made it is gone. Start payoutd.");
  }
  if (reason == EACCES || reason == EPERM) {
    throw HostUnreachable(place +
                          "this user may not use it. Run payoutctl as the host's user, or with sudo.");
  }
  throw HostUnreachable(place + std::system_category().message(reason) + ".");
}

namespace {

std::map<std::string, std::string> headers_of(const beast::http::fields& fields) {
  std::map<std::string, std::string> headers;
  for (const auto& field : fields) {
    std::string name(field.name_string());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    headers[name] = std::string(field.value());
  }
  return headers;
}

}  // namespace

Answer Client::exchange(std::string_view request, bool head_only) {
  connection_->deadline = Clock::now() + timeout_;
  // A host that refuses a body answers before it read all of it, so the answer counts even if not all was
  // sent.
  const bool sent_all = connection_->write(request) == request.size();
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(boost::none);
  parser.skip(head_only);
  error_code ec;
  beast::http::read(*connection_, connection_->buffer, parser, ec);
  if (ec) {
    connection_.reset();
    throw HostUnreachable(
        "The host on " + path_ +
        (ec == asio::error::timed_out ? " did not answer in time" : " went away before it answered") +
        (sent_all ? "" : ", while it was being asked") + ".");
  }
  Answer answer;
  answer.status = static_cast<int>(parser.get().result_int());
  answer.headers = headers_of(parser.get());
  json::error_code unreadable;
  answer.body = json::parse(parser.get().body(), unreadable);
  if (unreadable) answer.body = parser.get().body();
  if (!parser.keep_alive()) connection_.reset();
  return answer;
}

Answer Client::send(std::string_view method, std::string_view target, std::string_view body,
                    std::string_view content_type) {
  std::string request;
  request.reserve(body.size() + 256);
  request.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (!body.empty()) {
    request.append("Content-Type: ").append(content_type);
    request.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  request.append("\r\n").append(body);
  const bool reused = connection_ != nullptr;
  if (!reused) connect();
  if (reused) {
    // The host may have closed the connection while it was idle: nothing was sent yet, so another one is as
    // good.
    pollfd one{connection_->descriptor, POLLIN, 0};
    if (::poll(&one, 1, 0) != 0) connect();
  }
  try {
    return exchange(request, method == "HEAD");
  } catch (const HostUnreachable&) {
    if (!reused || method != "GET") throw;
  }
  connect();
  return exchange(request, false);
}

std::map<std::string, std::string> Client::download(std::string_view target,
                                                    const std::function<void(std::string_view)>& take) {
  connect();
  connection_->deadline = Clock::now() + timeout_;
  connection_->write("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  beast::http::response_parser<beast::http::buffer_body> parser;
  parser.body_limit(boost::none);
  error_code ec;
  beast::http::read_header(*connection_, connection_->buffer, parser, ec);
  const auto cut = [&] {
    connection_.reset();
    return HostUnreachable("The host on " + path_ + " went away in the middle of its answer.");
  };
  if (ec) throw cut();
  if (parser.get().result() != beast::http::status::ok) {
    beast::http::response_parser<beast::http::string_body> refused(std::move(parser));
    beast::http::read(*connection_, connection_->buffer, refused, ec);
    if (ec) throw cut();
    Answer answer;
    answer.status = static_cast<int>(refused.get().result_int());
    answer.headers = headers_of(refused.get());
    answer.body = json::parse(refused.get().body(), ec);
    fail(answer);
  }
  std::vector<char> part(64 * 1024);
  while (!parser.is_done()) {
    connection_->deadline = Clock::now() + timeout_;
    parser.get().body().data = part.data();
    parser.get().body().size = part.size();
    beast::http::read(*connection_, connection_->buffer, parser, ec);
    if (ec == beast::http::error::need_buffer) ec = {};
    if (ec) throw cut();
    take({part.data(), part.size() - parser.get().body().size});
  }
  auto headers = headers_of(parser.get());
  if (!parser.keep_alive()) connection_.reset();
  return headers;
}

json::value Client::get(std::string_view target) {
  Answer answer = send("GET", target);
  if (!answer.ok()) fail(answer);
  return std::move(answer.body);
}

json::value Client::post(std::string_view target, const json::value& body) {
  Answer answer = send("POST", target, json::serialize(body));
  if (!answer.ok()) fail(answer);
  return std::move(answer.body);
}

void fail(const Answer& answer) {
  std::string text = answer.message();
  if (const std::string code = answer.code(); !code.empty()) {
    text += " (" + code;
    if (const auto flow = answer.headers.find("x-request-id");
        answer.status >= 500 && flow != answer.headers.end()) {
      text += ", flow id " + flow->second;
    }
    text += ")";
  }
  throw CommandFailed(answer.status >= 500 ? ExitCode::failed : ExitCode::refused, text);
}

std::string percent_encoded(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return out;
}

}  // namespace payoutd::ctl
