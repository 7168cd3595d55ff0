#include "harness/host_process.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "openapi/api_contract.hpp"

namespace payoutd::test {

using std::chrono::seconds;

std::filesystem::path build_bin() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}
std::filesystem::path build_plugins() {
  return build_bin().parent_path() / "plugins";
}

// Below the range that the kernel gives to outgoing connections: one of those could take the port of a host
// that is being started again.
std::uint16_t free_port() {
  constexpr int kFirst = 15'000;
  constexpr int kCount = 15'000;
  static int next = static_cast<int>(::getpid()) * 37 % kCount;
  for (int tries = 0; tries < kCount; ++tries) {
    const auto port = static_cast<std::uint16_t>(kFirst + next);
    next = (next + 1) % kCount;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (is_free) return port;
  }
  throw std::runtime_error("no free port");
}

HostProcess::HostProcess(HostSettings settings) : settings_(std::move(settings)), port_(free_port()) {
  std::filesystem::create_directories(settings_.directory);
}

HostProcess::~HostProcess() = default;

std::filesystem::path HostProcess::control_socket() const {
  return settings_.directory / "control.sock";
}

std::string HostProcess::momo_yaml() const {
  std::map<std::string, std::string> momo{{"base_url", settings_.momo_url},
                                          {"target_environment", "sandbox"},
                                          {"api_user", "user"},
                                          {"absence_wait", "1s"},
                                          {"submit_window", "3s"},
                                          {"response_timeout", "2s"},
                                          {"query_rate_per_s", "0"},
                                          {"concurrency", "16"}};
  for (const auto& [name, value] : settings_.momo) momo[name] = value;
  std::string out = "  momo:\n    plugin: momo\n    settings:\n";
  for (const auto& [name, value] : momo) out += "      " + name + ": \"" + value + "\"\n";
  out += "    secrets:\n";
  for (const auto& [name, value] : settings_.secrets) out += "      " + name + ": \"" + value + "\"\n";
  return out + settings_.more_of_momo;
}

void HostProcess::write_configuration() const {
  std::map<std::string, std::string> engine{{"claim_interval", "100ms"}, {"poll_interval", "300ms"}};
  for (const auto& [name, value] : settings_.engine) engine[name] = value;

  std::ofstream out(settings_.directory / "payoutd.yaml", std::ios::trunc);
  if (!settings_.scripts_directory.empty())
    out << "scripts_dir: " << settings_.scripts_directory.string() << "\n";
  out << "environment: dev\nname: " << settings_.name
      << "\nstate_dir: " << (settings_.directory / "state").string()
      << "\ncontrol_socket: " << control_socket().string() << "\nplugins_dir: "
      << (settings_.plugins_directory.empty() ? build_plugins() : settings_.plugins_directory).string()
      << "\ninstance_key: " << settings_.instance_key << "\npublic_url: http://127.0.0.1:" << port_
      << "\nhttp:\n  listen: " << settings_.listen << ":" << port_ << "\ndatabase: \"" << settings_.database
      << "\"\nlogging:\n  level: debug\n  format: json\nengine:\n";
  for (const auto& [name, value] : engine) out << "  " << name << ": " << value << "\n";
  out << "  backoff: {base: 300ms, max: 2s, max_attempts: 3}\n  query_backoff: {base: 300ms, max: 2s}\n"
      << "providers:\n";
  if (!settings_.momo_url.empty()) out << momo_yaml();
  for (const PayingProvider& provider : settings_.providers) out << provider.yaml();
  out << settings_.more_providers << settings_.more_sections;
}

void HostProcess::write_faults() const {
  std::ofstream(settings_.directory / "faults", std::ios::trunc) << settings_.faults << '\n';
}

void HostProcess::start_without_waiting() {
  write_configuration();
  launch();
}

void HostProcess::start_as_edited() {
  launch();
  wait_or_throw();
}

void HostProcess::launch() {
  ChildProcess::Start start;
  start.program = build_bin() / "payoutd";
  start.arguments = {"--config", (settings_.directory / "payoutd.yaml").string()};
  write_faults();
  start.environment = settings_.environment;
  start.environment["PAYOUTD_FAULTS_FILE"] = (settings_.directory / "faults").string();
  start.log = settings_.directory / "host.log";
  process_ = std::make_unique<ChildProcess>(start);
}

bool HostProcess::wait_until_listening(std::chrono::milliseconds limit) {
  return eventually(limit,
                    [this] {
                      if (!running()) return true;
                      simulator::WireClient client("http://127.0.0.1:" + std::to_string(port_));
                      return client.exchange("GET", "/livez", {}, "", seconds{2}).answered(200);
                    }) &&
         running();
}

bool HostProcess::wait_until_ready(std::chrono::milliseconds limit) {
  return eventually(limit,
                    [this] {
                      if (!running()) return true;
                      simulator::WireClient client("http://127.0.0.1:" + std::to_string(port_));
                      return client.exchange("GET", "/readyz", {}, "", seconds{2}).answered(200);
                    }) &&
         running();
}

void HostProcess::start() {
  start_without_waiting();
  wait_or_throw();
}

void HostProcess::wait_or_throw() {
  if (!wait_until_listening()) throw std::runtime_error("the host did not start:\n" + log_end());
}

void HostProcess::arm(const std::string& faults) {
  settings_.faults = faults;
  write_faults();
}

void HostProcess::disarm() {
  arm({});
}

void HostProcess::kill() {
  process_->signal(SIGKILL);
  process_->wait(seconds{10});
}

int HostProcess::stop() {
  process_->signal(SIGTERM);
  const auto status = process_->wait(seconds{60});
  if (!status) throw std::runtime_error("the host did not stop:\n" + log_end());
  return *status;
}

pid_t HostProcess::provider() const {
  const auto all = children_of(process_->pid(), "payoutd-provider");
  return all.empty() ? 0 : all.front();
}

std::string HostProcess::log() const {
  std::ifstream in(settings_.directory / "host.log");
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string HostProcess::log_end(std::size_t bytes) const {
  const std::string all = log();
  return all.substr(all.size() > bytes ? all.size() - bytes : 0);
}

simulator::Reply HostProcess::request(const std::string& method, const std::string& target,
                                      const std::string& body, const simulator::Headers& headers) {
  simulator::WireClient client("http://127.0.0.1:" + std::to_string(port_));
  simulator::Headers all = headers;
  if (!body.empty()) all.emplace_back("Content-Type", "application/json");
  simulator::Reply reply = client.exchange(method, target, all, body, seconds{30});
  if (reply.wire != simulator::Wire::kAnswered) {
    throw std::runtime_error(method + " " + target + " got no answer:\n" + log_end());
  }
  ApiRequest asked{.method = method, .target = target, .body = body};
  for (const auto& [name, value] : all) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    asked.headers[lower] = value;
  }
  ApiContract::of_this_build().require(asked, {reply.status, reply.headers, reply.body});
  return reply;
}

boost::json::value HostProcess::get(const std::string& target) {
  return boost::json::parse(request("GET", target).body);
}

}  // namespace payoutd::test
