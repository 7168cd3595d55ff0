#include "ops/directory_watch.hpp"

#include <sys/inotify.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <system_error>

namespace payoutd::ops {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::uint32_t kBelow = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                 IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// Of the directories on the way only the names matter: one of them may be a link that is turned.
constexpr std::uint32_t kOnTheWay = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
constexpr int kDeepest = 4;
constexpr int kMostLinks = 16;

}  // namespace

DirectoryWatch::DirectoryWatch(asio::any_io_executor executor, fs::path directory)
    : executor_(executor), directory_(fs::absolute(directory)), descriptor_(executor), timer_(executor) {
  watch();
}

// A new descriptor each time is simpler than to follow what became of every directory.
void DirectoryWatch::watch() {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "inotify");
  descriptor_.assign(fd);
  // Watches are added as far as they can be; what cannot be watched is found by looking.
  fs::path link = directory_;
  for (int i = 0; i < kMostLinks; ++i) {
    ::inotify_add_watch(fd, link.parent_path().c_str(), kOnTheWay);
    std::error_code failed;
    const fs::path target = fs::read_symlink(link, failed);
    if (failed) break;
    link = target.is_absolute() ? target : link.parent_path() / target;
  }
  std::error_code failed;
  ::inotify_add_watch(fd, directory_.c_str(), kBelow);
  for (auto at = fs::recursive_directory_iterator(directory_, fs::directory_options::skip_permission_denied,
                                                  failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    if (at.depth() > kDeepest) at.disable_recursion_pending();
    if (at->is_directory(failed)) ::inotify_add_watch(fd, at->path().c_str(), kBelow);
  }
}

Awaitable<bool> DirectoryWatch::event(milliseconds limit) {
  timer_.expires_after(limit);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) descriptor_.cancel();
  });
  std::array<char, 4096> ignored_events;
  boost::system::error_code failed;
  co_await descriptor_.async_read_some(asio::buffer(ignored_events),
                                       asio::redirect_error(asio::use_awaitable, failed));
  timer_.cancel();
  co_return !failed;
}

Awaitable<bool> DirectoryWatch::changed(milliseconds limit, milliseconds quiet) {
  if (stopped_ || !co_await event(limit)) co_return false;
  const auto until = steady_clock::now() + 10 * quiet;
  while (!stopped_ && steady_clock::now() < until && co_await event(quiet)) {
  }
  if (!stopped_) watch();
  co_return true;
}

void DirectoryWatch::stop() {
  stopped_ = true;
  timer_.cancel();
  boost::system::error_code ignored;
  descriptor_.cancel(ignored);
}

}  // namespace payoutd::ops
