// Frames and the channel: what one side writes the other side reads, and nothing else.
#include "providers/frame.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include "host_fixture.hpp"
#include "providers/channel.hpp"

using namespace contract_tests;
using namespace payoutd::providers;

namespace {

void feed(FrameReader& reader, std::string_view bytes) {
  const auto [data, size] = reader.prepare(bytes.size());
  REQUIRE(size >= bytes.size());
  bytes.copy(data, bytes.size());
  reader.commit(bytes.size());
}

}  // namespace

TEST_CASE("frames survive being cut anywhere", "[frame]") {
  std::string stream;
  for (int i = 0; i < 50; ++i)
    append_frame(stream, {{"id", i}, {"text", std::string(static_cast<std::size_t>(i) * 37, 'x')}});
  for (const std::size_t piece : {1u, 3u, 7u, 1000u, 100000u}) {
    FrameReader reader;
    int next = 0;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      feed(reader, std::string_view(stream).substr(at, piece));
      while (const auto message = reader.next()) CHECK(message->at("id").as_int64() == next++);
    }
    CHECK(next == 50);
  }
}

TEST_CASE("what is no frame is refused", "[frame]") {
  const auto refuses = [](std::string_view bytes) {
    FrameReader reader;
    feed(reader, bytes);
    CHECK_THROWS_AS(reader.next(), FrameError);
  };
  refuses(std::string_view("\xff\xff\xff\xff", 4));
  refuses(std::string_view("\0\x40\0\1", 4));
  refuses(std::string_view("\0\0\0\2[]", 6));
  refuses(std::string_view("\0\0\0\1{", 5));
  refuses(std::string_view("\0\0\0\0", 4));
  refuses(std::string_view("\0\0\0\x09{\"a\":\"\xff\"}", 13));
  std::string out = "before";
  CHECK_THROWS_AS(append_frame(out, {{"text", std::string(kMaxFrameBytes, 'x')}}), FrameError);
  CHECK(out == "before");
}

TEST_CASE("a channel gathers writes and reports the end", "[frame]") {
  boost::asio::io_context io(1);
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  const auto channel = Channel::open(io.get_executor(), pair[0]);
  std::string closed;
  channel->start({.on_message = {}, .on_closed = [&](std::string why) { closed = why; }});
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    channel->send({{"id", i}});
    append_frame(expected, {{"id", i}});
  }
  REQUIRE(run_until(io, [&] { return channel->unsent_bytes() == 0; }));
  std::string got(expected.size() + 1, '\0');
  // One write, so one read finds everything.
  CHECK(::recv(pair[1], got.data(), got.size(), MSG_DONTWAIT) == static_cast<ssize_t>(expected.size()));
  got.resize(expected.size());
  CHECK(got == expected);
  ::close(pair[1]);
  REQUIRE(run_until(io, [&] { return !closed.empty(); }));
  CHECK(closed == "the other side closed the channel");
  CHECK_FALSE(channel->is_open());
  channel->send({{"id", 1}});  // swallowed
}

TEST_CASE("a reader that is slower than the writer gets everything in order", "[frame]") {
  boost::asio::io_context io(1);
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  const auto left = Channel::open(io.get_executor(), pair[0]);
  const auto right = Channel::open(io.get_executor(), pair[1]);
  std::int64_t next = 0;
  left->start({});
  for (int i = 0; i < 2000; ++i) left->send({{"id", i}, {"text", std::string(2000, 'y')}});
  io.run_for(20ms);
  right->start(
      {.on_message = [&](boost::json::object message) { next += message.at("id").as_int64() == next; },
       .on_closed = {}});
  CHECK(run_until(io, [&] { return next == 2000; }));
}
