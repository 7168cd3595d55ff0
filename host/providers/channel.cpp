#include "providers/channel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include "providers/frame.hpp"

namespace payoutd::providers {
namespace {

namespace asio = boost::asio;
constexpr std::size_t kReadBytes = 64u << 10;

class SocketChannel final : public Channel {
 public:
  SocketChannel(asio::any_io_executor executor, int fd)
      : socket_(executor, asio::local::stream_protocol(), fd) {}

  void start(Callbacks callbacks) override {
    callbacks_ = std::move(callbacks);
    read();
  }

  void send(const boost::json::object& message) override {
    if (!is_open()) return;
    append_frame(gathered_, message);
    if (write_planned_) return;
    write_planned_ = true;
    asio::post(socket_.get_executor(), [self = self()] { self->write(); });
  }

  bool is_open() const noexcept override { return socket_.is_open(); }
  std::size_t unsent_bytes() const noexcept override { return gathered_.size() + leaving_.size() - left_; }

  void flush_for(std::chrono::milliseconds limit) override {
    const auto until = std::chrono::steady_clock::now() + limit;
    std::string rest = leaving_.substr(left_) + gathered_;
    gathered_.clear();
    std::size_t done = 0;
    while (is_open() && done < rest.size()) {
      const auto n = ::send(socket_.native_handle(), rest.data() + done, rest.size() - done,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
        done += static_cast<std::size_t>(n);
        continue;
      }
      if (errno == EINTR) continue;
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd ready{socket_.native_handle(), POLLOUT, 0};
      if (errno != EAGAIN || left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0)
        return;
    }
  }

  void close() override {
    callbacks_ = {};
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  std::shared_ptr<SocketChannel> self() {
    return std::static_pointer_cast<SocketChannel>(shared_from_this());
  }

  void fail(std::string reason) {
    const auto on_closed = std::move(callbacks_.on_closed);
    close();
    if (on_closed) on_closed(std::move(reason));
  }

  void read() {
    const auto [data, size] = reader_.prepare(kReadBytes);
    socket_.async_read_some(asio::buffer(data, size),
                            [self = self()](const boost::system::error_code& failed, std::size_t bytes) {
                              self->on_read(failed, bytes);
                            });
  }

  void on_read(const boost::system::error_code& failed, std::size_t bytes) {
    if (!is_open()) return;
    if (failed)
      return fail(failed == asio::error::eof ? "the other side closed the channel" : failed.message());
    reader_.commit(bytes);
    try {
      while (is_open()) {
        auto message = reader_.next();
        if (!message) break;
        // A copy: the callback may close the channel, and with it go the callbacks.
        const auto on_message = callbacks_.on_message;
        if (on_message) on_message(std::move(*message));
      }
    } catch (const FrameError& error) {
      return fail(error.what());
    }
    if (is_open()) read();
  }

  void write() {
    if (!is_open() || gathered_.empty()) {
      write_planned_ = false;
      return;
    }
    leaving_.swap(gathered_);
    gathered_.clear();
    left_ = 0;
    write_some();
  }

  void write_some() {
    socket_.async_write_some(asio::buffer(leaving_.data() + left_, leaving_.size() - left_),
                             [self = self()](const boost::system::error_code& failed, std::size_t bytes) {
                               self->on_written(failed, bytes);
                             });
  }

  void on_written(const boost::system::error_code& failed, std::size_t bytes) {
    if (!is_open()) return;
    if (failed) return fail("writing to the channel failed: " + failed.message());
    left_ += bytes;
    if (left_ < leaving_.size()) return write_some();
    leaving_.clear();
    left_ = 0;
    write();
  }

  asio::local::stream_protocol::socket socket_;
  Callbacks callbacks_;
  FrameReader reader_;
  std::string gathered_;  // waits for the next write
  std::string leaving_;   // the write under way …
  std::size_t left_ = 0;  // … and how much of it the kernel took
  bool write_planned_ = false;
};

}  // namespace

std::shared_ptr<Channel> Channel::open(asio::any_io_executor executor, int fd) {
  return std::make_shared<SocketChannel>(std::move(executor), fd);
}

}  // namespace payoutd::providers
