#pragma once
#include <cstdint>
#include <string>

#include "banano_amount.hpp"
#include "banano_crypto.hpp"

namespace CLI {
class App;
}

namespace simulator {

/// What the accounts of the seed hold when the node starts.
enum class BananoFunding {
  kOpened,   // opened and confirmed
  kPending,  // sent to them and confirmed, not received
  kNone,
};

enum class BananoWorkServer {
  kGood,
  kFailing,   // work_generate ends without work
  kDisabled,  // this node makes none
  kWrong,     // answers work that is below what was asked for, and says that it is enough
};

/// When a block that reached the ledger becomes confirmed.
enum class BananoConfirmation {
  kAuto,       // after the processing time
  kOnRequest,  // only when block_confirm asks for it, after the processing time
  kManual,     // only by command
};

struct BananoOptions {
  banano::SeedBytes seed{};
  std::uint32_t accounts = 4;  // indexes 0 to accounts - 1
  banano::Raw balance = *banano::parse_ban("1000000");
  BananoFunding funding = BananoFunding::kOpened;
  std::uint64_t work_threshold = 0xff00000000000000ULL;  // the test network's
  BananoWorkServer work_server = BananoWorkServer::kGood;
  BananoConfirmation confirmation = BananoConfirmation::kAuto;
  std::uint32_t version = 20;
  std::string wallet = std::string(64, '1');
  std::string callback_url;
  bool control = true;  // enable_control of the node
};

/// Each throws std::invalid_argument, which names the choices.
BananoFunding read_funding(const std::string& text);
BananoWorkServer read_work_server(const std::string& text);
BananoConfirmation read_confirmation(const std::string& text);
std::string_view to_text(BananoWorkServer work_server);
std::string_view to_text(BananoConfirmation confirmation);

void define_banano_options(CLI::App& app, BananoOptions& options);

}  // namespace simulator
