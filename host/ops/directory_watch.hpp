#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <payoutd/awaitable.hpp>

namespace payoutd::ops {

/// Tells that something below a directory changed, however it was changed: written in place, renamed over,
/// created, removed, or the directory itself replaced (a symbolic link that was turned). It says only that,
/// not what: who uses it looks at the directory. A file system that tells nothing (NFS) is found out by
/// looking from time to time.
class DirectoryWatch {
 public:
  /// The directory need not exist yet.
  DirectoryWatch(boost::asio::any_io_executor executor, std::filesystem::path directory);

  /// True after a change, once nothing more came for `quiet` (at most ten times as long); false after `limit`
  /// without one.
  Awaitable<bool> changed(std::chrono::milliseconds limit, std::chrono::milliseconds quiet);
  /// Ends what waits, for good.
  void stop();

 private:
  void watch();
  Awaitable<bool> event(std::chrono::milliseconds limit);

  boost::asio::any_io_executor executor_;
  std::filesystem::path directory_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;
};

}  // namespace payoutd::ops
