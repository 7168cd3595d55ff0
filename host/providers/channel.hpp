#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace payoutd::providers {

/// One end of the socket pair between host and provider process. Writes are gathered: everything that is sent
/// within one turn of the event loop, or while an earlier write is under way, leaves in one write.
///
/// One thread. The callbacks run on the executor and never from within send(); after `on_closed` none comes.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  struct Callbacks {
    std::function<void(boost::json::object)> on_message;
    /// The other side closed, or sent what is no frame; the sentence says which.
    std::function<void(std::string reason)> on_closed;
  };

  /// Takes ownership of `fd`, a connected stream socket.
  static std::shared_ptr<Channel> open(boost::asio::any_io_executor executor, int fd);
  virtual ~Channel() = default;

  virtual void start(Callbacks callbacks) = 0;

  /// Throws FrameError if the message is too large; a closed channel swallows it.
  virtual void send(const boost::json::object& message) = 0;

  virtual bool is_open() const noexcept = 0;
  virtual std::size_t unsent_bytes() const noexcept = 0;

  /// Blocks for at most `limit` until everything has been handed to the kernel; for the last words of a
  /// process.
  virtual void flush_for(std::chrono::milliseconds limit) = 0;

  /// Closes without a callback.
  virtual void close() = 0;
};

}  // namespace payoutd::providers
