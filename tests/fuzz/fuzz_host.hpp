#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "http/fake_host.hpp"
#include "http/router.hpp"
#include "ops/log.hpp"

/// What the fuzz targets of the API share: the real router before a host whose payouts live in a map.
namespace payoutd::fuzz {

/// A promise of the code under test. Ends the process, as libFuzzer wants it, and says which.
inline void expect(bool holds, std::string_view promise) {
  if (holds) return;
  std::cerr << "broken promise: " << promise << '\n';
  std::abort();
}

/// One thread, no sockets.
struct FuzzHost {
  explicit FuzzHost(http::RouterOptions options = {}) : router(host, std::move(options)) {
    log::configure({log::Level::error, log::Format::json, {}, [](std::string_view) {}});
  }

  /// Everything that was made is forgotten now and then, so that a long run does not grow.
  void forget() {
    if (++runs % 500 != 0) return;
    host.entries.clear();
    host.by_key.clear();
    host.counted.clear();
    host.replays.clear();
    host.auth_refusals.clear();
  }

  /// As the server calls it: what the head alone decides, then the route.
  http::Response ask(http::Request request) {
    http::Service::Screening screening = router.screen(request);
    if (screening.refusal) return std::move(*screening.refusal);
    if (request.body.size() > screening.body_limit) return http::refuse(413, "BODY_TOO_LARGE", "");
    std::optional<http::Response> answer;
    boost::asio::co_spawn(io, router.handle(std::move(request)),
                          [&](std::exception_ptr error, http::Response response) {
                            expect(!error, "the router never throws");
                            answer = std::move(response);
                          });
    io.restart();
    while (!answer) expect(io.run_one() == 1, "every request comes to an answer");
    return std::move(*answer);
  }

  test::FakeHost host;
  http::Router router;
  boost::asio::io_context io{1};
  std::size_t runs = 0;
};

/// A FakeHost throws at this destination, on purpose.
inline bool asks_for_trouble(std::string_view text) {
  return text.find("broken") != std::string_view::npos || text.find('\\') != std::string_view::npos;
}

}  // namespace payoutd::fuzz
