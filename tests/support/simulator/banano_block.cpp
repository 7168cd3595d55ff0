#include "banano_block.hpp"

#include <boost/property_tree/ptree.hpp>

namespace simulator::banano {
namespace {

using Tree = boost::property_tree::ptree;

std::string text_of(const Tree& tree, const char* field) {
  return tree.get<std::string>(field, {});
}

}  // namespace

Hash StateBlock::hash() const {
  Bytes<32> preamble{};
  preamble[31] = 6;
  Bytes<16> big_endian{};
  for (std::size_t at = 0; at < 16; ++at) {
    big_endian[at] = static_cast<unsigned char>(balance >> (8 * (15 - at)));
  }
  return blake2b<32>({preamble, account, previous, representative, big_endian, link});
}

std::optional<StateBlock> read_block(const Tree& tree) {
  const auto link_text = text_of(tree, "link");
  const auto account = parse_address(text_of(tree, "account"));
  const auto previous = parse_hex<32>(text_of(tree, "previous"));
  const auto representative = parse_address(text_of(tree, "representative"));
  const auto balance = parse_raw(text_of(tree, "balance"));
  auto link = parse_address(link_text);
  if (!link) link = parse_hex<32>(link_text);
  const auto signature = parse_hex<64>(text_of(tree, "signature"));
  const auto work = parse_work(text_of(tree, "work"));
  if (text_of(tree, "type") != "state" || !account || !previous || !representative || !balance || !link ||
      !signature || !work) {
    return std::nullopt;
  }
  return StateBlock{*account, *previous, *representative, *balance, *link, *signature, *work};
}

Tree write_block(const StateBlock& block) {
  Tree tree;
  tree.put("type", "state");
  tree.put("account", to_address(block.account));
  tree.put("previous", to_hex(block.previous));
  tree.put("representative", to_address(block.representative));
  tree.put("balance", raw_text(block.balance));
  tree.put("link", to_hex(block.link));
  tree.put("link_as_account", to_address(block.link));
  tree.put("signature", to_hex(block.signature));
  tree.put("work", work_text(block.work));
  return tree;
}

}  // namespace simulator::banano
