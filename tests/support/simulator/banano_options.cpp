#include "banano_options.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <stdexcept>

namespace simulator {
namespace {

constexpr std::array kFundings{std::pair{std::string_view{"opened"}, BananoFunding::kOpened},
                               std::pair{std::string_view{"pending"}, BananoFunding::kPending},
                               std::pair{std::string_view{"none"}, BananoFunding::kNone}};
constexpr std::array kWorkServers{std::pair{std::string_view{"good"}, BananoWorkServer::kGood},
                                  std::pair{std::string_view{"failing"}, BananoWorkServer::kFailing},
                                  std::pair{std::string_view{"disabled"}, BananoWorkServer::kDisabled},
                                  std::pair{std::string_view{"wrong"}, BananoWorkServer::kWrong}};
constexpr std::array kConfirmations{std::pair{std::string_view{"auto"}, BananoConfirmation::kAuto},
                                    std::pair{std::string_view{"on_request"}, BananoConfirmation::kOnRequest},
                                    std::pair{std::string_view{"manual"}, BananoConfirmation::kManual}};

template <typename Choices>
auto choose(const Choices& choices, std::string_view text) {
  for (const auto& [name, value] : choices) {
    if (name == text) return value;
  }
  std::string message = "must be one of";
  for (const auto& choice : choices) message.append(" ").append(choice.first);
  throw std::invalid_argument(message);
}

template <typename Choices, typename Value>
std::string_view name_in(const Choices& choices, Value value) {
  for (const auto& choice : choices) {
    if (choice.second == value) return choice.first;
  }
  return "?";
}

/// The value of an option: `read` returns it, or throws std::invalid_argument with what it must be.
template <typename Value, typename Read>
void define(CLI::App& app, const std::string& name, Value& value, const std::string& help, Read read) {
  const auto assign = [&value, name, read](const std::string& text) {
    try {
      value = read(text);
    } catch (const std::invalid_argument& error) {
      throw CLI::ValidationError(name, error.what());
    }
  };
  app.add_option_function<std::string>(name, assign, help)->group("Banano");
}

template <typename Value>
Value present(std::optional<Value> value, const char* what) {
  if (!value) throw std::invalid_argument(what);
  return *value;
}

std::string full_hex(const std::string& text) {
  if (text.size() != 64 || !banano::parse_hex<32>(text))
    throw std::invalid_argument("must be 64 hexadecimal digits");
  return text;
}

std::uint32_t whole_number(const std::string& text, std::uint32_t from, std::uint32_t to) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < from || number > to) {
    throw std::invalid_argument("must be a whole number, " + std::to_string(from) + " to " +
                                std::to_string(to));
  }
  return number;
}

}  // namespace

BananoFunding read_funding(const std::string& text) {
  return choose(kFundings, text);
}

BananoWorkServer read_work_server(const std::string& text) {
  return choose(kWorkServers, text);
}

BananoConfirmation read_confirmation(const std::string& text) {
  return choose(kConfirmations, text);
}

std::string_view to_text(BananoWorkServer work_server) {
  return name_in(kWorkServers, work_server);
}

std::string_view to_text(BananoConfirmation confirmation) {
  return name_in(kConfirmations, confirmation);
}

void define_banano_options(CLI::App& app, BananoOptions& options) {
  define(app, "--banano-seed", options.seed, "The seed of the funded accounts and of the node's wallet",
         [](const std::string& text) { return *banano::parse_hex<32>(full_hex(text)); });
  define(app, "--banano-accounts", options.accounts, "How many accounts of the seed there are, from index 0",
         [](const std::string& text) { return whole_number(text, 0, 1000); });
  define(app, "--banano-balance", options.balance, "What each of them has at first, in BAN",
         [](const std::string& text) {
           return present(banano::parse_ban(text), "must be a plain decimal of BAN, like 2000");
         });
  define(app, "--banano-funding", options.funding, "How they have it: opened, pending or none", read_funding);
  define(app, "--banano-work-threshold", options.work_threshold,
         "The least work of a block, in hexadecimal digits; the simulator makes it on its only thread",
         [](const std::string& text) {
           return present(banano::parse_work(text), "must be 1 to 16 hexadecimal digits");
         });
  define(app, "--banano-work-server", options.work_server,
         "What comes of work_generate: good, failing, disabled or wrong", read_work_server);
  define(app, "--banano-confirmation", options.confirmation,
         "When blocks are confirmed: auto (after the processing time), on_request or manual",
         read_confirmation);
  define(app, "--banano-version", options.version, "Behave as this version of the node",
         [](const std::string& text) { return whole_number(text, 20, 25); });
  define(app, "--banano-wallet", options.wallet, "The id of the node's wallet", full_hex);
  define(app, "--banano-callback", options.callback_url, "Where each confirmed block is announced",
         [](const std::string& text) {
           if (!text.starts_with("http://")) throw std::invalid_argument("must begin with http://");
           return text;
         });
  define(app, "--banano-enable-control", options.control, "The node's enable_control: on or off",
         [](const std::string& text) {
           if (text != "on" && text != "off") throw std::invalid_argument("must be on or off");
           return text == "on";
         });
}

}  // namespace simulator
