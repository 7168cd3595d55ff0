#include <cstdio>
#include <exception>

#include "options.hpp"
#include "simulator.hpp"

int main(int argument_count, char** arguments) {
  const auto options = simulator::read_options(argument_count, arguments);
  try {
    return simulator::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "payoutd-simulator: %s\n", error.what());
    return 1;
  }
}
