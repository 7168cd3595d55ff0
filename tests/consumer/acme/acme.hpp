#pragma once
#include <payoutd/plugin.hpp>

/// A provider that pays over one JSON request and knows nothing else: the smallest plugin that is complete.
class Acme final : public payoutd::Provider {
 public:
  Acme(payoutd::Services services, const payoutd::Settings& settings);

  static payoutd::SettingsSchema schema();
  static payoutd::Contract contract(const payoutd::Settings& settings);

  std::string account_scope() const override;
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared prepared) override;
  payoutd::Awaitable<payoutd::Status> query(payoutd::Order order, payoutd::Prepared prepared,
                                            std::string provider_ref) override;
  payoutd::Awaitable<void> probe() override;

 private:
  payoutd::Services services_;
  std::string base_url_;
  std::string account_;
};
