#pragma once
#include <cstdint>
#include <string>

#include "banano_options.hpp"
#include "flooz.hpp"
#include "momo.hpp"
#include "protocol.hpp"
#include "thunes.hpp"
#include "tmoney.hpp"

namespace simulator {

struct ListenAddress {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
};

struct Options {
  ListenAddress momo;
  ListenAddress thunes;
  ListenAddress tmoney;
  ListenAddress flooz;
  ListenAddress banano;
  ListenAddress control;
  std::uint64_t seed = 1;
  Timing timing;
  MomoOptions momo_options;
  ThunesOptions thunes_options;
  TmoneyOptions tmoney_options;
  FloozOptions flooz_options;
  BananoOptions banano_options;
  bool log = false;
  bool die_with_parent = false;
};

/// Reads the command line. Exits the process itself for --help and for what it cannot read, with a sentence
/// that says which option is wrong and why.
Options read_options(int argument_count, char** arguments);

}  // namespace simulator
