#pragma once
#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace payoutd::providers {

/// A frame is a 4-byte length (big endian, of what follows) and one JSON object. Both sides refuse larger
/// ones.
inline constexpr std::size_t kMaxFrameBytes = 4u << 20;

/// What came over the channel is not a frame: too long, not JSON, not an object. Nothing after it can be
/// read.
class FrameError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Appends the frame of `message` to `out`; throws FrameError, leaving `out` as it was, if it is too large.
void append_frame(std::string& out, const boost::json::object& message);

/// Cuts a stream of bytes into frames. Bytes are read into `prepare()` and announced with `commit()`;
/// `next()` then hands out every whole frame.
class FrameReader {
 public:
  /// Room for at least `bytes` more; valid until the next call.
  std::pair<char*, std::size_t> prepare(std::size_t bytes);
  void commit(std::size_t bytes) { end_ += bytes; }

  /// The next whole frame, or nullopt until more bytes come. Throws FrameError.
  std::optional<boost::json::object> next();

 private:
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace payoutd::providers
