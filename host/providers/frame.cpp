#include "providers/frame.hpp"

namespace payoutd::providers {
namespace {

constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kKeepBytes = 256u << 10;  // a buffer that grew beyond this for one frame is given back

void put_length(char* header, std::size_t length) {
  for (int i = 0; i < 4; ++i)
    header[i] = static_cast<char>(static_cast<unsigned char>(length >> (24 - 8 * i)));
}

std::size_t get_length(const char* header) {
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i) length = (length << 8) | static_cast<unsigned char>(header[i]);
  return length;
}

}  // namespace

void append_frame(std::string& out, const boost::json::object& message) {
  const std::size_t start = out.size();
  out.append(kHeaderBytes, '\0');
  boost::json::serializer serializer;
  serializer.reset(&message);
  char piece[4096];
  while (!serializer.done()) {
    out.append(serializer.read(piece, sizeof piece));
    if (out.size() - start - kHeaderBytes > kMaxFrameBytes) {
      out.resize(start);
      throw FrameError("the message is larger than the limit of " + std::to_string(kMaxFrameBytes) +
                       " bytes");
    }
  }
  put_length(out.data() + start, out.size() - start - kHeaderBytes);
}

std::pair<char*, std::size_t> FrameReader::prepare(std::size_t bytes) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kKeepBytes) std::vector<char>().swap(buffer_);
  }
  if (buffer_.size() - end_ < bytes && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < bytes) buffer_.resize(std::max(end_ + bytes, buffer_.size() * 2));
  return {buffer_.data() + end_, buffer_.size() - end_};
}

std::optional<boost::json::object> FrameReader::next() {
  if (end_ - begin_ < kHeaderBytes) return std::nullopt;
  const std::size_t length = get_length(buffer_.data() + begin_);
  if (length > kMaxFrameBytes) {
    throw FrameError("a frame of " + std::to_string(length) + " bytes is larger than the limit of " +
                     std::to_string(kMaxFrameBytes));
  }
  if (end_ - begin_ < kHeaderBytes + length) return std::nullopt;
  const std::string_view text(buffer_.data() + begin_ + kHeaderBytes, length);
  boost::json::error_code failed;
  boost::json::value value = boost::json::parse(text, failed);
  if (failed) throw FrameError("a frame is not JSON: " + failed.message());
  if (!value.is_object()) throw FrameError("a frame is not a JSON object");
  begin_ += kHeaderBytes + length;
  return std::move(value.get_object());
}

}  // namespace payoutd::providers
