// Its contract throws, and not even a std::exception.
#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  static payoutd::Contract contract(const payoutd::Settings&) { throw 42; }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
