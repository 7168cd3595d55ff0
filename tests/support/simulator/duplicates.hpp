#pragma once

namespace simulator {

/// What a provider does with a request whose id it has seen, where its description says nothing about it.
enum class Duplicates {
  kPay,     // pays again
  kRefuse,  // refuses the request
  kReplay,  // answers as it did, and pays nothing
};

}  // namespace simulator
