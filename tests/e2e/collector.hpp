#pragma once
#include <atomic>
#include <boost/json.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace payoutd::test {

/// One span as it arrived.
struct CollectedSpan {
  std::string name;
  std::string trace_id;
  std::string span_id;
  std::string parent_id;
  std::string state;
  int kind = 0;
  int status = 0;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::map<std::string, std::string> attributes;  ///< numbers as text
  std::map<std::string, std::string> resource;

  std::string attribute(const std::string& key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? std::string() : found->second;
  }
};

/// A collector that takes OTLP over HTTP in JSON, and that can be as bad as a test wants.
class Collector {
 public:
  enum class Mood {
    takes,    ///< 200
    fails,    ///< 500
    silent,   ///< reads the request and never answers
    crawling  ///< answers a second later
  };
  Collector();
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  std::string url() const;
  void be(Mood mood) { mood_ = mood; }

  std::vector<CollectedSpan> spans() const;
  /// Of this trace, by their start.
  std::vector<CollectedSpan> trace(const std::string& trace_id) const;
  /// Every byte that came, heads and bodies.
  std::string received() const;
  int requests() const { return requests_; }

 private:
  void accept();
  void serve(int connection);
  void keep(const std::string& request);

  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<Mood> mood_{Mood::takes};
  std::atomic<int> requests_{0};
  mutable std::mutex mutex_;
  std::string received_;
  std::vector<CollectedSpan> spans_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

}  // namespace payoutd::test
