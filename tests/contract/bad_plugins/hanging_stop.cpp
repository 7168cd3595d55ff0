// Its destructor never returns, and it ignores SIGTERM.
#include <unistd.h>

#include <csignal>

#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  ~Plugin() override {
    std::signal(SIGTERM, SIG_IGN);
    for (;;) ::pause();
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
