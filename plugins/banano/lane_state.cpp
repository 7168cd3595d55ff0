#include "lane_state.hpp"

#include <charconv>

#include "wire.hpp"

namespace banano {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

/// Written as a text; a database that turned it into a number is understood as well.
std::optional<std::uint64_t> number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
  if (value->is_uint64()) return value->get_uint64();
  const std::string text = text_of(object, key);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

LaneState LaneState::read(const json::object& object, std::string_view network) {
  LaneState state;
  if (text_of(object, "network") != network) return state;
  const auto frontier = parse_bytes32(text_of(object, "frontier"));
  const auto height = number_of(object, "height");
  if (frontier && height && *height > 0) {
    state.frontier = *frontier;
    state.height = *height;
  }
  const json::value* ready = object.if_contains("work");
  if (ready == nullptr || !ready->is_object()) return state;
  const auto root = parse_bytes32(text_of(ready->get_object(), "root"));
  const auto work = parse_hex64(text_of(ready->get_object(), "work"));
  if (root && work) state.ready = Work{*root, *work};
  return state;
}

json::object LaneState::write(std::string_view network) const {
  json::object object{{"network", network}};
  if (height > 0) {
    object["frontier"] = to_hex(frontier);
    object["height"] = std::to_string(height);
  }
  if (ready) object["work"] = json::object{{"root", to_hex(ready->root)}, {"work", to_hex64(ready->work)}};
  return object;
}

void LaneState::confirm(std::uint64_t confirmed_height, const Hash& block) {
  if (confirmed_height <= height) return;
  height = confirmed_height;
  frontier = block;
}

std::optional<std::string> LaneState::objection_to(const AccountInfo& info) const {
  if (info.height < height) {
    return "the node lags behind: it knows " + std::to_string(info.height) + " blocks of the account, but " +
           std::to_string(height) + " were confirmed";
  }
  if (info.height == height && info.frontier != frontier) {
    return "the node has another block at height " + std::to_string(height) + " of the account than the " +
           to_hex(frontier) + " that was confirmed: it is on another ledger";
  }
  return std::nullopt;
}

std::optional<std::uint64_t> LaneState::work_for(const Bytes32& root, std::uint64_t threshold) const {
  if (!ready || ready->root != root || difficulty_of(ready->work, root) < threshold) return std::nullopt;
  return ready->work;
}

}  // namespace banano
