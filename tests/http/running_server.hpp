#pragma once
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include "fake_host.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "raw_client.hpp"

namespace payoutd::test {

/// A folder that goes with the test.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "payoutd-http-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

/// The real server and router before a FakeHost, on a thread of their own, as the host has one.
class RunningServer {
 public:
  explicit RunningServer(http::ServerOptions options = {}, http::RouterOptions limits = {})
      : router(host, limits) {
    if (options.control_socket.empty()) options.control_socket = folder.path / "control.sock";
    socket = options.control_socket.string();
    server.emplace(io.get_executor(), router, options);
    server->start();
    thread = std::thread([this] { io.run(); });
  }
  ~RunningServer() {
    if (thread.joinable()) stop(std::chrono::seconds(5));
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  /// As Server::stop(); ends the thread.
  bool stop(std::chrono::milliseconds limit) {
    std::promise<bool> clean;
    boost::asio::co_spawn(io, server->stop(limit),
                          [&](std::exception_ptr error, bool result) { clean.set_value(!error && result); });
    const bool result = clean.get_future().get();
    guard.reset();
    io.stop();
    thread.join();
    return result;
  }

  /// Returns when so many payouts have reached the host.
  void await_admissions(int count) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (host.admissions < count) {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("no payout reached the host");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  RawClient client() const { return RawClient::tcp(server->port()); }
  RawClient operator_client() const { return RawClient::unix_socket(socket); }
  RawResponse ask(const std::string& bytes) const {
    RawClient one = client();
    one.send(bytes);
    return one.receive();
  }
  RawResponse ask_as_operator(const std::string& bytes) const {
    RawClient one = operator_client();
    one.send(bytes);
    return one.receive();
  }

  TemporaryFolder folder;
  std::string socket;
  FakeHost host;
  http::Router router;
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  std::optional<http::Server> server;
  std::thread thread;
};

}  // namespace payoutd::test
