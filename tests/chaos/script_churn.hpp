#pragma once
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace payoutd::test {

/// An operator who cannot leave the scripts alone: good, better and broken ones, saved in every way, without
/// a pause.
class ScriptChurn {
 public:
  explicit ScriptChurn(std::filesystem::path directory) : directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_ / "abuse");
    std::filesystem::create_directories(directory_ / "backoff");
    save("abuse/velocity.lua", velocity(1));
    save("backoff/default.lua", schedule(1));
  }
  /// Once a host has taken the scripts over: before, a broken one rightly keeps it from starting.
  void begin() {
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptChurn() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  void run() {
    for (int i = 2; !stopping_; ++i) {
      switch (i % 4) {
        case 0:
          save("abuse/velocity.lua", velocity(i).substr(0, 90));  // half of it
          break;
        case 1:
          save("backoff/default.lua", schedule(i));
          break;
        case 2:
          save("abuse/velocity.lua", velocity(i));
          break;
        default:
          std::filesystem::remove(directory_ / "backoff/default.lua");
          break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{120});
    }
    save("abuse/velocity.lua", velocity(1));
    save("backoff/default.lua", schedule(1));
  }

  void save(const std::string& name, const std::string& text) const {
    const auto aside = directory_ / (name + ".saving");
    std::ofstream(aside, std::ios::trunc) << text;
    std::filesystem::rename(aside, directory_ / name);
  }

  // Both ask for history, and allow everything.
  static std::string velocity(int version) {
    return "-- version " + std::to_string(version) +
           "\nlocal rule = {}\nrule.needs = { n = { what = 'count', by = 'destination', window = '24h' } }\n"
           "function rule.check(payout, history)\n  if history.n > 1000000 then return 'hold', 'many' end\n"
           "  return 'allow'\nend\nrule.tests = { { name = 'few', history = { n = 1 }, expect = 'allow' } }\n"
           "return rule\n";
  }
  // Wants everything at once, whatever is known of it.
  static std::string schedule(int version) {
    return "-- version " + std::to_string(version) +
           "\nlocal s = {}\nfunction s.next(attempt)\n  if attempt.purpose == 'retry' and attempt.count > 3 "
           "then\n"
           "    return 'give_up'\n  end\n  return 0.1\nend\n"
           "s.tests = { { name = 'soon', attempt = { purpose = 'query', count = 1 }, expect = 0.1 } "
           "}\nreturn s\n";
  }

  std::filesystem::path directory_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace payoutd::test
